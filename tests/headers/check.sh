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

# How long header-only programs take to compile at -O2, in units of a program with a regular expression of the standard library, which takes 2 to 4 s of one core: so
# slow machines and busy ones pass what fast ones do. The limits are a third above what was measured; as other programs on the machine can only add to a time, a program has three tries.
seconds_of() {  # seconds_of SOURCE; of one core; nothing where it does not compile
    local said
    if said=$({ TIMEFORMAT=%U; time g++ -std=c++20 -O2 $flags -c -o /dev/null -x c++ - <<<"$1"; } 2>&1); then tail -n 1 <<<"$said"; else echo "$said" >&2; fi
}
takes() {  # takes WHAT LIMIT SOURCE
    local seconds unit try
    for try in 1 2 3; do
        unit=$(seconds_of '#include <iostream>
#include <regex>
int main(int, char** names) { std::cout << std::regex_match(names[0], std::regex("[a-z]+")); }')
        seconds=$(seconds_of "$3")
        echo "$1: ${seconds:-?} s, limit $2 x $unit s"
        [ -n "$seconds" ] || break
        if awk "BEGIN {exit !($seconds <= $2 * $unit)}"; then
            passed=$((passed + 1))
            return
        fi
    done
    echo "error: $1 does not compile, or takes too long"
    failed=$((failed + 1))
}
takes "#include <regulus/regulus.hpp>" 2.5 '#include <regulus/regulus.hpp>'
takes "#include <regulus/cpu.hpp>, which compiles no kernel that is not used" 2.5 '#include <regulus/cpu.hpp>'
takes "Mask R-CNN RegNetX-3.2GF with the CPU backend" 14 '#include "tests/headers/mask_rcnn.cpp"'

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
