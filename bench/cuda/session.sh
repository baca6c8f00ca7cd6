#!/usr/bin/env bash
# One call on a machine with a GPU: networks against the reference, compute-sanitizer, golden cases, the tables of times and the peers. Each part has its own time
# limit, all together less than ten minutes. Programs are taken from FOLDER when they are there, as machines with a GPU may have no compiler.
#   session.sh FOLDER [GOLDEN]    FOLDER: a build tree (regulus, regulus_cuda_device_check, regulus_cuda_layers); GOLDEN: a folder of golden cases
# Ends with "N passed, N failed, N skipped".
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:?"session.sh FOLDER [GOLDEN]"} golden=${2:-}
passed=0 failed=0 skipped=0

program() { find "$folder" -type f -name "$1" -perm -u+x 2>/dev/null | head -n 1; }
part() {  # part NAME SECONDS COMMAND...
    local name=$1 limit=$2
    shift 2
    echo "== $name"
    if timeout "$limit" "$@"; then passed=$((passed + 1)); else
        echo "error: $name ended with $?"
        failed=$((failed + 1))
    fi
}
skip() {
    echo "== $1: skipped, $2"
    skipped=$((skipped + 1))
}

if ! nvidia-smi -L 2>/dev/null | grep -q GPU; then
    echo "no GPU: nvidia-smi finds none on this machine"
    for name in device_check memcheck racecheck initcheck synccheck golden layers peers; do skip "$name" "no GPU"; done
    echo "$passed passed, $failed failed, $skipped skipped"
    exit 0
fi
nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.sm,clocks.max.sm --format=csv

check=$(program regulus_cuda_device_check) layers=$(program regulus_cuda_layers) tool=$(program regulus)
if [ -n "$check" ]; then
    part device_check 90 "$check"
    if command -v compute-sanitizer >/dev/null; then
        for kind in memcheck racecheck initcheck synccheck; do part "$kind" 60 compute-sanitizer --tool "$kind" --error-exitcode 9 "$check"; done
    else
        for kind in memcheck racecheck initcheck synccheck; do skip "$kind" "there is no compute-sanitizer"; done
    fi
else
    for name in device_check memcheck racecheck initcheck synccheck; do skip "$name" "regulus_cuda_device_check is not in $folder"; done
fi
if [ -z "$tool" ]; then skip golden "regulus is not in $folder"; elif [ -z "$golden" ]; then skip golden "no folder of golden cases was given"; else
    part golden 120 "$tool" verify "$golden"/*/ --device cuda
fi
if [ -n "$layers" ]; then part layers 60 "$layers"; else skip layers "regulus_cuda_layers is not in $folder"; fi
part peers 80 python3 "$here/peers.py"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
