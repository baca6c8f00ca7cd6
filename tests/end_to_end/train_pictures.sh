#!/usr/bin/env bash
# regulus train lvis, voc, cityscapes: the same few pictures, annotated as each data set does it; wrong input.
#   train_pictures.sh BUILD_TREE
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
tool=$(cd "$1" && pwd)/regulus
. "$root/tests/end_to_end/support/checks.sh"

# What the shipped detector is sure of on the shipped pictures.
"$tool" detect --score 0.6 --json found.json "$root/examples/pictures" >/dev/null 2>&1
ROOT=$root python3 - <<'PY'
import json, os, shutil, struct, zlib
found, names = json.load(open("found.json")), ["nut", "washer", "bolt", "screw", "pin"]
pictures = os.environ["ROOT"] + "/examples/pictures"

# LVIS: pins are on one picture only. Version 1 names no files.
pins = {d["image_id"] for d in found if d["category_id"] == 5}
kept = [d for d in found if d["category_id"] != 5 or d["image_id"] == min(pins)]
images = [{"id": i + 1, "coco_url": f"http://images/train2017/hero_000{i}.jpg", "width": 960, "height": 720, "neg_category_ids": [], "not_exhaustive_category_ids": []} for i in range(4)]
annotations = [dict(id=n + 1, area=d["bbox"][2] * d["bbox"][3], **{k: d[k] for k in ("image_id", "category_id", "bbox", "segmentation")}) for n, d in enumerate(kept)]
lvis = {"images": images, "annotations": annotations, "categories": [{"id": i + 1, "name": name, "frequency": "f"} for i, name in enumerate(names)]}
json.dump(lvis, open("lvis.json", "w"))

# VOC: two folders of two pictures.
for part, numbers in (("VOC2007", (0, 1)), ("VOC2012", (2, 3))):
    for folder in ("Annotations", "ImageSets/Main", "JPEGImages"):
        os.makedirs(f"{part}/{folder}")
    open(f"{part}/ImageSets/Main/trainval.txt", "w").write("".join(f"hero_000{i}\n" for i in numbers))
    for i in numbers:
        shutil.copy(f"{pictures}/hero_000{i}.jpg", f"{part}/JPEGImages")
        objects = ""
        for d in found:
            if d["image_id"] != i + 1:
                continue
            x, y, w, h = d["bbox"]
            objects += f"<object><name>{names[d['category_id'] - 1]}</name><difficult>0</difficult><bndbox><xmin>{int(x) + 1}</xmin><ymin>{int(y) + 1}</ymin><xmax>{int(x + w)}</xmax><ymax>{int(y + h)}</ymax></bndbox></object>"
        open(f"{part}/Annotations/hero_000{i}.xml", "w").write(f"<annotation><size><width>960</width><height>720</height></size>{objects}</annotation>")
shutil.copytree("VOC2007", "unsized")
text = open("unsized/Annotations/hero_0000.xml").read()
open("unsized/Annotations/hero_0000.xml", "w").write(text.replace("<size><width>960</width><height>720</height></size>", ""))

# Cityscapes: a car.
def grey(path, rows):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    chunk = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    data = b"".join(b"\0" + struct.pack(f">{len(row)}H", *row) for row in rows)
    open(path, "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", len(rows[0]), len(rows), 16, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))
grey("streets/gtFine/train/town/town_000000_000019_gtFine_instanceIds.png", [[26001 if 10 <= x < 30 and 5 <= y < 20 else 7 for x in range(64)] for y in range(32)])
PY
learn() { local kind=$1; shift; "$tool" train "$kind" --model fasteners_retinanet --threads 1 --lr 0.002 --clip 10 "$@"; }

expect "train lvis: two epochs" learn lvis --images "$root/examples/pictures" --annotations lvis.json --batch 2 --epochs 2 --out lvis.safetensors
grep -q '4 pictures.*4 steps, 2 steps an epoch' err && [ "$(grep -c '^epoch' out)" -eq 2 ]
report $? "train lvis: each picture once, found without train2017"
expect "train lvis: pins are on a quarter of the pictures, so theirs is shown twice" learn lvis --images "$root/examples/pictures" --annotations lvis.json --batch 1 --at-once 1 --repeat-threshold 1 --epochs 1 --out rare.safetensors
grep -q '4 pictures.* 5 steps an epoch' err
report $? "train lvis: which makes an epoch of five"
expect "train lvis: the result is a detector" "$tool" detect --weights lvis.safetensors "$root/examples/pictures/hero_0000.jpg"
refuse "train lvis: another version" 'is of LVIS.*: they are of another version' "$tool" train lvis --model LVISv0.5-InstanceSegmentation/mask_rcnn_R_50_FPN_1x --images "$root/examples/pictures" --annotations lvis.json --out x.safetensors
refuse "train lvis: COCO's annotations" 'lacks "frequency"' learn lvis --images "$root/examples/pictures" --annotations "$root/tests/data_files/fasteners/annotations.json" --out x.safetensors

expect "train voc: two folders" learn voc --dataset VOC2007 --dataset VOC2012 --batch 2 --iterations 2 --save-every 1 --out voc.safetensors
grep -q ' 4 pictures' err && [ "$(grep -c '^step' out)" -eq 2 ]
report $? "train voc: the pictures of both"
refuse "train voc: masks, which VOC has not" 'has no "segmentation"' "$tool" train voc --model regulus/fasteners --threads 1 --dataset VOC2007 --batch 2 --iterations 1 --out x.safetensors
refuse "train voc: a picture of unknown size" 'the size of picture hero_0000 is not known' learn voc --dataset unsized --out x.safetensors
refuse "train voc: a list that is not there" 'ImageSets/Main/nothing.txt' learn voc --dataset VOC2007 --split nothing --out x.safetensors
rm VOC2012/JPEGImages/hero_0003.jpg
refuse "train voc: a picture that is missing" 'VOC2012/JPEGImages/hero_0003.jpg cannot be read; trainval of VOC2007, VOC2012 names it' learn voc --dataset VOC2007 --dataset VOC2012 --batch 2 --out x.safetensors

refuse "train cityscapes: classes that the model has not" 'the annotations have 8 categories that are not all among the 5 classes' learn cityscapes --dataset streets --out x.safetensors
refuse "train cityscapes: pictures that are missing" 'leftImg8bit/train/town/town_000000_000019_leftImg8bit.png cannot be read; train of streets names it' "$tool" train cityscapes --model Cityscapes/mask_rcnn_R_50_FPN --dataset streets --batch 1 --out x.safetensors
refuse "train cityscapes: a part that is not there" 'gtFine/test' learn cityscapes --dataset streets --split test --out x.safetensors
[ ! -e x.safetensors ] && [ ! -e x.safetensors.run ]
report $? "nothing is written by what is refused"

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
