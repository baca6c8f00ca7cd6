#!/usr/bin/env bash
# Builds and runs one program in every way in which Regulus can be used: installed package (moved to another place after it was installed), add_subdirectory, and
# the headers alone with a plain g++ line.
#   check.sh BUILD_TREE WORK_FOLDER JOBS      BUILD_TREE: where regulus::compiled is built
set -uo pipefail
tree=$(realpath "$1") jobs=${3:-2}
mkdir -p "$2" && work=$(realpath "$2")
cd "$(dirname "$0")/../.." || exit 1
root=$PWD
passed=0 failed=0 skipped=0

check() {  # check NAME COMMAND...
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok: $name"
    else
        failed=$((failed + 1))
        echo "error: $name"
    fi
}

install_and_move() {
    rm -rf "$work/installed" "$work/moved" && cmake --install "$tree" --prefix "$work/installed" >/dev/null && mv "$work/installed" "$work/moved"
}
knows_no_place() { ! grep -rnF -e "$work/installed" -e "$root" -e "$tree" "$work/moved/lib" --include='*.cmake'; }
configure() { cmake -S "tests/install/$1" -B "$work/$1" -G Ninja "${@:2}" >/dev/null; }
package() { rm -rf "$work/package" && configure package -DCMAKE_BUILD_TYPE=Release "-DCMAKE_PREFIX_PATH=$work/moved" && cmake --build "$work/package" -j "$jobs"; }
refuses_other_version() {
    mkdir -p "$work/other" && echo 'cmake_minimum_required(VERSION 3.25)
project(other LANGUAGES CXX)
find_package(regulus 0.99 REQUIRED)' >"$work/other/CMakeLists.txt" && ! cmake -S "$work/other" -B "$work/other/build" "-DCMAKE_PREFIX_PATH=$work/moved" >/dev/null 2>&1
}
subdirectory() { configure subdirectory -DCMAKE_BUILD_TYPE=Debug "-DREGULUS_SOURCE=$root" && cmake --build "$work/subdirectory" -j "$jobs"; }
headers_alone() {
    g++ -std=c++20 -O2 -Wall -Wextra -Werror -Wno-restrict -I include -I converters/include -I backends/cpu/include -I backends/reference/include tests/install/main.cpp tests/install/second.cpp \
        -ldnnl -fopenmp -o "$work/headers_alone"
}

check "the package installs and the prefix moves" install_and_move
check "the package's files name no place of this machine" knows_no_place
check "find_package builds against the moved prefix" package
check "find_package, header-only: runs" "$work/package/header_only"
check "find_package, compiled: runs" "$work/package/compiled"
if [ -n "$(find "$work/moved" -name regulus-cuda.cmake)" ]; then
    check "find_package, cuda: runs, with or without a GPU" "$work/package/cuda"
    check "find_package, cuda and compiled: runs, with or without a GPU" "$work/package/cuda_compiled"
else
    echo "the build tree has no CUDA backend (no nvcc): its two checks are skipped"
    skipped=$((skipped + 2))
fi
check "find_package refuses a version that does not fit" refuses_other_version
check "add_subdirectory builds" subdirectory
check "add_subdirectory: runs" "$work/subdirectory/compiled"
check "headers alone build without a warning" headers_alone
check "headers alone: runs" "$work/headers_alone"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
