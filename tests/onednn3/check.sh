#!/usr/bin/env bash
# Compiles the CPU backend, as far as that goes without a library, against the headers of oneDNN 3 with g++ and clang++. Debian 12 has oneDNN 2.6; the PyPI package
# onednn-devel brings the headers alone. Counted as skipped when it cannot be fetched. ONEDNN3_INCLUDE names a folder that has them already.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
include=${ONEDNN3_INCLUDE:-}
if [ -z "$include" ]; then
    work=$(mktemp -d) || exit 1
    trap 'rm -rf "$work"' EXIT
    if ! { python3 -m venv "$work/venv" && "$work/venv/bin/pip" --quiet --disable-pip-version-check download --no-deps --dest "$work" onednn-devel==2026.1.0 &&
        python3 -m zipfile -e "$work"/onednn_devel-*.whl "$work/headers"; }; then
        echo "the headers of oneDNN 3 could not be fetched from PyPI"
        echo "0 passed, 0 failed, 2 skipped"
        exit 0
    fi
    include=$(dirname "$(dirname "$(dirname "$(find "$work/headers" -path '*/oneapi/dnnl/dnnl.hpp')")")")
fi

passed=0 failed=0
for compiler in g++ clang++; do
    if "$compiler" -std=c++20 -fsyntax-only -Wall -Wextra -Werror -fopenmp -isystem "$include" -Iinclude -Ibackends/reference/include -Ibackends/cpu/include \
        tests/onednn3/cpu_backend.cpp; then
        passed=$((passed + 1))
    else
        echo "error: $compiler refuses the CPU backend with the headers of oneDNN 3"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
