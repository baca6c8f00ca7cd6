#!/usr/bin/env bash
# The demo end to end: regulus opens the checkpoints that mmdetection wrote (zip and legacy layout), looks at the 100 validation pictures, and must find
# what mmdetection found and score what mmdetection scored. Also: what half precision on disk costs the shipped model.
#   fasteners.sh BUILD_TREE
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
tool=$1/regulus
demo=${REGULUS_SHARED:-$root/../shared}/demo
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0

if [ ! -r "$demo/val/annotations.json" ]; then
    echo "skipped: shared/demo is not on this machine"
    echo "0 passed, 0 failed, 5 skipped"
    exit 0
fi

# pycocotools in an environment of its own; without it the average precision is skipped and counted.
python=python3
if ! python3 -c 'import pycocotools' 2>/dev/null; then
    if python3 -m venv "$work/venv" >/dev/null 2>&1 && "$work/venv/bin/pip" install --quiet --disable-pip-version-check pycocotools >"$work/pip.log" 2>&1; then
        python=$work/venv/bin/python
    else
        echo "pycocotools cannot be installed here"
    fi
fi

# check NAME DETECTOR WEIGHTS
check() {
    local name=$1 detector=$2 weights=$3
    echo "== $name"
    if ! "$tool" detect --weights "$weights" --score 0.05 --image-ids "$demo/val/annotations.json" --json "$work/$name.json" "$demo/val" >"$work/$name.txt" 2>&1; then
        tail -n 5 "$work/$name.txt"
        echo "FAILED: $name: the tool did not run"
        failed=$((failed + 1))
        return
    fi
    if "$python" "$root/tests/end_to_end/compare.py" ${4:-} "$demo/val/annotations.json" "$work/$name.json" "$demo/models/${detector}_regnetx_200mf_fasteners_val_detections.json" \
        "$demo/models/${detector}_regnetx_200mf_fasteners_val_metrics.json" | tee "$work/$name.log"; then
        passed=$((passed + 1))
        grep -q '^SKIPPED' "$work/$name.log" && skipped=$((skipped + 1))
    else
        echo "FAILED: $name"
        failed=$((failed + 1))
    fi
}

check mask_rcnn_zip mask_rcnn "$demo/models/mask_rcnn_regnetx_200mf_fasteners.pth"
check retinanet_zip retinanet "$demo/models/retinanet_regnetx_200mf_fasteners.pth"
check retinanet_legacy retinanet "$demo/models/retinanet_regnetx_200mf_fasteners_legacy-bc0772af.pth"
check shipped_half mask_rcnn "$root/examples/model/fasteners.safetensors" --half

echo "== names of mmdetection and back"
if "$tool" convert "$demo/models/mask_rcnn_regnetx_200mf_fasteners.pth" "$work/ours.safetensors" && "$tool" convert "$work/ours.safetensors" "$work/back.pth" --to mmdetection &&
    "$tool" detect --weights "$work/back.pth" --model fasteners --score 0.05 --json "$work/back.json" "$demo/val/val_0000.jpg" >/dev/null &&
    "$tool" detect --weights "$demo/models/mask_rcnn_regnetx_200mf_fasteners.pth" --score 0.05 --json "$work/direct.json" "$demo/val/val_0000.jpg" >/dev/null &&
    cmp "$work/back.json" "$work/direct.json"; then
    passed=$((passed + 1))
else
    echo "FAILED: conversion changes results"
    failed=$((failed + 1))
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
