#!/usr/bin/env bash
# clang++ with -Wall -Wextra -Werror: compiles the library's sources, and reads all other sources and, in the header-only form, all headers, these with LLVM's standard
# library too. Nothing is linked: clang's own OpenMP library beside the one that oneDNN brings would be asking for trouble.
#   clang.sh WORK_FOLDER JOBS
set -uo pipefail
jobs=${2:-2}
cd "$(dirname "$0")/../.." || exit 1
mkdir -p "$1/clang"
all=$1/clang/all_headers.cpp
roots=(include backends/reference/include backends/cpu/include backends/cuda/include converters/include)
for root in "${roots[@]}"; do [ -d "$root" ] && (cd "$root" && find . -name '*.hpp' -printf '#include <%P>\n'); done | sort >"$all"

flags="-std=c++20 -Wall -Wextra -Werror -fopenmp $(printf -- '-I%s ' "${roots[@]}") -Itests -Ibench -Iexamples -Iexamples/tool"
flags+=' -DREGULUS_SHARED_DIR="" -DREGULUS_SOURCE_DIR="" -DREGULUS_TEST_DATA="" -DREGULUS_TOOL="" -DREGULUS_MODEL_FOLDER=""'  # as the build defines them
# The standard library and doctest, read once; that each header includes what it needs of them check.sh shows.
export precompiled=$1/clang/precompiled.pch
printf '#include <%s>\n' algorithm array atomic chrono cmath cstdint cstring filesystem fstream functional map memory mutex optional random set span sstream string thread variant vector doctest/doctest.h |
    clang++ $flags -x c++-header - -o "$precompiled" || exit 1

check() {  # check KIND FILE; says everything in one write, as several run side by side
    local how said
    case $1 in
        headers) how="-fsyntax-only" ;;
        libc++) how="-fsyntax-only -stdlib=libc++" ;;
        library) how="-include-pch $precompiled -DREGULUS_COMPILED -O0 -c -o /dev/null" ;;  # code is made, as some errors of instruction sets show only there
        program) how="-include-pch $precompiled -DREGULUS_COMPILED -fsyntax-only" ;;
    esac
    if said=$(clang++ $flags $how "$2" 2>&1); then
        echo "1 passed, 0 failed, 0 skipped"
    else
        printf '%s\nerror: clang++ refuses %s (%s)\n0 passed, 1 failed, 0 skipped\n' "$said" "$2" "$1"
    fi
}
export -f check
export flags

{
    echo "headers $all"
    echo "libc++ $all"
    printf 'library %s\n' backends/compiled/*.cpp
    find tests examples bench backends/cuda -name '*.cpp' ! -path 'tests/wiring/*' ! -path 'tests/install/*' ! -path 'tests/onednn3/*' -printf 'program %p\n' | sort
} | xargs -P "$jobs" -L 1 bash -c 'check "$0" "$1"'
