#!/usr/bin/env bash
# Fuzzes the readers under ASan and UBSan with clang++'s libFuzzer.
#
#   tests/fuzz/run.sh [SECONDS per target (30)] [TARGET...]      default: every *_fuzz.cpp of this folder
#
# RUNS=20000000 ends a target after so many executions instead; then SECONDS should be 0. JOBS targets run at once (default: all cores). A crash leaves its input in the build folder (REGULUS_BUILD, default build-fuzz); the corpus there grows from run to run.
# Ends with "N passed, N failed, N skipped"; without clang++ all targets are skipped.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
seconds=${1:-30}
shift || true
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for file in tests/fuzz/*_fuzz.cpp; do
        file=${file##*/}
        targets+=("${file%_fuzz.cpp}")
    done
fi
if ! command -v clang++ >/dev/null; then
    echo "clang++ is not on this machine"
    echo "0 passed, 0 failed, ${#targets[@]} skipped"
    exit 0
fi
build=${REGULUS_BUILD:-$PWD/build-fuzz}
compiler=(clang++)
command -v ccache >/dev/null && compiler=(ccache clang++)
flags=(-std=c++20 -O2 -g1 -Wall -Wextra -I include -I converters/include -fno-omit-frame-pointer -fno-sanitize-recover=all)
libraries=(-ljpeg -lpng)
# Small quarantine and short stacks of allocations: runs are short, and more of them find more. An input is limited to 512 MiB and 10 s (of a clock: other programs may have the cores).
export ASAN_OPTIONS=quarantine_size_mb=1:thread_local_quarantine_size_kb=64:malloc_context_size=2:detect_stack_use_after_return=0
limits=(-timeout=10 -rss_limit_mb=512 -malloc_limit_mb=256 -max_len=4096 -reload=0 -print_final_stats=1)
mkdir -p "$build"

# build_program SOURCE PROGRAM FLAG...
build_program() { "${compiler[@]}" "${flags[@]}" "${@:3}" -c "tests/fuzz/$1" -o "$2.o" && clang++ "${@:3}" "$2.o" -o "$2" "${libraries[@]}"; }

for maker in make_seeds make_point_seeds make_box_seeds make_picture_seeds; do
    build_program "$maker.cpp" "$build/$maker" && (cd "$build" && "./$maker" seeds) || exit 1
done

# The committed corpus of a target, corpus/TARGET.txt, has an input a line, as base64.
unpack_corpus() {
    local line number=0
    [ -r "tests/fuzz/corpus/$1.txt" ] || return 0
    while read -r line; do
        base64 -d <<<"$line" >"$build/seeds/$1/committed_$number" || return 1
        number=$((number + 1))
    done <"tests/fuzz/corpus/$1.txt"
}

fuzz() {  # one target into its own log
    mkdir -p "$build/corpus/$1" "$build/seeds/$1"
    unpack_corpus "$1" || return 1
    build_program "$1_fuzz.cpp" "$build/$1_fuzz" -fsanitize=fuzzer,address,undefined &&
        (cd "$build" && "./$1_fuzz" -max_total_time="$seconds" -runs="${RUNS:--1}" "${limits[@]}" "corpus/$1" "seeds/$1")
}

jobs=${JOBS:-$(nproc)}
names=() pids=()
for target in "${targets[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n 2>/dev/null; done
    fuzz "$target" >"$build/$target.log" 2>&1 &
    names+=("$target") pids+=($!)
done
passed=0 failed=0
for i in "${!pids[@]}"; do
    if wait "${pids[$i]}"; then
        passed=$((passed + 1))
        echo "${names[$i]}: $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/${names[$i]}.log") executions"
    else
        failed=$((failed + 1))
        echo "${names[$i]}: FAILED"
        tail -n 40 "$build/${names[$i]}.log"
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
