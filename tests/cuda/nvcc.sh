#!/usr/bin/env bash
# What only nvcc can tell: every kernel file compiles for sm_80, sm_90 and PTX with warnings as errors; our tables agree with NVIDIA's headers. Needs no GPU.
# Ends with the line "N passed, N failed, N skipped"; without nvcc all are skipped.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
files=(backends/cuda/kernels/*.cu tests/cuda/abi.cu)
[ -x "$nvcc" ] || { echo "no nvcc on this machine"; echo "0 passed, 0 failed, ${#files[@]} skipped"; exit 0; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
passed=0 failed=0 skipped=0
for file in "${files[@]}"; do
    if [ "$file" = tests/cuda/abi.cu ] && ! echo '#include <cudnn.h>' | "$nvcc" -x cu -E - >/dev/null 2>&1; then
        echo "no cudnn.h: $file is skipped"
        skipped=$((skipped + 1))
        continue
    fi
    if "$nvcc" -std=c++20 -O3 -fatbin -gencode=arch=compute_80,code=sm_80 -gencode=arch=compute_90,code=sm_90 -gencode=arch=compute_90,code=compute_90 --expt-relaxed-constexpr \
        -Werror all-warnings -I include -I backends/cuda/include "$file" -o "$out/image"; then passed=$((passed + 1)); else
        echo "error: $file does not compile"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
