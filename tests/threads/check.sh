#!/usr/bin/env bash
# The room threads under ThreadSanitizer: header-only, clang++, no OpenMP (ThreadSanitizer does not understand libgomp), one thread per run.
# oneDNN and the picture libraries are not instrumented; OMP_NUM_THREADS=1 keeps oneDNN's own team out of the way.
#
#   tests/threads/check.sh BUILD_FOLDER
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$1/threads
mkdir -p "$out"
launcher=()
command -v ccache >/dev/null && launcher=(ccache)
flags=(-std=c++20 -O1 -g1 -fsanitize=thread -Wall -Wextra -Wno-unknown-pragmas -I include -I backends/cpu/include -I backends/reference/include -I converters/include -I tests
    "-DREGULUS_SOURCE_DIR=\"$PWD\"" "-DREGULUS_SHARED_DIR=\"$PWD/../shared\"")
for source in tests/threads/races_test.cpp tests/main.cpp; do "${launcher[@]}" clang++ "${flags[@]}" -c "$source" -o "$out/$(basename "$source" .cpp).o"; done
clang++ -fsanitize=thread "$out/races_test.o" "$out/main.o" -ldnnl -ljpeg -lpng -lpthread -o "$out/races"
OMP_NUM_THREADS=1 TSAN_OPTIONS="halt_on_error=0 exitcode=66 second_deadlock_stack=1" "$out/races"
