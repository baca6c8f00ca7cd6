#!/usr/bin/env bash
# regulus train kitti: PointPillars learns from a few made-up frames with objects of others in them and is judged on the way; a run that is killed goes on; wrong input.
#   train_kitti.sh BUILD_TREE
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tool=$(cd "$1" && pwd)/regulus
. "$here/support/checks.sh"

# A car, a pedestrian and a cyclist in each of four frames; a van and a region that count for nothing; points behind the camera.
python3 - <<'PY'
import os, random, struct
rnd = random.Random(1)
for folder in ("velodyne", "calib", "label_2", "planes"):
    os.makedirs("kitti/" + folder)
# The camera looks along the laser's x axis and stands with it, 1.7 m over the ground.
cars = [(12, 3, 0.2), (18, -4, 1.4), (9, -2, -2.9), (24, 6, 0.7)]
for i, (x, y, yaw) in enumerate(cars):
    rows = [[rnd.uniform(2, 60), rnd.uniform(-30, 30), rnd.uniform(-1.75, -1.65), rnd.random()] for _ in range(6000)]
    people = [("Pedestrian", x + 4, y + 3, 0.8, 0.6, 1.75), ("Cyclist", x + 5, y - 4, 1.8, 0.6, 1.7)]
    marked = [("Car", x, y, 3.9, 1.6, 1.5)] + people
    for _, a, b, length, width, height in marked:
        rows += [[a + rnd.uniform(-0.45, 0.45) * width, b + rnd.uniform(-0.45, 0.45) * width, -1.7 + rnd.uniform(0.05, 0.95) * height, 0.5] for _ in range(150)]
    rows += [[-x, -y, 0, 0] for x, y, *_ in rows[:500]]  # behind the camera
    open(f"kitti/velodyne/00000{i}.bin", "wb").write(b"".join(struct.pack("<4f", *row) for row in rows))
    open(f"kitti/calib/00000{i}.txt", "w").write("P2: 700 0 621 0 0 700 187 0 0 0 1 0\nR0_rect: 1 0 0 0 1 0 0 0 1\nTr_velo_to_cam: 0 -1 0 0 0 0 -1 0 1 0 0 0\n")
    # Label files have height, width, length, the bottom's place in the camera's frame and the turn about its y axis.
    open(f"kitti/label_2/00000{i}.txt", "w").write("".join(f"{kind} 0 0 0 500 150 600 250 {height} {width} {length} {-b} 1.7 {a} {-yaw - 1.5708}\n" for kind, a, b, length, width, height in marked) +
                                                    "Van 0 0 0 700 150 750 250 2 1.8 5 -8 1.7 30 0\nDontCare -1 -1 -10 10 10 20 20 -1 -1 -1 -1000 -1000 -1000 -10\n")
    open(f"kitti/planes/00000{i}.txt", "w").write("# Plane\nWidth 4\nHeight 1\n0 -1 0 1.7\n")
open("kitti/train.txt", "w").write("000000\n000001\n000002\n000003\n")
open("kitti/val.txt", "w").write("000003\n000001\n")
PY
model="--model kitti-3d-3class" where="--threads 1 --clouds kitti/velodyne --calib kitti/calib" labels="--labels kitti/label_2" all="--frames kitti/train.txt" some="--frames kitti/val.txt"
learn() { "$tool" train kitti $where "$@"; }
judge() { "$tool" eval kitti $model $where $some "$@"; }
short() { learn $model $labels $all --planes kitti/planes --batch 2 --at-once 1 --epochs 2 --lr 0.002 "$@"; }
loss() { sed -n "s/^[a-z]* $1 of [0-9]*: loss \([0-9.]*\) .*/\1/p" "$2"; }

expect "PointPillars from random weights, 2 epochs of 4 frames" short --out whole.safetensors
cp out whole.out
grep -q 'can get: Pedestrian 4, Cyclist 4, Car 4' err && grep -q '4 samples with objects: 4 steps, 2 steps an epoch, 2 clouds a step, 1 at once' err && [ "$(wc -l <whole.out)" -eq 2 ]
report $? "what it does, and a line for each epoch"
python3 -c "import sys; a, b = (float(word or 'nan') for word in sys.argv[1:]); sys.exit(not b < 0.8 * a)" "$(loss 1 whole.out)" "$(loss 2 whole.out)"
report $? "the loss falls by a fifth at least"
expect "the result is judged by eval kitti" judge $labels --weights whole.safetensors

short --out cut.safetensors >part.out 2>err & pid=$!
while kill -0 $pid 2>/dev/null && ! grep -q '^epoch 1 of' part.out; do sleep 0.05; done
kill -KILL $pid 2>/dev/null
wait $pid 2>/dev/null
[ -e cut.safetensors.run ] && [ ! -e cut.safetensors ]
report $? "a run that is killed keeps its state"
refuse "it does not go on with fewer objects" 'objects was 15, is 3$' short --objects 3 --out cut.safetensors --resume
expect "it goes on from its last epoch" short --out cut.safetensors --resume
cmp -s whole.safetensors cut.safetensors && [ ! -e cut.safetensors.run ]
report $? "and ends with the bits of a run that nobody stopped"

# What a network finds after a step that hardly moves it is marked; after the same step it finds that again.
step() { learn $model $some --weights seeded:1 --batch 1 --iterations 1 --lr 1e-12 "$@"; }
expect "a step" step $labels --out first.safetensors
expect "finds something" judge $labels --weights first.safetensors --write found
mkdir marked
for frame in 000001 000003; do awk '{ $2 = $3 = 0; NF = 15; print }' found/$frame.txt >marked/$frame.txt; done
expect "the step is judged" step --labels marked --val-frames kitti/val.txt --out judged.safetensors
cp out judged.out
expect "its weights are judged by eval" judge --labels marked --weights judged.safetensors --json numbers
python3 - numbers judged.out <<'PY'
import json, re, sys
numbers = json.load(open(sys.argv[1]))
said = re.search(r", validation 3D AP ([0-9.]+), BEV AP ([0-9.]+) \(moderate, 40 recalls\)$", open(sys.argv[2]).read())
expected = [f"{numbers[f'KITTI/Overall_{kind}_AP40_moderate']:.2f}" for kind in ("3D", "BEV")]
sys.exit(not (said and list(said.groups()) == expected and float(expected[0]) > 1))
PY
report $? "gives the same numbers, which say something"
expect "without objects of others" learn $model $labels $all --batch 4 --at-once 1 --iterations 1 --objects 0 --out none.safetensors
! grep -q 'can get' err
report $? "none are cut out"

refuse "a network of nuScenes" "not one of KITTI's classes" learn $labels $all --model mmdetection3d/hv_pointpillars_secfpn_sbn-all_4x8_2x_nus-3d --out x.safetensors
refuse "a batch of more than all frames" 'more than all 4 samples with objects; choose another with --batch' learn $model $labels $all --out x.safetensors
refuse "planes that are missing" 'nowhere/000000.txt' learn $model $labels $all --planes nowhere --batch 2 --out x.safetensors
echo 000009 >other.txt
refuse "a frame that is not there" 'kitti/velodyne/000009.bin' learn $model $labels --frames other.txt --batch 2 --out x.safetensors
refuse "a frame to judge that is not there" '000009' learn $model $labels $all --val-frames other.txt --batch 2 --out x.safetensors
cp -r kitti/label_2 broken
sed -i 's/^Car.*/Car 0 0 0 500 150 600 250 1.5 -1.6 3.9 1 1.7 20 0/' broken/000002.txt
refuse "a car without width" 'broken/000002.txt: kitti_objects: a side of a Car is -1.600000 m' learn $model $all --labels broken --batch 2 --out x.safetensors
sed -i '/^Van/!d' broken/*.txt
refuse "frames without objects" 'broken marks no Pedestrian, Cyclist or Car' learn $model $all --labels broken --batch 2 --out x.safetensors
[ ! -e x.safetensors ] && [ ! -e x.safetensors.run ]
report $? "nothing is written by what is refused"

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
