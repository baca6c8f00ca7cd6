#!/usr/bin/env bash
# What Regulus writes, opened by the programs it is written for: PyTorch (weights_only=True), torchvision, timm, safetensors, mmdetection's and mmpretrain's RegNet,
# each with strict=True; and what torchvision and timm find with the same weights on the same picture. Nothing is installed: a peer that the Python has not is skipped and counted.
#   peers.sh BUILD_TREE
#
# REGULUS_PYTHON     the Python that has the peers (default: python3)
# REGULUS_MMDET2     a folder with mmdetection 2.x and its mmcv 1.x, which cannot be beside 3.x in one Python
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$1" && pwd)
python=${REGULUS_PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
REGULUS_SHARED=${REGULUS_SHARED:-$root/../shared} PYTHONDONTWRITEBYTECODE=1 "$python" "$root/tests/end_to_end/peers.py" "$build" "$work"
