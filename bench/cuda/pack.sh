#!/usr/bin/env bash
# Everything that a machine with a GPU and nothing else needs, in one file that travels: programs, the libraries they are linked to, golden cases, the demo's pictures
# and weights, the scripts beside this one and the peers' networks.
#   pack.sh BUILD_TREE OUT.tar.xz [CASE_DIR...]     REGULUS_SHARED: the folder of shared inputs (default ../shared); the demo is left out where it is not
# There: mkdir pack && tar -xf OUT.tar.xz -C pack && pack/bench/cuda/session.sh pack
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
tree=${1:?"pack.sh BUILD_TREE OUT.tar.xz [CASE_DIR...]"} out=${2:?"pack.sh BUILD_TREE OUT.tar.xz [CASE_DIR...]"}
shift 2
pack=$(mktemp -d)
trap 'rm -rf "$pack"' EXIT

mkdir -p "$pack/bin" "$pack/lib/std" "$pack/golden" "$pack/bench/cuda"
for name in regulus regulus_cuda_device_check regulus_cuda_layers; do
    file=$(find "$tree" -type f -name "$name" -perm -u+x | head -n 1)
    [ -n "$file" ] || { echo "pack.sh: $name is not built in $tree (-DREGULUS_BUILD_BENCH=ON)" >&2; exit 1; }
    cp "$file" "$pack/bin/"
    strip "$pack/bin/$name"
    # glibc and the driver are the machine's own; the C++ library stands apart, for machines that have none as new.
    ldd "$file" | awk '$3 ~ /^\// {print $1, $3}' | while read -r library path; do
        case $library in
            libc.so.* | libm.so.* | libdl.so.* | libpthread.so.* | librt.so.* | libresolv.so.* | libutil.so.* | libcuda.so.*) ;;
            libstdc++.so.* | libgcc_s.so.*) cp -L "$path" "$pack/lib/std/$library" ;;
            *) cp -L "$path" "$pack/lib/$library" ;;
        esac
    done
done
for case in "$@"; do
    [ -r "$case/case.json" ] || { echo "pack.sh: $case is no golden case" >&2; exit 1; }
    cp -r "$case" "$pack/golden/"
done
demo=${REGULUS_SHARED:-$root/../shared}/demo
if [ -r "$demo/val/annotations.json" ]; then
    mkdir "$pack/demo"
    cp -r "$demo/val" "$pack/demo/"
    cp "$root/examples/model/fasteners.safetensors" "$pack/demo/"
else
    echo "pack.sh: $demo/val is not there, the demo is left out" >&2
fi
cp "$root"/bench/cuda/session.sh "$root"/bench/cuda/peers.py "$pack/bench/cuda/"
cp -r "$root/bench/peers" "$pack/bench/"
rm -rf "$pack/bench/peers/__pycache__"
tar -C "$pack" -cf - . | xz -T2 -6 >"$out"
du -h --apparent-size "$out"
