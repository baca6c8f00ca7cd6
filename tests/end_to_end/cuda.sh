#!/usr/bin/env bash
# The tool and the programs of bench/cuda with --device cuda on the emulated device: what a machine with a GPU will run, rehearsed where there is none.
#   cuda.sh BUILD_TREE
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
tree=$(cd "$1" && pwd)
tool=$tree/regulus emulated=$tree/tests/emulated
data=$root/tests/data_files/fasteners
shared=${REGULUS_SHARED:-$root/../shared}

if [ ! -e "$emulated/libcuda.so.1" ]; then
    echo "skipped: the emulated driver is not built (no nvcc, or not x86-64)"
    echo "0 passed, 0 failed, 7 skipped"
    exit 0
fi
. "$root/tests/end_to_end/support/checks.sh"
on_device() { env LD_LIBRARY_PATH="$emulated${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$@"; }

# Boxes differ in the last digits at most, of which the list prints none.
"$tool" detect "$data/val_0000.jpg" --list >expected 2>/dev/null
expect "detect --device cuda" on_device "$tool" detect "$data/val_0000.jpg" --list --device cuda
cmp -s out expected
report $? "detect --device cuda finds what the CPU finds"
expect "detect --device auto --precision f16 takes the GPU" on_device "$tool" detect "$data/val_0000.jpg" --device auto --precision f16
expect "bench --whole --device cuda" on_device "$tool" bench --whole fasteners --device cuda --size 64x96 --seconds 0
expect "explain --device cuda" on_device "$tool" explain retinanet_r50_fpn_1x_coco --device cuda --size 64x64 --plan

if [ -r "$shared/golden/classification/pycls_regnety_400mf/case.json" ]; then
    expect "verify --device cuda" on_device "$tool" verify "$shared/golden/classification/pycls_regnety_400mf" --device cuda
else
    echo "skipped: shared/golden is not on this machine"
    skipped=$((skipped + 1))
fi

# The script of a session, on an nvidia-smi that sees a GPU; peers and sanitizers are not rehearsed here.
if [ -n "$(find "$tree" -name regulus_cuda_layers -type f)" ]; then
    mkdir bin logs
    printf '#!/bin/sh\necho "GPU 0: emulated"\n' >bin/nvidia-smi
    chmod +x bin/nvidia-smi
    expect "session.sh" env PATH="$work/bin:$PATH" LD_LIBRARY_PATH="$emulated" OUT="$work/logs" REHEARSE=1 "$root/bench/cuda/session.sh" "$tree" check
else
    echo "skipped: the programs of bench/cuda are not built (-DREGULUS_BUILD_BENCH=ON)"
    skipped=$((skipped + 1))
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
