#!/usr/bin/env bash
# regulus eval coco under mpirun gives the results of one process; a broken picture is reported, an interrupted run goes on.
#   eval.sh BUILD_TREE
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
tool=$1/regulus
demo=${REGULUS_SHARED:-$root/../shared}/demo
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_WAIT_POLICY=passive
passed=0 failed=0 skipped=0

expect() {  # expect NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$work/out" 2>&1; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $name"; tail -n 5 "$work/out"; fi
}

if [ ! -r "$demo/val/annotations.json" ]; then
    echo "skipped: shared/demo is not on this machine"
    echo "0 passed, 0 failed, 7 skipped"
    exit 0
fi

run() { "$tool" eval coco --weights "$demo/models/mask_rcnn_regnetx_200mf_fasteners.pth" --images "${images:-$demo/val}" --annotations "$demo/val/annotations.json" --threads 1 "$@"; }
ranks() { mpirun -n 3 --oversubscribe --allow-run-as-root "$tool" eval coco --weights "$demo/models/mask_rcnn_regnetx_200mf_fasteners.pth" --images "${images:-$demo/val}" --annotations "$demo/val/annotations.json" --threads 1 "$@"; }

expect "one process" run --json "$work/one.json"
timeout -s KILL 2 "$tool" eval coco --weights "$demo/models/mask_rcnn_regnetx_200mf_fasteners.pth" --images "$demo/val" --annotations "$demo/val/annotations.json" --threads 1 --json "$work/cut.json" >/dev/null 2>&1
expect "a killed run goes on" run --json "$work/cut.json"
expect "a killed run gives the same file" cmp "$work/one.json" "$work/cut.json"
if command -v mpirun >/dev/null; then
    expect "three ranks" ranks --json "$work/three.json"
    expect "three ranks give the same file" cmp "$work/one.json" "$work/three.json"
    mkdir "$work/val" && cp "$demo"/val/*.jpg "$work/val/" && echo broken >"$work/val/val_0007.jpg"
    images=$work/val expect "a broken picture ends the run" bash -c '! "$@"' - mpirun -n 3 --oversubscribe --allow-run-as-root "$tool" eval coco --weights "$demo/models/mask_rcnn_regnetx_200mf_fasteners.pth" --images "$work/val" --annotations "$demo/val/annotations.json" --threads 1
    cp "$work/out" "$work/broken.log"
    expect "and is named" grep -q val_0007 "$work/broken.log"
else
    echo "skipped: no mpirun"
    skipped=4
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
