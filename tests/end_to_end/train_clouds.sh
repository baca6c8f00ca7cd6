#!/usr/bin/env bash
# regulus train nuscenes and lyft: PointPillars learns from a few made-up samples and is judged on the way; a run that is killed goes on; a classifier's backbone; wrong input.
#   train_clouds.sh BUILD_TREE
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tool=$(cd "$1" && pwd)/regulus
. "$here/support/checks.sh"

# A vehicle stands still; a car passes it, in two scenes: scattered ground, and points on the car. Lyft counts no points, and one of its clouds lacks its last numbers.
python3 - <<'PY'
import json, os, random, struct
rnd = random.Random(1)
def table(folder, name, rows):
    os.makedirs(folder, exist_ok=True)
    json.dump(rows, open(f"{folder}/{name}.json", "w"))
frames, of_scene = 4, 2
link = lambda letter, i: {"prev": f"{letter}{i - 1}" if i % of_scene else "", "next": f"{letter}{i + 1}" if (i + 1) % of_scene else ""}
car = lambda i: (8 + 2 * i, 5, 0)  # the middle, in the laser's frame
os.makedirs("set/samples/LIDAR_TOP")
os.makedirs("set/lidar")
for i in range(frames):
    rows = [[rnd.uniform(-40, 40), rnd.uniform(-40, 40), rnd.uniform(-2, -1.6), 0, 0] for _ in range(2000)]
    x, y, z = car(i)
    rows += [[x + rnd.uniform(-2.3, 2.3), y + rnd.uniform(-0.9, 0.9), z + rnd.uniform(-0.8, 0.8), 0, 0] for _ in range(300)]
    points = b"".join(struct.pack("<5f", *row) for row in rows)
    open(f"set/samples/LIDAR_TOP/{i}.bin", "wb").write(points)
    open(f"set/lidar/{i}.bin", "wb").write(points[:-8] if i == 2 else points)
annotation = lambda i, points: {"token": f"a{i}", "sample_token": f"s{i}", "instance_token": f"i{i // of_scene}", "visibility_token": "", "attribute_tokens": ["moving"], "translation": [car(i)[0] + 100, car(i)[1] + 200, 1.8],
                                "size": [1.9, 4.6, 1.7], "rotation": [1, 0, 0, 0], "num_lidar_pts": points, "num_radar_pts": 0, **link("a", i)}
for folder, place, category, points in (("nuscenes", "samples/LIDAR_TOP", "vehicle.car", 300), ("unseen", "samples/LIDAR_TOP", "vehicle.car", 0), ("lyft", "lidar", "car", 0)):
    table(folder, "scene", [{"token": f"scene{i}", "name": f"scene-000{i}", "log_token": "", "nbr_samples": of_scene, "first_sample_token": f"s{of_scene * i}", "last_sample_token": f"s{of_scene * i + 1}",
                             "description": ""} for i in range(2)])
    table(folder, "sensor", [{"token": "sensor", "channel": "LIDAR_TOP", "modality": "lidar"}])
    table(folder, "calibrated_sensor", [{"token": "calibration", "sensor_token": "sensor", "translation": [0, 0, 1.8], "rotation": [1, 0, 0, 0], "camera_intrinsic": []}])
    table(folder, "category", [{"token": "car", "name": category, "description": ""}])
    table(folder, "attribute", [{"token": "moving", "name": "vehicle.moving", "description": ""}])
    table(folder, "instance", [{"token": f"i{i}", "category_token": "car", "nbr_annotations": of_scene, "first_annotation_token": f"a{of_scene * i}", "last_annotation_token": f"a{of_scene * i + 1}"}
                               for i in range(2)])
    table(folder, "sample", [{"token": f"s{i}", "timestamp": 500000 * i + 10**9, "scene_token": f"scene{i // of_scene}", **link("s", i)} for i in range(frames)])
    table(folder, "ego_pose", [{"token": f"e{i}", "timestamp": 500000 * i + 10**9, "rotation": [1, 0, 0, 0], "translation": [100, 200, 0]} for i in range(frames)])
    table(folder, "sample_data", [{"token": f"d{i}", "sample_token": f"s{i}", "ego_pose_token": f"e{i}", "calibrated_sensor_token": "calibration", "timestamp": 500000 * i + 10**9, "fileformat": "pcd",
                                   "is_key_frame": True, "height": 0, "width": 0, "filename": f"{place}/{i}.bin", **link("d", i)} for i in range(frames)])
    table(folder, "sample_annotation", [annotation(i, points) for i in range(frames)])
PY
model=mmdetection3d/hv_pointpillars_secfpn_sbn-all_4x8_2x_nus-3d regnet_model=mmdetection3d/hv_pointpillars_regnet-400mf_secfpn_sbn-all_4x8_2x_nus-3d
lyft_model=mmdetection3d/hv_pointpillars_secfpn_sbn-all_2x8_2x_lyft-3d
learn() { "$tool" train nuscenes --threads 1 --tables nuscenes --data set "$@"; }
short() { learn --model $model --batch 2 --at-once 1 --epochs 3 --lr 0.002 "$@"; }
loss() { sed -n "s/^[a-z]* $1 of [0-9]*: loss \([0-9.]*\) .*/\1/p" "$2"; }
falls() {  # falls NAME FROM FACTOR TO: the loss FROM times FACTOR is more than the loss TO
    python3 -c "import sys; a, b, c = (float(word or 'nan') for word in sys.argv[1:]); sys.exit(not c < a * b)" "$2" "$3" "$4"
    report $? "$1 ($2 to $4)"
}

expect "PointPillars from random weights, 3 epochs of 4 samples" short --out whole.safetensors
cp out whole.out
grep -q '4 samples with objects: 6 steps, 2 steps an epoch, 2 clouds a step, 1 at once' err && [ "$(wc -l <whole.out)" -eq 3 ] && [ ! -e whole.safetensors.run ]
report $? "what it does, a line for each epoch, and no file of the run is left"
grep -q 'loss_bbox [0-9.]*, loss_cls [0-9.]*, loss_dir [0-9.]*' whole.out
report $? "boxes, classes and directions are learnt"
falls "the loss falls by a fifth at least" "$(loss 1 whole.out)" 0.8 "$(loss 3 whole.out)"
expect "the result is judged by eval nuscenes" "$tool" eval nuscenes --model $model --weights whole.safetensors --tables nuscenes --data set --threads 1
expect "and sees clouds" "$tool" detect3d --model $model --weights whole.safetensors --threads 1 --score 0.01 set/samples/LIDAR_TOP/0.bin

short --out cut.safetensors >part.out 2>err & pid=$!
while kill -0 $pid 2>/dev/null && ! grep -q '^epoch 1 of' part.out; do sleep 0.05; done
kill -KILL $pid 2>/dev/null
wait $pid 2>/dev/null
[ -e cut.safetensors.run ] && [ ! -e cut.safetensors ]
report $? "a run that is killed keeps its state"
refuse "it is not begun anew by mistake" 'holds a run that stopped; --resume goes on' short --out cut.safetensors
refuse "it does not go on with other settings" 'seed was 0, is 1$' short --seed 1 --out cut.safetensors --resume
expect "it goes on from its last epoch" short --out cut.safetensors --resume
cmp -s whole.safetensors cut.safetensors && [ ! -e cut.safetensors.run ]
report $? "and ends with the bits of a run that nobody stopped"
cat part.out out | sort -u | cmp -s - <(sort -u whole.out)
report $? "every line that it told is one of that run"
expect "from these weights, one step of two clouds at once" learn --model $model --weights whole.safetensors --batch 2 --iterations 1 --out more.safetensors
falls "which know something" "$(loss 1 whole.out)" 1 "$(loss 1 out)"

# Judged on the way: what a network finds after a step that hardly moves it is marked; after the same step it finds that again.
echo scene-0001 >val.txt
mark() {  # mark SET RESULTS: tables SET_found, in which two of three of the results' boxes of one class are the objects
    python3 - "$@" <<'PY'
import collections, json, shutil, sys
source, results = sys.argv[1:]
folder = source + "_found"
shutil.copytree(source, folder)
boxes = [dict(box, name=box.get("name", box.get("detection_name"))) for found in json.load(open(results))["results"].values() for box in found]
name = collections.Counter(box["name"] for box in boxes if box["name"] in ("car", "truck", "motorcycle", "bicycle")).most_common(1)[0][0]
boxes = [box for n, box in enumerate(box for box in boxes if box["name"] == name) if n % 3]
def table(file, rows):
    json.dump(rows, open(f"{folder}/{file}.json", "w"))
table("category", [{"token": "c", "name": name if source == "lyft" else "vehicle." + name, "description": ""}])
table("instance", [{"token": f"i{n}", "category_token": "c", "nbr_annotations": 1, "first_annotation_token": f"a{n}", "last_annotation_token": f"a{n}"} for n in range(len(boxes))])
table("sample_annotation", [{"token": f"a{n}", "sample_token": box["sample_token"], "instance_token": f"i{n}", "visibility_token": "", "attribute_tokens": [], "num_lidar_pts": 5, "num_radar_pts": 0,
                             "prev": "", "next": "", **{k: box[k] for k in ("translation", "size", "rotation")}} for n, box in enumerate(boxes)])
PY
}
judge() {  # judge SET MODEL
    local step="$tool train $1 --model $2 --weights seeded:1 --threads 1 --data set --scenes val.txt --batch 1 --iterations 1 --lr 1e-12" eval="$tool eval $1 --model $2 --threads 1 --data set --scenes val.txt"
    expect "$1: a step" $step --tables "$1" --out "first_$1.safetensors"
    expect "$1: finds something" $eval --weights "first_$1.safetensors" --tables "$1" --write "$1.json"
    mark "$1" "$1.json"
    expect "$1: the step is judged" $step --tables "$1_found" --val-scenes val.txt --out "judged_$1.safetensors"
    cp out judged.out
    expect "$1: its weights are judged by eval" $eval --weights "judged_$1.safetensors" --tables "$1_found" --json "$1.numbers"
    python3 - "$1.numbers" judged.out <<'PY'
import json, re, sys
numbers = json.load(open(sys.argv[1]))
said = re.search(r", validation mAP ([0-9.]+)(?:, NDS ([0-9.]+))?$", open(sys.argv[2]).read())
names = [name for name in ("mean_ap", "final_mAP", "nd_score") if name in numbers]
expected = [f"{100 * numbers[name]:.2f}" for name in names]
sys.exit(not (said and [word for word in said.groups() if word] == expected and float(expected[0]) > 1))
PY
    report $? "$1: gives the same numbers, which say something"
}
judge nuscenes $model
judge lyft $lyft_model  # whose tables count no laser points in the objects of the first step
"$tool" train lyft --help | tr -s ' \n' ' ' >help.txt
grep -q 'Clouds of a step (default: 16)' help.txt && grep -q "the step's is the mean (default: 2)" help.txt
report $? "steps of Lyft are of sixteen clouds, two at once"

"$tool" convert seeded:3 classifier.safetensors --model pycls/RegNetX-400MF 2>/dev/null
for layout in pycls timm; do "$tool" convert classifier.safetensors $layout.pth --to $layout 2>/dev/null; done
"$tool" convert seeded:3 small.pth --model pycls/RegNetX-200MF --to pycls 2>/dev/null
for layout in pycls timm; do
    expect "a backbone of $layout" learn --model $regnet_model --backbone $layout.pth --batch 1 --iterations 1 --lr 1e-12 --out $layout.safetensors
done
cmp -s pycls.safetensors timm.safetensors
report $? "one classifier of two code bases starts one training"
python3 - <<'PY'
import array, json, struct, sys
def tensors(path):
    data = open(path, "rb").read()
    size, = struct.unpack("<Q", data[:8])
    at = lambda entry: array.array("f", data[8 + size + entry["data_offsets"][0]:8 + size + entry["data_offsets"][1]])
    return {name: at(entry) for name, entry in json.loads(data[8:8 + size]).items() if name != "__metadata__"}
classifier, result = tensors("classifier.safetensors"), tensors("pycls.safetensors")
weights = [name for name in result if name.startswith("backbone.") and name.endswith(".weight")]
alike = lambda a, b: len(a) == len(b) and max(abs(x - y) for x, y in zip(a, b)) < 1e-12  # a step of 1e-14
others = {name for name in weights if not alike(result[name], classifier[name])}
sys.exit(not (len(weights) > 100 and others == {"backbone.s1.b1.a.weight", "backbone.s1.b1.proj.weight"}))
PY
report $? "the backbone is the classifier's but for the two layers that read the canvas"

refuse "a backbone of other widths" 'small.pth has another backbone than .*RegNetX-400MF.* is \[24\] there, \[32\] here' learn --model $regnet_model --backbone small.pth --out x.safetensors
refuse "a backbone for a detector without a RegNet" 'is no RegNet' learn --model $model --backbone pycls.pth --out x.safetensors
refuse "a backbone beside weights" 'excludes' learn --model $regnet_model --backbone pycls.pth --weights seeded --out x.safetensors
refuse "a batch of more than all samples" 'more than all 4 samples with objects; choose another with --batch' learn --model $model --out x.safetensors
refuse "parts that do not divide the batch" 'at-once 3 does not divide' learn --model $model --batch 4 --at-once 3 --out x.safetensors
refuse "a network of before version 1" 'choose the model of version 1' learn --model mmdetection3d-0.x/hv_pointpillars_fpn_sbn-all_4x8_2x_nus-3d --out x.safetensors
refuse "a network of Lyft" 'none of nuScenes' learn --model mmdetection3d/hv_pointpillars_fpn_sbn-all_2x8_2x_lyft-3d --out x.safetensors
refuse "a network of KITTI" 'Pedestrian' learn --model kitti-3d-3class --out x.safetensors
refuse "a network of nuScenes for Lyft" "none of Lyft's nine" "$tool" train lyft --model $model --tables lyft --data set --out x.safetensors
refuse "nuScenes' tables for Lyft" 'marks no object of the nine classes' "$tool" train lyft --model $lyft_model --tables nuscenes --data set --out x.safetensors
refuse "objects that nobody saw" 'marks no object' "$tool" train nuscenes --model $model --tables unseen --data set --out x.safetensors
refuse "clouds that are missing" 'nowhere/samples/LIDAR_TOP' "$tool" train nuscenes --threads 1 --model $model --tables nuscenes --data nowhere --batch 2 --out x.safetensors
refuse "tables that are missing" 'nowhere' "$tool" train nuscenes --model $model --tables nowhere --data set --out x.safetensors
echo scene-0009 >other.txt
refuse "a scene that is not there" 'scene-0009' learn --model $model --scenes other.txt --out x.safetensors
refuse "a scene to judge that is not there" 'scene-0009' learn --model $model --batch 2 --val-scenes other.txt --out x.safetensors
refuse "a result of another kind" 'must end in .safetensors' learn --model $model --out x.pth
refuse "nothing to go on with" 'no x.safetensors.run to go on from' learn --model $model --out x.safetensors --resume
[ ! -e x.safetensors ] && [ ! -e x.safetensors.run ]
report $? "nothing is written by what is refused"

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
