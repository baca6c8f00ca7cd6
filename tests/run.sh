#!/usr/bin/env bash
# Builds and runs every test of Regulus; installs the Debian packages it needs where it may. Ends with the line "N passed, N failed, N skipped".
#
#   tests/run.sh            everything (an hour on two cores)
#   tests/run.sh STAGE...   some of: programs headers clang wiring install onednn3 nvcc end_to_end threads sanitize fuzz
#
# REGULUS_BUILD  folder for build trees (default: build-tests in the project)      JOBS  parallel jobs (default: all cores)
# REGULUS_SHARED folder of the shared inputs (default: ../shared); tests that need what is not there are counted as skipped.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
root=$PWD
build=${REGULUS_BUILD:-$root/build-tests}
jobs=${JOBS:-$(nproc)}
export OMP_WAIT_POLICY=passive  # test programs run side by side; threads that spin would take the cores from each other
export CCACHE_SLOPPINESS=pch_defines,time_macros
exec </dev/null
mkdir -p "$build/logs"

. .ci/packages.sh
install_packages "${test_packages[@]}" || exit 1

passed=0 failed=0 skipped=0
failed_stages=()

# stage NAME COMMAND...: runs it into a log and adds up its lines "N passed, N failed, N skipped". A command that fails without counting a failure, or that
# counts nothing at all, is one failure.
stage() {
    local name=$1 log=$build/logs/$1.log begin=$SECONDS status=0 p f s counts
    shift
    "$@" >"$log" 2>&1 || status=$?
    counts=$(sed -nE 's/^([0-9]+: )?([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\2 \3 \4/p' "$log" | awk '{p += $1; f += $2; s += $3} END {if (NR) print p, f, s}')
    read -r p f s <<<"${counts:-0 0 0}"
    [ -z "$counts" ] && [ "$status" -eq 0 ] && status=1
    [ "$status" -ne 0 ] && [ "$f" -eq 0 ] && f=1
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    printf '%-11s %4d passed, %d failed, %d skipped  (%d s)\n' "$name" "$p" "$f" "$s" $((SECONDS - begin))
    if [ "$f" -ne 0 ]; then
        failed_stages+=("$name")
        grep -nE 'error:|ERROR:|FAILED|\*\*\*Failed|SUMMARY: |undefined reference|fatal:' "$log" | head -40
        echo "--- the last lines of ${log#"$root"/}"
        tail -n 40 "$log"
        echo "---"
    fi
}

configure() {  # configure TREE OPTION...
    local tree=$1
    shift
    local launcher=()
    command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    cmake -S "$root" -B "$tree" -G Ninja "${launcher[@]}" -DREGULUS_BUILD_TESTS=ON -DREGULUS_BUILD_EXAMPLES=ON "$@"
}

run_programs() {  # run_programs TREE
    (cd "$1" && ctest --verbose --parallel "$jobs" --timeout 1500 --no-tests=error)
}

programs() { configure "$build/release" -DCMAKE_BUILD_TYPE=Release && cmake --build "$build/release" -j "$jobs" && run_programs "$build/release"; }

headers() { tests/headers/check.sh "$build/release" "$jobs"; }

wiring() {  # both compilers side by side
    local status=0
    tests/wiring/check.sh g++ &
    tests/wiring/check.sh clang++ || status=1
    wait $! && return $status
}

sanitize() {
    configure "$build/sanitize" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1" -DREGULUS_SANITIZE=ON && cmake --build "$build/sanitize" -j "$jobs" &&
        ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1 run_programs "$build/sanitize"
}

end_to_end() {
    local logs=$build/logs/end_to_end status=0
    rm -rf "$logs" && mkdir -p "$logs"
    printf '%s\n' tests/end_to_end/*.sh | xargs -P "$jobs" -I CHECK sh -c '"$0" "$1" >"$2/$(basename "$0").log" 2>&1' CHECK "$build/release" "$logs" || status=1
    cat "$logs"/*.log
    return $status
}

run_stage() {
    case $1 in
        programs | headers | wiring | sanitize | end_to_end) stage "$1" "$1" ;;
        clang) stage clang tests/headers/clang.sh "$build" "$jobs" ;;
        install) stage install tests/install/check.sh "$build/release" "$build/install" "$jobs" ;;
        onednn3) stage onednn3 tests/onednn3/check.sh ;;
        nvcc) stage nvcc tests/cuda/nvcc.sh ;;
        threads) stage threads tests/threads/check.sh "$build" ;;
        fuzz) REGULUS_BUILD=$build/fuzz JOBS=$jobs stage fuzz tests/fuzz/run.sh 20 ;;
        *) echo "no stage is called $1; there are: programs headers clang wiring install onednn3 nvcc end_to_end threads sanitize fuzz" >&2 && exit 2 ;;
    esac
}

[ $# -eq 0 ] && set -- programs headers clang wiring install onednn3 nvcc end_to_end threads sanitize fuzz
for name in "$@"; do run_stage "$name"; done

[ ${#failed_stages[@]} -ne 0 ] && echo "failed: ${failed_stages[*]}"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
