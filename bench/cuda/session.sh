#!/usr/bin/env bash
# On a machine with a GPU: kernels and networks against the reference, compute-sanitizer, golden cases, the demo's score, times of every step and of whole calls, the
# peers in the same run. Each part has its own time limit; a part that fails ends nothing else.
#   session.sh FOLDER [PART...]     FOLDER: what pack.sh packed, unpacked; or a build tree, with GOLDEN=folder of golden cases, DEMO=folder of the demo
#   parts: check sizes memcheck racecheck initcheck synccheck golden demo layers peers (default: all, in this order, for which there must be about 25 minutes;
#   in calls of ten minutes: "check sizes golden demo layers", then "memcheck racecheck initcheck synccheck peers")
# $OUT, when it is set, takes the logs. REHEARSE=1: everything small, peers on the CPU, for a rehearsal with the emulated driver (tests/end_to_end/cuda.sh).
# Ends with "N passed, N failed, N skipped".
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:?"session.sh FOLDER [PART...]"}
shift
[ $# -eq 0 ] && set -- check sizes memcheck racecheck initcheck synccheck golden demo layers peers
golden=${GOLDEN:-$folder/golden} demo=${DEMO:-$folder/demo}
logs=${OUT:-$(mktemp -d)}
engines=$logs/engines.txt
rehearses=${REHEARSE:-}
check_options=(all) sizes_options=(1000 90) layers_options=() peers_options=(--limit 240)
if [ -n "$rehearses" ]; then
    check_options=(own) sizes_options=(110 60) layers_options=(--size 64x64 --rounds 1 --networks retinanet_regnetx-800MF_fpn_1x_coco)
    peers_options=(--device cpu --rounds 1 --size 64x96 --points 2000 --ways eager --networks retinanet_regnetx-800MF_fpn_1x_coco)
fi
passed=0 failed=0 skipped=0

program() { find "$folder" -type f -name "$1" -perm -u+x 2>/dev/null | head -n 1; }
part() {  # part NAME SECONDS COMMAND...
    local name=$1 limit=$2 begin=$SECONDS status
    shift 2
    echo "== $name: $*"
    timeout -k 5 "$limit" "$@" 2>&1 | tee "$logs/$name.log"
    status=${PIPESTATUS[0]}
    if [ "$status" -eq 0 ]; then passed=$((passed + 1)); else
        echo "error: $name ended with $status$([ "$status" -eq 124 ] && echo " (more than $limit s)")"
        failed=$((failed + 1))
    fi
    echo "== $name took $((SECONDS - begin)) s"
}
skip() {
    echo "== $1: skipped, $2"
    skipped=$((skipped + 1))
}
finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
    exit
}

if ! nvidia-smi -L 2>/dev/null | grep -q GPU; then
    echo "no GPU: nvidia-smi finds none on this machine"
    for name in "$@"; do skip "$name" "no GPU"; done
    finish
fi
nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.sm,clocks.max.sm --format=csv

# Libraries: ours, and cuDNN and what it loads from where Python keeps them, unless the machine's linker knows them.
python=$(command -v python3 || true)
path=${LD_LIBRARY_PATH:-}
if [ -n "$python" ]; then
    nvidia=$("$python" -c 'import importlib.util, glob, os
found = importlib.util.find_spec("nvidia")
print(":".join(sorted(path for root in (found.submodule_search_locations if found else []) for path in glob.glob(os.path.join(root, "*", "lib")) if os.path.isdir(path))))' 2>/dev/null)
    [ -n "$nvidia" ] && path=$path${path:+:}$nvidia
fi
for place in /usr/local/cuda/lib64 /usr/local/cuda/lib /usr/local/nvidia/lib64 /usr/local/nvidia/lib; do [ -d "$place" ] && path=$path${path:+:}$place; done
[ -d "$folder/lib" ] && path=$(cd "$folder/lib" && pwd)${path:+:}$path
with_path=(env "LD_LIBRARY_PATH=$path")
check=$(program regulus_cuda_device_check) layers=$(program regulus_cuda_layers) tool=$(program regulus)
if [ -n "$check" ] && ! "${with_path[@]}" "$check" help 2>/dev/null | grep -q regulus_cuda_device_check && [ -d "$folder/lib/std" ]; then
    with_path=(env "LD_LIBRARY_PATH=$(cd "$folder/lib/std" && pwd):$path")  # this machine's C++ library is older than ours
fi
[ -n "$check" ] && "${with_path[@]}" ldd "$check" | grep 'not found'

for name in "$@"; do
    case $name in
        check) if [ -n "$check" ]; then part check 120 "${with_path[@]}" "$check" "${check_options[@]}"; else skip "$name" "regulus_cuda_device_check is not in $folder"; fi ;;
        sizes) if [ -n "$check" ]; then part sizes 110 "${with_path[@]}" "$check" sizes "${sizes_options[@]}"; else skip "$name" "regulus_cuda_device_check is not in $folder"; fi ;;
        memcheck | racecheck | initcheck | synccheck)
            sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer /opt/nvidia/nsight-compute/*/compute-sanitizer 2>/dev/null | head -n 1)
            if [ -z "$check" ]; then skip "$name" "regulus_cuda_device_check is not in $folder"
            elif [ -z "$sanitizer" ]; then skip "$name" "there is no compute-sanitizer"
            else part "$name" 120 "${with_path[@]}" "$sanitizer" --tool "$name" --error-exitcode 9 "$check" own; fi
            ;;
        golden)
            if [ -z "$tool" ]; then skip golden "regulus is not in $folder"
            elif ! ls "$golden"/*/case.json >/dev/null 2>&1; then skip golden "there are no golden cases in $golden"
            else part golden 240 "${with_path[@]}" "$tool" verify "$golden"/*/ --device cuda; fi
            ;;
        demo)
            if [ -z "$tool" ]; then skip demo "regulus is not in $folder"
            elif [ ! -r "$demo/val/annotations.json" ]; then skip demo "there is no demo in $demo"
            else
                for precision in f32 f16 bf16; do
                    part "demo_$precision" 60 "${with_path[@]}" REGULUS_MODEL="$demo/fasteners.safetensors" "$tool" eval coco --images "$demo/val" --annotations "$demo/val/annotations.json" --device cuda --precision "$precision"
                done
            fi
            ;;
        layers) if [ -n "$layers" ]; then part layers 240 "${with_path[@]}" "$layers" --engines "$engines" "${layers_options[@]}"; else skip layers "regulus_cuda_layers is not in $folder"; fi ;;
        peers) if [ -n "$python" ]; then part peers 300 "$python" "$here/peers.py" "${peers_options[@]}" --json "$logs/peers.json"; else skip peers "there is no python3"; fi ;;
        *) skip "$name" "no such part" ;;
    esac
done
echo "== times"
grep -h '^TIME' "$logs/layers.log" 2>/dev/null
grep -h 'least' "$logs/peers.log" 2>/dev/null
finish
