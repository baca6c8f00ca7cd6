#!/usr/bin/env bash
# The tool `regulus` as people and scripts meet it: exit codes, what goes to stdout and what to stderr, bad input of every kind. Bad input must give exit
# code 2, one clear sentence on stderr, and no half-written file.
#   tool.sh BUILD_TREE
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
tool=$(cd "$1" && pwd)/regulus
data=$root/tests/data_files/fasteners
weights=$root/examples/model/fasteners.safetensors
shared=${REGULUS_SHARED:-$root/../shared}
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0 failed=0 skipped=0
unset REGULUS_MODEL

report() {  # report STATUS TEXT
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $2"
        echo "  exit code $code; stdout: $(head -c 300 out); stderr: $(head -c 500 err)"
    fi
}

run() {  # run ARGUMENTS...: leaves code, files out and err
    timeout 120 "$tool" "$@" >out 2>err </dev/null
    code=$?
}

# good NAME PATTERN ARGUMENTS...: exit 0 and the pattern on stdout
good() {
    local name=$1 pattern=$2
    shift 2
    run "$@"
    [ "$code" -eq 0 ] && grep -qE -- "$pattern" out
    report $? "$name"
}

# bad NAME PATTERN ARGUMENTS...: exit 2, the pattern on stderr, which begins "regulus: ", and nothing on stdout
bad() {
    local name=$1 pattern=$2
    shift 2
    run "$@"
    [ "$code" -eq 2 ] && grep -qE -- "$pattern" err && [ "$(head -c 9 err)" = "regulus: " ] && [ ! -s out ]
    report $? "$name"
}

# --- what it does ---
good "detect: counts per class" 'val_0000.jpg  [0-9]+ objects: [0-9]+ nut, [0-9]+ washer' detect "$data/val_0000.jpg"
good "detect: a folder, and the sum of all" '^all 12 pictures  [0-9]+ objects' detect "$data"
good "detect: --list prints boxes" '^  washer 1\.00 at [0-9. ]+$' detect --list "$data/val_0000.jpg"
good "detect: a score that nothing reaches" 'nothing found' detect --score 1 "$data/val_0000.jpg"
good "detect: the reference backend" '[0-9]+ objects' detect --device reference --threads 1 "$data/val_0000.jpg"
good "detect: the steps of mmdetection 2" '[0-9]+ objects' detect --mmdetection 2 "$data/val_0000.jpg"
good "detect: a GPU where there is one, else the CPU" '[0-9]+ objects' detect --device auto "$data/val_0000.jpg"
good "bench: from a decoded picture" 'from a decoded picture of 96x128 to [0-9]+ objects' bench --whole fasteners --size 96x128 --seconds 0.1
good "detect: bfloat16" '[0-9]+ objects' detect --precision bf16_anywhere "$data/val_0000.jpg"
good "detect: several sizes and the mirror, merged" '[0-9]+ objects' detect --augment 240,360 "$data/val_0000.jpg"
bad "detect: no size" 'augment' detect --augment 0 "$data/val_0000.jpg"
good "detect: seeded weights of a named model" 'val_0000' detect --model fasteners_retinanet --weights seeded:7 "$data/val_0000.jpg"

run detect --json - "$data/val_0000.jpg"
python3 - <<'PY'
import json
results = json.load(open("out"))
assert results and all({"image_id", "category_id", "bbox", "score", "segmentation"} <= set(r) for r in results), results[:1]
assert all(r["image_id"] == 1 and 1 <= r["category_id"] <= 5 and r["score"] >= 0.3 for r in results)
assert "val_0000.jpg" in open("err").read()
PY
report $? "detect --json -: JSON alone on stdout, talk on stderr"

run detect --image-ids "$data/annotations.json" --json ids.json --draw drawn "$data/val_0003.jpg" "$data/val_0001.jpg"
python3 -c 'import json; assert {r["image_id"] for r in json.load(open("ids.json"))} == {4, 2}' && [ -s drawn/val_0003.jpg ] && [ -s drawn/val_0001.jpg ] && [ "$(ls drawn | wc -l)" -eq 2 ]
report $? "detect: image ids of a data set, pictures drawn under their names"

good "summary" '^3,506,238 parameters' summary fasteners --size 256x352
good "summary: batch" 'at 2 x 64 x 64' summary retinanet_r50_fpn_1x_coco --size 64x64 --batch 2
good "summary: a classifier at the size of its crop" 'at 1 x 224 x 224' summary pycls/RegNetX-3.2GF
good "summary: its parameters" '^15,296,552 parameters' summary pycls/RegNetX-3.2GF
good "explain: a classifier" '[0-9.]+ %' explain timm/regnetx_002 --threads 1
good "bench: a classifier" 'torchvision/regnet_y_400mf on cpu, 2 x 64 x 64' bench torchvision/regnet_y_400mf --size 64x64 --batch 2 --seconds 0 --threads 1
bad "bench: a classifier has no masks" 'gives no masks' bench torchvision/regnet_y_400mf --paste --seconds 0
good "explain: kernels and shares" '[0-9.]+ %' explain fasteners --size 128x128 --threads 1
good "explain --plan: no times" 'arena' explain fasteners --size 128x128 --plan
cloud=$root/examples/clouds/crossroads_0000.bin
good "detect3d: the shipped detector" 'crossroads_0000.bin  [0-9]+ points, [0-9]+ objects: [0-9]+ car, [0-9]+ pedestrian' detect3d "$cloud"
good "detect3d: a folder" 'crossroads_0002.bin  [0-9]+ points, [0-9]+ objects' detect3d --score 0.5 "$root/examples/clouds"
good "detect3d: weights that say what they are" 'car 0\.[0-9]+ at ' detect3d --list --weights "$root/examples/model/crossroads.safetensors" "$cloud"
bad "detect3d: weights that are a detector of pictures" 'which sees no point clouds' detect3d --weights "$weights" "$cloud"
good "inspect" 'box_head.fc1.weight +float16 +\[256, 3136\]' inspect "$weights"
good "inspect: metadata" 'regulus.model = regulus/fasteners' inspect "$weights"
good "bench" 'median +[0-9.]+ ms' bench fasteners --size 64x64 --seconds 0 --threads 1
points=pointpillars_hv_secfpn_8xb6-160e_kitti-3d-3class
good "bench: a made-up street" 'on cpu, 1 x 5000 points' bench $points --points 5000 --seconds 0 --threads 1
good "bench: the part behind a map" 'on cpu, 1 x 496 x 432' bench $points --points 10 --from canvas --outputs directions.0 --seconds 0 --threads 1
good "bench: some steps alone" 'median +[0-9.]+ ms' bench $points --points 5000 --outputs pillars --steps voxelizer,pillar_net --seconds 0 --threads 1
bad "bench: points for a network that sees pictures" 'sees pictures, not points' bench fasteners --points 100 --seconds 0
bad "bench: a size for a network that sees points" 'sees points, not pictures' bench $points --size 64x64 --seconds 0
bad "bench: no such map" 'no value labelled "nothing"' bench $points --points 10 --from nothing --seconds 0
bad "bench: rows are no map" '"pillars" of .* is no map' bench $points --points 10 --from pillars --seconds 0
bad "bench: no such step" 'no step.s name begins with "nothing"' bench $points --points 10 --steps nothing --seconds 0
good "explain: a network that sees points" 'pillar net, 10 -> 64' explain $points --points 5000 --threads 1
good "summary: a network that sees points" 'at 1 x 5000 points' summary $points --points 5000
good "bench --json" '"median_ms": [0-9.]+' bench fasteners --size 64x64 --seconds 0 --threads 1 --json
good "zoo list" 'mmdetection/mask_rcnn_regnetx-3.2GF_fpn_1x_coco .* 40.3 +36.6' zoo list
good "zoo list: classifiers" 'pycls/RegNetX-3.2GF .* 78.3 +94.1' zoo list
good "zoo show: a classifier" 'published error top-1 21.736 %' zoo show pycls/RegNetX-3.2GF
good "classify: seeded weights" '%  +[0-9]+  class [0-9]+' classify --model regnetx_002 --weights seeded --top 3 "$data/val_0000.jpg"
good "classify --json" '^\[.*"top": \[\{"index": [0-9]+, "probability": [0-9.e-]+\}\]\}' classify --model regnetx_002 --weights seeded:7 --top 1 --json "$data/val_0000.jpg"
bad "classify: no network named" 'which network' classify "$data/val_0000.jpg"
bad "classify: no weights named" 'needs --weights' classify --model torchvision/resnet50 "$data/val_0000.jpg"
bad "classify: weights of a detector" 'which is no classifier' classify --weights "$weights" "$data/val_0000.jpg"
printf 'only\nthree\nnames\n' >labels.txt
bad "classify: labels of another data set" 'has 3 names' classify --model regnetx_002 --weights seeded --labels labels.txt "$data/val_0000.jpg"
echo "no picture" >notes.jpg
bad "classify: a broken picture among good ones, no half of a JSON" 'notes.jpg' classify --model regnetx_002 --weights seeded --json "$data/val_0000.jpg" notes.jpg
good "zoo list --names" '^regulus/fasteners$' zoo list --names
good "zoo list: detectors of point clouds" 'mmdetection3d/hv_pointpillars_regnet-400mf_fpn_sbn-all_4x8_2x_nus-3d .* 45.1 +57.0' zoo list
good "zoo show: a detector of point clouds" 'range +x -50 to 50, y -50 to 50, z -5 to 3 m' zoo show pointpillars_hv_regnet-400mf_fpn_sbn-all_8xb4-2x_nus-3d
good "zoo list: torchvision's detectors" 'torchvision/maskrcnn_resnet50_fpn_v2 .* 47.4 +41.8' zoo list
good "zoo show: torchvision's detectors" '"resize_rule": "torchvision_short", .*"interpolation": "torch_bilinear", "channel_order": "rgb", "divisor": 255' zoo show torchvision/fasterrcnn_resnet50_fpn
good "zoo show" 'checkpoint +mask_rcnn_r50_fpn_1x_coco_20200205-d4b0c5d6.pth' zoo show mask-rcnn_r50_fpn_1x_coco
good "zoo show: keypoints" 'published AP +box 55.4, keypoint 65.5' zoo show keypoint_rcnn_R_50_FPN_3x
good "help teaches" 'regulus detect picture.jpg' --help
for command in detect classify summary explain inspect convert verify bench eval zoo completion; do good "help of $command" 'Usage: ' "$command" --help; done
good "version" '^regulus [0-9]+\.[0-9]+\.[0-9]+$' --version

good "completion: a script that bash reads" 'complete .* regulus' completion bash
bash -c 'source out; COMP_WORDS=(regulus det); COMP_CWORD=1; _regulus; [ "${COMPREPLY[*]}" = detect ]; COMP_WORDS=(regulus detect --sc); COMP_CWORD=2; _regulus; [ "${COMPREPLY[*]}" = --score ]'
report $? "completion: offers commands and options"
PATH=$(dirname "$tool"):$PATH bash -c 'source out; COMP_WORDS=(regulus summary regulus/fasteners_r); COMP_CWORD=2; _regulus; [[ " ${COMPREPLY[*]} " == *" regulus/fasteners_retinanet "* ]]'
report $? "completion: offers models"

run convert "$weights" copy.pth --to mmdetection && "$tool" convert copy.pth back.safetensors --model regulus/fasteners 2>/dev/null &&
    "$tool" detect --score 0.05 --json a.json "$data/val_0000.jpg" >/dev/null && "$tool" detect --weights back.safetensors --score 0.05 --json b.json "$data/val_0000.jpg" >/dev/null && cmp a.json b.json
report $? "convert: to mmdetection's names and back changes nothing"
run convert "$root/examples/model/crossroads.safetensors" points.pth --to mmdetection3d-voxelnet && "$tool" convert points.pth points.safetensors --model regulus/crossroads 2>/dev/null &&
    "$tool" detect3d --json a.json "$cloud" >/dev/null && "$tool" detect3d --weights points.safetensors --json b.json "$cloud" >/dev/null && cmp a.json b.json
report $? "convert: a detector of point clouds, to mmdetection3d's names and back"
run convert seeded kitti.pth --model $points --to mmdetection3d-voxelnet
report $code "convert: a seeded detector of point clouds"
good "inspect: a detector of point clouds" 'mmdetection3d/hv_pointpillars_secfpn_6x8_160e_kitti-3d-3class' inspect kitti.pth
bad "convert: a detector of point clouds that does not say which" 'say with --model' convert kitti.pth x.safetensors
good "detect: a checkpoint without a word about its model is recognised by its parameters" '[0-9]+ objects' detect --weights copy.pth "$data/val_0000.jpg"

REGULUS_MODEL=$work/back.safetensors run detect "$data/val_0000.jpg"
[ "$code" -eq 0 ]
report $? "REGULUS_MODEL names the default weights"

if command -v script >/dev/null; then
    on_terminal() { script -qec "$1" /dev/null </dev/null >tty 2>/dev/null; code=$?; : >out; cp tty err; }
    on_terminal "TERM=xterm '$tool' detect '$data'"
    [ "$code" -eq 0 ] && grep -q '\] 3/12' tty
    report $? "a terminal gets a progress bar for many pictures"
    on_terminal "TERM=xterm '$tool' detect missing.jpg"
    [ "$code" -eq 2 ] && grep -q "$(printf '\033')\[31m" tty
    report $? "a terminal gets errors in red"
    on_terminal "NO_COLOR=1 TERM=xterm '$tool' detect missing.jpg"
    [ "$code" -eq 2 ] && ! grep -q "$(printf '\033')" tty
    report $? "NO_COLOR is honoured"
else
    echo "skipped: no program script to make a terminal"
    skipped=$((skipped + 3))
fi

# --- usage ---
bad "no command" 'subcommand is required' 
bad "unknown command" '.' destroy
bad "unknown option" '--colour' detect --colour red "$data/val_0000.jpg"
bad "no picture" 'required' detect
bad "score beyond 1" 'score' detect --score 1.5 "$data/val_0000.jpg"
bad "score that is no number" 'score' detect --score high "$data/val_0000.jpg"
bad "negative threads" 'threads' detect --threads -1 "$data/val_0000.jpg"
bad "a version of mmdetection that is not known" 'mmdetection' detect --mmdetection 1 "$data/val_0000.jpg"
bad "bfloat16 on the reference backend" 'float32' detect --device reference --precision bf16 "$data/val_0000.jpg"
bad "float16 on the CPU" 'needs --device cuda' detect --precision f16 "$data/val_0000.jpg"
bad "a part of a whole call" 'leave out --outputs' bench --whole fasteners --outputs C5
bad "unknown device" 'device' detect --device gpu "$data/val_0000.jpg"
bad "unknown model" 'there is no model "mask_rnn"; the nearest names' summary mask_rnn
bad "ambiguous model" 'fits [0-9]+ models' summary r50_fpn_1x_coco
bad "size without a cross" '--size must be HEIGHTxWIDTH' summary fasteners --size 800
bad "size zero" '--size must be HEIGHTxWIDTH' summary fasteners --size 0x100
bad "size beyond reason" '--size must be HEIGHTxWIDTH' summary fasteners --size 99999999999x1
bad "salt that is no number" 'salt' detect --model fasteners --weights seeded:x "$data/val_0000.jpg"
bad "seeded without a model" 'needs --model' detect --weights seeded "$data/val_0000.jpg"
bad "model without weights" 'needs --weights FILE .published as retinanet_r50_fpn_1x_coco_20200130-c2398f9e.pth' detect --model retinanet_r50_fpn_1x_coco "$data/val_0000.jpg"
bad "no boxes for a model that looks into given ones" 'looks into given boxes: give them with --proposals FILE' detect --model detectron2/COCO-Detection/fast_rcnn_R_50_FPN_1x --weights seeded "$data/val_0000.jpg"
bad "boxes for a model that proposes its own" 'proposes its own boxes' detect --proposals "$weights" "$data/val_0000.jpg"
bad "no shell" 'SHELL|zsh' completion zsh

# --- pictures ---
: >empty.jpg
head -c 3000 "$data/val_0000.jpg" >cut.jpg
head -c 2000 /dev/urandom >noise.png
echo "not a picture" >text.jpg
printf '\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x02\x00\x00\x00' >huge.png
mkdir hollow
for picture in empty.jpg cut.jpg noise.png text.jpg huge.png missing.jpg hollow; do
    bad "picture $picture" "$picture" detect --json never.json --draw never "$picture"
    [ ! -e never.json ] && { [ ! -d never ] || [ -z "$(ls -A never)" ]; }
    report $? "picture $picture: nothing is written"
done
run detect --json never.json "$data/val_0000.jpg" cut.jpg
[ "$code" -eq 2 ] && grep -q 'cut.jpg' err && [ ! -e never.json ]
report $? "a broken picture among good ones: no results file is left"
python3 - <<'PY'
import struct, zlib
def chunk(kind, data): return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
open("pixel.png", "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b""))
PY
good "a picture of one pixel is a picture" 'pixel.png' detect pixel.png
bad "annotations that lack the picture" 'does not list the picture' detect --image-ids "$data/annotations.json" pixel.png
bad "annotations that are no JSON" 'text.jpg' detect --image-ids text.jpg "$data/val_0000.jpg"

# --- weights ---
head -c 100000 "$weights" >cut.safetensors
bad "weights cut off" 'cut.safetensors' detect --weights cut.safetensors "$data/val_0000.jpg"
bad "weights missing" 'missing.pth' detect --weights missing.pth "$data/val_0000.jpg"
bad "weights that are a picture" 'val_0000.jpg' detect --weights "$data/val_0000.jpg" "$data/val_0000.jpg"
bad "weights that are a folder" 'hollow' detect --weights hollow "$data/val_0000.jpg"
bad "weights of another model" 'does not fit .*missing|misshapen|missing' detect --model fasteners_retinanet --weights "$weights" "$data/val_0000.jpg"
bad "inspect: no checkpoint" 'text.jpg' inspect text.jpg
python3 - <<'PY'
import pickle
class Evil:
    def __reduce__(self): return (open, ("regulus_pwned", "w"))
open("evil.pkl", "wb").write(pickle.dumps({"model": Evil()}))
PY
run detect --weights evil.pkl "$data/val_0000.jpg"
[ "$code" -eq 2 ] && [ ! -e regulus_pwned ]
report $? "a pickle that calls a function is refused and calls nothing"
run inspect evil.pkl
[ ! -e regulus_pwned ] && [ "$code" -ne 139 ]
report $? "inspect calls nothing either"

# --- outputs ---
bad "json into a folder that does not exist" 'does not exist' detect --json nowhere/results.json "$data/val_0000.jpg"
bad "json that is a folder" 'is a folder' detect --json hollow "$data/val_0000.jpg"
bad "draw into a file" 'cannot be made' detect --draw text.jpg "$data/val_0000.jpg"
cp "$data/val_0000.jpg" mine.jpg
bad "drawing over the picture itself" 'would replace' detect --draw . mine.jpg
cmp -s mine.jpg "$data/val_0000.jpg"
report $? "the picture itself is untouched"
mkdir twin && cp mine.jpg twin/
bad "two pictures of one name into one folder" 'two pictures are called mine.jpg' detect --draw drawn2 mine.jpg twin/mine.jpg
bad "convert: unknown suffix" 'must end in' convert "$weights" result.bin
bad "convert: unknown names" '--to' convert "$weights" result.pth --to caffe3
bad "convert: nowhere to write" 'does not exist' convert "$weights" nowhere/result.safetensors
bad "convert: the wrong model" 'missing|misshapen' convert "$weights" result.safetensors --model fasteners_retinanet
[ ! -e result.safetensors ] && [ ! -e result.pth ] && [ ! -e result.bin ] && [ -z "$(find . -name '*.tmp*' -o -name '.*.part')" ]
report $? "convert: nothing half written"
if [ "$(id -u)" -ne 0 ]; then
    mkdir locked && chmod a-w locked
    bad "a folder without write permission" 'permission denied' detect --json locked/results.json "$data/val_0000.jpg"
else
    echo "skipped: permissions do not bind the superuser"
    skipped=$((skipped + 1))
fi
if [ -w /dev/full ]; then
    timeout 60 "$tool" zoo list >/dev/full 2>err
    code=$?
    : >out
    [ "$code" -eq 2 ] && grep -q 'standard output' err
    report $? "a full disk behind stdout is an error"
fi

# --- keypoints: the fact sheet's similarity of a person of 4000 pixels whose points are 5 pixels off is .737997, so that five of the ten thresholds are met ---
python3 - <<'PY'
import json
points = [n for k in range(17) for n in (10 + 3 * k, 20 + 2 * k, 2)]
person = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 80, 80], "area": 4000, "iscrowd": 0}
image = {"id": 1, "file_name": "a.jpg", "height": 100, "width": 100}
category = {"id": 1, "name": "person"}
result = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 80, 80], "score": 0.9, "keypoints": [n + (3, 4, 0)[i % 3] for i, n in enumerate(points)]}
json.dump({"images": [image], "annotations": [dict(person, keypoints=points, num_keypoints=17)], "categories": [category]}, open("persons.json", "w"))
json.dump({"images": [image], "annotations": [person], "categories": [category]}, open("boxes.json", "w"))
json.dump([result], open("points.json", "w"))
PY
good "eval coco: keypoints are judged where there are some" 'AP +50\.00' eval coco --results points.json --annotations persons.json
grep -q 'keypoints' out
report $? "eval coco: keypoints have a table of their own"
good "eval coco: and not where the annotations have none" 'boxes' eval coco --results points.json --annotations boxes.json
grep -q 'keypoints are not judged' err && ! grep -q 'keypoints' out
report $? "eval coco: what is not judged is said"

# --- verify ---
bad "verify: no case" 'case.json' verify hollow
if [ -r "$shared/golden/detection2d/mm_retinanet_regnetx_800mf/case.json" ]; then
    case=$shared/golden/detection2d/mm_retinanet_regnetx_800mf
    good "verify: a case that agrees" '^passed: [0-9]+ checks' verify "$case"
    mkdir -p spoiled && cp "$case"/* spoiled/ && chmod -R u+w spoiled
    python3 - "$shared" <<'PY'
import json, sys
case = json.load(open("spoiled/case.json"))
case["images"] = [sys.argv[1] + "/" + image if not image.startswith("/") else image for image in case["images"]]
case["images"] = [__import__("os").path.abspath(image) for image in case["images"]]
case["salt"] += 1
json.dump(case, open("spoiled/case.json", "w"))
PY
    run verify spoiled
    [ "$code" -eq 1 ] && grep -q '^FAILED' out
    report $? "verify: other weights give exit code 1 and say where"
else
    echo "skipped: shared/golden is not on this machine"
    skipped=$((skipped + 2))
fi

# --- things and stuff ---
run detect --model panoptic_fpn_R_50_1x --weights seeded:204 --json panoptic.json --segments panoptic --draw painted "$data/val_0000.jpg"
[ "$code" -eq 0 ] && grep -qE 'val_0000.jpg  [0-9]+ segments?: ' out && [ -s painted/val_0000.jpg ] && [ "$(head -c 4 panoptic/val_0000.png | tail -c 3)" = PNG ] && grep -q '"file_name":"val_0000.png","segments_info":\[{"id":1,' panoptic.json
report $? "detect: segments of a panoptic model, as JSON, as ids and painted"
python3 - <<'PY'
import json, struct
results = json.load(open("panoptic.json"))
width, height = struct.unpack(">II", open("panoptic/val_0000.png", "rb").read(24)[16:])
names = {197: ("building-other-merged", 0), 1: ("person", 1)}
categories = [{"id": i, "name": n, "isthing": t} for i, (n, t) in names.items()]
known = [s for s in results["annotations"][0]["segments_info"] if s["category_id"] in names]
assert known, results
json.dump({"images": [{"id": 1, "width": width, "height": height, "file_name": "val_0000.jpg"}], "categories": categories, "annotations": results["annotations"]}, open("truth.json", "w"))
PY
report $? "detect: the segments of seeded weights are of the category that the next tests know"
good "eval panoptic: a file of results judged by itself" '^all +100.00  100.00  100.00' eval panoptic --results panoptic.json --annotations truth.json --truth panoptic --per-category
good "eval panoptic: a model judged by what it found" '^stuff +100.00  100.00  100.00' eval panoptic --model panoptic_fpn_R_50_1x --weights seeded:204 --images "$data" --annotations truth.json --truth panoptic --json found.json --segments found
cmp -s panoptic/val_0000.png found/val_0000.png && python3 -c 'import json; a, b = (json.load(open(f))["annotations"] for f in ("panoptic.json", "found.json")); assert a == b' && [ ! -e found.json.journal ]
report $? "eval panoptic: the files that it writes are those of detect"
bad "eval panoptic: a folder without the truth's files" 'absent/val_0000.png' eval panoptic --results panoptic.json --annotations truth.json --truth absent
bad "eval panoptic: a model without a semantic head" 'is no panoptic model' eval panoptic --images "$data" --annotations truth.json
bad "detect: segments of a detector of objects" '--segments needs a panoptic model' detect --segments ids "$data/val_0000.jpg"
good "zoo show: stuff and panoptic quality" 'published PQ +43.0' zoo show panoptic_fpn_R_101_3x

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
