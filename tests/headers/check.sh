#!/usr/bin/env bash
# Public headers: each compiles alone, and all of them in two source files of one program (the target test_headers), in the header-only form with g++; each compiles
# alone, *-impl.hpp too, in the compiled form with clang++ (there x.hpp must not live on what x-impl.hpp includes); compile times. Every *-impl.hpp is built by exactly one file of backends/compiled.
#   check.sh BUILD_TREE JOBS
set -uo pipefail
tree=$1 jobs=${2:-2}
cd "$(dirname "$0")/../.." || exit 1
roots=(include backends/reference/include backends/cpu/include backends/cuda/include converters/include)
passed=0 failed=0

if cmake --build "$tree" --target test_headers -j "$jobs" && "$tree/tests/headers/test_headers"; then :; else failed=$((failed + 1)); fi

headers=$(for root in "${roots[@]}"; do [ -d "$root" ] && (cd "$root" && find . -name '*.hpp' -printf '%P\n'); done | sort)
flags="-fopenmp $(printf -- '-I%s ' "${roots[@]}")"
alone() {  # says everything in one write, as several run side by side
    local said
    if said=$(echo "#include <$1>" | clang++ -std=c++20 -fsyntax-only -Wall -Wextra -Werror -DREGULUS_COMPILED $flags -x c++ - 2>&1); then
        echo "1 passed, 0 failed, 0 skipped"
    else
        printf '%s\nerror: <%s> does not compile alone with REGULUS_COMPILED\n0 passed, 1 failed, 0 skipped\n' "$said" "$1"
    fi
}
export -f alone
export flags
printf '%s\n' "$headers" | xargs -P "$jobs" -I{} bash -c 'alone {}'

# Seconds of one core that header-only programs take at -O2: aims, and twice an aim fails on any machine.
takes() {  # takes WHAT AIM G++'S ARGUMENTS...
    local said seconds
    if ! said=$({ TIMEFORMAT=%U; time g++ -std=c++20 -O2 $flags -c -o /dev/null "${@:3}"; } 2>&1); then
        printf '%s\nerror: %s does not compile\n' "$said" "$1"
        failed=$((failed + 1))
        return
    fi
    seconds=$(tail -n 1 <<<"$said")
    echo "$1: $seconds s"
    if awk "BEGIN {exit !($seconds <= 2 * $2)}"; then passed=$((passed + 1)); else
        echo "error: $1 takes $seconds s to compile, the aim is $2 s"
        failed=$((failed + 1))
    fi
}
takes "#include <regulus/regulus.hpp>" 4 -x c++ - <<<'#include <regulus/regulus.hpp>'
takes "#include <regulus/cpu.hpp>, which compiles no kernel that is not used" 4 -x c++ - <<<'#include <regulus/cpu.hpp>'
takes "Mask R-CNN RegNetX-3.2GF with the CPU backend" 20 tests/headers/mask_rcnn.cpp

for root in "${roots[@]}"; do
    [ -d "$root" ] || continue
    while read -r impl; do
        users=$(grep -lF "#include <$impl>" backends/compiled/*.cpp | wc -l)
        if [ "$users" -eq 1 ]; then passed=$((passed + 1)); else
            echo "error: <$impl> is included by $users files of backends/compiled, it must be 1"
            failed=$((failed + 1))
        fi
    done < <(cd "$root" && find . -name '*-impl.hpp' -printf '%P\n' | sort)
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
