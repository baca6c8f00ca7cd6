#!/usr/bin/env bash
# regulus eval nuscenes, lyft, kitti: a detector and its results file get the same numbers; a killed run goes on; ranks of MPI; broken clouds; wrong input.
# The data sets are made here: a few hundred random points a cloud, tables and labels by hand. What the numbers should be is tested in tests/evaluate3d.
#   eval3d.sh BUILD_TREE
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tool=$(cd "$1" && pwd)/regulus
. "$here/support/checks.sh"

python3 - <<'PY'
import json, os, random, struct
rnd = random.Random(1)
def cloud(path, columns):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    rows = [[rnd.uniform(0, 40), rnd.uniform(-20, 20), rnd.uniform(-2, 1)] + [rnd.random()] * (columns - 3) for _ in range(400)]
    open(path, "wb").write(b"".join(struct.pack(f"<{columns}f", *row) for row in rows))
def table(name, rows):
    os.makedirs("set/tables", exist_ok=True)
    json.dump(rows, open(f"set/tables/{name}.json", "w"))
frames = 5
link = lambda letter, i: {"prev": f"{letter}{i - 1}" if i else "", "next": f"{letter}{i + 1}" if i < frames - 1 else ""}
table("scene", [{"token": "scene", "name": "scene-0001", "log_token": "", "nbr_samples": frames, "first_sample_token": "s0", "last_sample_token": f"s{frames - 1}", "description": ""}])
table("sensor", [{"token": "sensor", "channel": "LIDAR_TOP", "modality": "lidar"}])
table("calibrated_sensor", [{"token": "calibration", "sensor_token": "sensor", "translation": [0.9, 0, 1.8], "rotation": [0.6, 0, 0, -0.8], "camera_intrinsic": []}])
table("category", [{"token": "car", "name": "vehicle.car", "description": ""}])
table("attribute", [{"token": "moving", "name": "vehicle.moving", "description": ""}])
table("instance", [{"token": "i", "category_token": "car", "nbr_annotations": frames, "first_annotation_token": "a0", "last_annotation_token": f"a{frames - 1}"}])
table("sample", [{"token": f"s{i}", "timestamp": 500000 * i + 10**9, "scene_token": "scene", **link("s", i)} for i in range(frames)])
table("ego_pose", [{"token": f"e{i}", "timestamp": 500000 * i + 10**9, "rotation": [1, 0, 0, 0], "translation": [100 + i, 200, 0]} for i in range(frames)])
data = []
for i in range(frames):
    cloud(f"set/samples/LIDAR_TOP/{i}.bin", 5)
    data.append({"token": f"d{i}", "sample_token": f"s{i}", "ego_pose_token": f"e{i}", "calibrated_sensor_token": "calibration", "timestamp": 500000 * i + 10**9, "fileformat": "pcd",
                 "is_key_frame": True, "height": 0, "width": 0, "filename": f"samples/LIDAR_TOP/{i}.bin", **link("d", i)})
table("sample_data", data)
table("sample_annotation", [{"token": f"a{i}", "sample_token": f"s{i}", "instance_token": "i", "visibility_token": "", "attribute_tokens": ["moving"], "translation": [110 + i, 205, 1],
                             "size": [1.9, 4.6, 1.7], "rotation": [1, 0, 0, 0], "num_lidar_pts": 5, "num_radar_pts": 0, **link("a", i)} for i in range(frames)])
for i in range(3):
    cloud(f"kitti/velodyne/00000{i}.bin", 4)
    os.makedirs("kitti/calib", exist_ok=True), os.makedirs("kitti/label_2", exist_ok=True)
    open(f"kitti/calib/00000{i}.txt", "w").write("P2: 700 0 600 45 0 700 180 0.2 0 0 1 0.003\nR0_rect: 1 0 0 0 1 0 0 0 1\nTr_velo_to_cam: 0 -1 0 0 0 0 -1 -0.08 1 0 0 -0.27\n")
    open(f"kitti/label_2/00000{i}.txt", "w").write("Car 0 0 -0.7 500 150 600 250 1.6 1.6 3.9 1 1.7 20 0.3\n")
open("kitti/val.txt", "w").write("000002\n000000\n")
PY

nuscenes="--model mmdetection3d/pointpillars_hv_secfpn_sbn-all_8xb4-2x_nus-3d --weights seeded:1 --threads 1 --tables set/tables"
lyft="--model mmdetection3d/pointpillars_hv_secfpn_sbn-all_8xb2-2x_lyft-3d --weights seeded:1 --threads 1 --tables set/tables --data set"
kitti="--model kitti-3d-3class --weights seeded:1 --threads 1 --clouds kitti/velodyne --calib kitti/calib --labels kitti/label_2"

expect "nuscenes, a detector" "$tool" eval nuscenes $nuscenes --data set --write one.json --json one.numbers
expect "which finds something" grep -q detection_score one.json
expect "nuscenes, its results file" "$tool" eval nuscenes --results one.json --tables set/tables --json two.numbers --write-truth truth.json
expect "gets the same numbers" cmp one.numbers two.numbers
expect "nuscenes, ground truth in one file" "$tool" eval nuscenes --results one.json --truth truth.json --json -
cp out three.numbers
expect "gets them too" cmp one.numbers three.numbers
expect "no journal is left" test ! -e one.json.journal
"$tool" eval nuscenes $nuscenes --data set --write cut.json >/dev/null 2>&1 & pid=$!
for _ in $(seq 600); do [ "$(cat cut.json.journal 2>/dev/null | wc -l)" -ge 3 ] && break; sleep 0.02; done
kill -KILL $pid 2>/dev/null
wait $pid 2>/dev/null
expect "nuscenes, a killed run goes on" "$tool" eval nuscenes $nuscenes --data set --write cut.json
expect "and gives the same file" cmp one.json cut.json
echo scene-0001 >scenes.txt
expect "nuscenes, scenes by name" "$tool" eval nuscenes --results one.json --tables set/tables --scenes scenes.txt
echo scene-0002 >other.txt
refuse "a scene that is not there" 'scene-0002' "$tool" eval nuscenes --results one.json --tables set/tables --scenes other.txt
refuse "no ground truth" '--tables DIR or with --truth' "$tool" eval nuscenes --results one.json
refuse "nothing to judge" '--results' "$tool" eval nuscenes --tables set/tables
refuse "results and a model" '--results judges a file alone' "$tool" eval nuscenes --results one.json $nuscenes
refuse "a model without clouds" '--data DIR' "$tool" eval nuscenes $nuscenes
refuse "a results file that is none" 'offset 0 of the JSON text' "$tool" eval nuscenes --results scenes.txt --tables set/tables
refuse "a model of another data set" 'Pedestrian' "$tool" eval nuscenes --model kitti-3d-3class --weights seeded --tables set/tables --data set

if command -v mpirun >/dev/null; then
    expect "nuscenes, three ranks" mpirun -n 3 --oversubscribe --allow-run-as-root "$tool" eval nuscenes $nuscenes --data set --write three.json
    expect "give the same file" cmp one.json three.json
else
    skipped=2
fi

cp -r set broken && head -c 30 set/samples/LIDAR_TOP/4.bin >broken/samples/LIDAR_TOP/4.bin
refuse "a broken cloud ends the run" '4.bin.*--skip-broken' "$tool" eval nuscenes $nuscenes --data broken
expect "or is skipped" "$tool" eval nuscenes $nuscenes --data broken --skip-broken --write skipped.json
cp err skipped.log
expect "and counted" grep -q '1 broken frame skipped' skipped.log
expect "its sample is there, empty" grep -q '"s4":\[\]' skipped.json

expect "lyft, a detector" "$tool" eval lyft $lyft --write lyft.json --csv lyft.csv --json lyft1.numbers
expect "lyft, its JSON" "$tool" eval lyft --results lyft.json --tables set/tables --json lyft2.numbers --write-truth lyft_truth.json
expect "gets the same numbers" cmp lyft1.numbers lyft2.numbers
expect "lyft, its CSV against one file" "$tool" eval lyft --results lyft.csv --truth lyft_truth.json
expect "lyft, the published sdk's turn" "$tool" eval lyft --results lyft.csv --truth lyft_truth.json --published-sdk
printf 'Id,PredictionString\ns9,\ns1,\n' >few.csv
refuse "ids that lack samples" 'not among the ids' "$tool" eval lyft --results lyft.json --truth lyft_truth.json --csv few_out.csv --ids few.csv

expect "kitti, a detector" "$tool" eval kitti $kitti --write out_kitti --json kitti1.numbers
expect "kitti, its results folder" "$tool" eval kitti --results out_kitti --labels kitti/label_2 --json kitti2.numbers
expect "gets the same numbers" cmp kitti1.numbers kitti2.numbers
expect "kitti, chosen frames" "$tool" eval kitti --results out_kitti --labels kitti/label_2 --frames kitti/val.txt
cp out two.txt
expect "are two" grep -q '^2 frames' two.txt
rm out_kitti/000002.txt
refuse "a frame without results" '000002.txt' "$tool" eval kitti --results out_kitti --labels kitti/label_2 --frames kitti/val.txt

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
