#!/usr/bin/env bash
# regulus eval lvis, proposals, voc, cityscapes: a detector judged from its pictures and from its file gives one table, an interrupted run goes on, ranks share
# pictures, and bad input is refused in one sentence.
#   eval_detectors.sh BUILD_TREE
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
tool=$(cd "$1" && pwd)/regulus
data=$root/tests/data_files/fasteners
unset REGULUS_MODEL
. "$root/tests/end_to_end/support/checks.sh"

says() { grep -qE -- "$1" out || { report 1 "$2"; return; }; report 0 "$2"; }  # says PATTERN NAME: the last answer
same() { cmp -s "$1" "$2"; report $? "$3"; }
ranks() { mpirun -n 3 --oversubscribe --allow-run-as-root "$@"; }
# The number of a line of the last answer.
number() { awk -v name="$1" '$1 == name {print $2; exit}' out; }

# --- LVIS: the fasteners with every category known on every picture is COCO with 300 detections ---
python3 - "$data" <<'PY'
import json, sys
coco = json.load(open(sys.argv[1] + "/annotations.json"))
ids = [c["id"] for c in coco["categories"]]
for image in coco["images"]:
    image.update(neg_category_ids=ids, not_exhaustive_category_ids=[])
for i, category in enumerate(coco["categories"]):
    category["frequency"] = "rcf"[i % 3]
json.dump(coco, open("lvis.json", "w"))
for image in coco["images"]:
    image["coco_url"] = "http://pictures/val2017/" + image.pop("file_name")
json.dump(coco, open("lvis_v1.json", "w"))
coco["categories"][0]["frequency"] = "x"
json.dump(coco, open("frequency.json", "w"))
PY
expect "eval coco" "$tool" eval coco --images "$data" --annotations "$data/annotations.json" --score 0 --threads 1
coco=$(number AP) coco50=$(number AP50)
expect "eval lvis: a detector" "$tool" eval lvis --images "$data" --annotations lvis.json --json lvis_out.json --threads 1
cp out lvis_table
[ -n "$coco" ] && [ "$(number AP)" = "$coco" ] && [ ! -e lvis_out.json.journal ]
report $? "eval lvis: AP is COCO's where all is known"
says '^APr ' "eval lvis: rare categories"
says '^AR_300 ' "eval lvis: 300 detections"
expect "eval lvis: a file of results" "$tool" eval lvis --results lvis_out.json --annotations lvis.json
same out lvis_table "eval lvis: the same table from the file"
expect "eval lvis: version 1 names pictures by their address" "$tool" eval lvis --images "$data" --annotations lvis_v1.json --json lvis_v1_out.json --threads 1 --per-category
same lvis_out.json lvis_v1_out.json "eval lvis: the same results"
says '^nut ' "eval lvis: categories"
timeout -s KILL 0.6 "$tool" eval lvis --images "$data" --annotations lvis.json --json cut.json --threads 1 >/dev/null 2>&1
expect "eval lvis: a killed run goes on" "$tool" eval lvis --images "$data" --annotations lvis.json --json cut.json --threads 1
same cut.json lvis_out.json "eval lvis: a killed run gives the same file"
refuse "eval lvis: COCO's annotations" 'categories\[0\]: lacks "frequency", which must be "r", "c" or "f"' "$tool" eval lvis --results lvis_out.json --annotations "$data/annotations.json"
refuse "eval lvis: an unknown frequency" 'categories\[0\]: "frequency" must be "r", "c" or "f"' "$tool" eval lvis --results lvis_out.json --annotations frequency.json
refuse "eval lvis: a model of other categories" 'knows the categories 1 .. 1230 of LVIS 0.5|is of LVIS 0.5' "$tool" eval lvis --model LVISv0.5-InstanceSegmentation/mask_rcnn_R_50_FPN_1x --weights seeded:1 --images "$data" --annotations lvis.json
refuse "eval lvis: nothing to judge" 'give --images DIR to run a detector, or --results FILE' "$tool" eval lvis --annotations lvis.json

# --- LVIS's own network; with its last weights 0 it finds every class in every anchor ---
# zeros FILE PREFIX...: makes the tensors of these names 0.
zeros() {
    python3 - "$@" <<'PY'
import json, struct, sys
with open(sys.argv[1], "r+b") as file:
    size, = struct.unpack("<Q", file.read(8))
    for name, tensor in json.loads(file.read(size)).items():
        if name.startswith(tuple(sys.argv[2:])):
            begin, end = tensor["data_offsets"]
            file.seek(8 + size + begin)
            file.write(bytes(end - begin))
PY
}
python3 - "$data" <<'PY'
import json, sys
coco = json.load(open(sys.argv[1] + "/annotations.json"))
image = dict(coco["images"][0], neg_category_ids=list(range(1, 1231)), not_exhaustive_category_ids=[])
objects = [a for a in coco["annotations"] if a["image_id"] == image["id"]]
json.dump({"images": [image], "annotations": objects, "categories": [{"id": i, "name": f"renamed {i}", "frequency": "rcf"[i % 3]} for i in range(1, 1231)]}, open("lvis_0_5.json", "w"))
PY
lvis=LVISv0.5-InstanceSegmentation/mask_rcnn_R_50_FPN_1x
expect "convert: LVIS's network" "$tool" convert --model $lvis seeded:3 lvis.safetensors
zeros lvis.safetensors rpn. box_head. mask_head.
expect "eval lvis: LVIS's own network, whose classes are told by their ids" "$tool" eval lvis --weights lvis.safetensors --images "$data" --annotations lvis_0_5.json --json lvis_own.json
says '^masks: 1 pictures, [0-9]+ objects, 300 detections' "eval lvis: 300 detections of a picture"
python3 -c 'import json; ids = {r["category_id"] for r in json.load(open("lvis_own.json"))}; assert ids and min(ids) >= 1 and max(ids) <= 1230, ids'
report $? "eval lvis: their ids"
rm lvis.safetensors

# --- proposals: with its last weights 0 a network proposes its anchors ---
expect "convert: a region proposal network" "$tool" convert --model rpn_R_50_C4_1x seeded:3 rpn.safetensors
zeros rpn.safetensors rpn.
expect "eval proposals: a region proposal network" "$tool" eval proposals --weights rpn.safetensors --images "$data" --annotations "$data/annotations.json" --json boxes.json
cp out boxes_table
says '^AR@1000 +[0-9.]+ ' "eval proposals: recall of 1000 boxes"
says '^proposals: 12 pictures, 117 objects, 12000 boxes' "eval proposals: all pictures, 1000 boxes each"
expect "eval proposals: a file of results" "$tool" eval proposals --results boxes.json --annotations "$data/annotations.json"
same out boxes_table "eval proposals: the same table from the file"
python3 - "$data" <<'PY'
import json, sys
coco = json.load(open(sys.argv[1] + "/annotations.json"))
json.dump([{"image_id": a["image_id"], "category_id": 1, "bbox": a["bbox"], "score": 1} for a in coco["annotations"]], open("perfect.json", "w"))
json.dump([{"image_id": 999, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1}], open("stranger.json", "w"))
PY
expect "eval proposals: the truth itself" "$tool" eval proposals --results perfect.json --annotations "$data/annotations.json"
says '^AR@100 +100.00 ' "eval proposals: finds everything"
refuse "eval proposals: another data set" 'picture 999 is not in the annotations' "$tool" eval proposals --results stranger.json --annotations "$data/annotations.json"
refuse "eval proposals: no pickle" 'perfect.json' "$tool" eval proposals --boxes perfect.json --annotations "$data/annotations.json"
refuse "eval coco: a region proposal network" 'judge it with .regulus eval proposals' "$tool" eval coco --model rpn_R_50_C4_1x --weights seeded:3 --images "$data" --annotations "$data/annotations.json"

# --- Pascal VOC: the fasteners as annotations of its kind ---
python3 - "$data" <<'PY'
import json, os, sys
coco = json.load(open(sys.argv[1] + "/annotations.json"))
names = {c["id"]: c["name"] for c in coco["categories"]}
os.makedirs("voc/Annotations")
os.makedirs("voc/ImageSets/Main")
with open("voc/ImageSets/Main/test.txt", "w") as ids:
    for image in coco["images"]:
        stem = image["file_name"][:-4]
        ids.write(stem + "\n")
        objects = ""
        for a in coco["annotations"]:
            if a["image_id"] == image["id"]:
                x, y, w, h = a["bbox"]
                objects += f"<object><name>{names[a['category_id']]}</name><difficult>{int(a['iscrowd'])}</difficult><bndbox><xmin>{x + 1}</xmin><ymin>{y + 1}</ymin><xmax>{x + w}</xmax><ymax>{y + h}</ymax></bndbox></object>"
        open(f"voc/Annotations/{stem}.xml", "w").write(f"<annotation><filename>{image['file_name']}</filename>{objects}</annotation>")
PY
expect "eval voc: a detector" "$tool" eval voc --dataset voc --images "$data" --out voc_out --threads 1
cp out voc_table
awk -v ours="$(number AP50)" -v coco="$coco50" 'BEGIN {exit !(ours > 20 && ours - coco < 8 && coco - ours < 8)}'
report $? "eval voc: AP50 is near COCO's, whose curve is read at 101 points"
says 'area under the curve' "eval voc: the rule since 2010"
[ -s voc_out/comp4_det_test_nut.txt ] && [ ! -e voc_out/comp4_det_test_detections.journal ]
report $? "eval voc: a file for each class, and no journal left"
expect "eval voc: files of results" "$tool" eval voc --dataset voc --results voc_out
same out voc_table "eval voc: the same table from the files"
cp -r voc VOC2007
expect "eval voc: the rule of 2007" "$tool" eval voc --dataset VOC2007/ --results voc_out --per-category
says '11 points of recall' "eval voc: eleven points for a folder called VOC2007"
says '^nut ' "eval voc: classes"
timeout -s KILL 0.6 "$tool" eval voc --dataset voc --images "$data" --out voc_cut --threads 1 >/dev/null 2>&1
expect "eval voc: a killed run goes on" "$tool" eval voc --dataset voc --images "$data" --out voc_cut --threads 1
diff -r voc_out voc_cut >/dev/null
report $? "eval voc: a killed run gives the same files"
refuse "eval voc: a class without a file of results" 'elsewhere_bolt.txt|elsewhere_[a-z_ ]*.txt' "$tool" eval voc --dataset voc --results voc_out --prefix elsewhere_
refuse "eval voc: no such split" 'ImageSets/Main/val.txt' "$tool" eval voc --dataset voc --split val --results voc_out
echo '<!DOCTYPE a [<!ENTITY x "y">]><annotation>&x;</annotation>' >"VOC2007/Annotations/$(head -n 1 VOC2007/ImageSets/Main/test.txt).xml"
refuse "eval voc: an annotation with a document type" 'document types are not read' "$tool" eval voc --dataset VOC2007 --results voc_out

# --- Cityscapes: the truth, and its own network with its last weights 0 ---
python3 - <<'PY'
import os, struct, zlib
def chunk(kind, data): return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
def grey(path, rows, bits):
    data = b"".join(b"\0" + b"".join(v.to_bytes(bits // 8, "big") for v in row) for row in rows)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", len(rows[0]), len(rows), bits, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))
# pictures of the fasteners' size with two cars, a group of cars and void
for number in range(2):
    rows = [[26001 if 40 <= x < 240 and y < 220 else 26002 if x >= 300 and y >= 150 + 60 * number else 26 if y > 300 and x < 200 else 4 if y < 20 else 7 for x in range(480)] for y in range(360)]
    name = f"town_{number:06d}_000019"
    grey(f"streets/gtFine/val/town/{name}_gtFine_instanceIds.png", rows, 16)
    with open(f"perfect_{number}", "w") as lines:
        for i, car in enumerate((26001, 26002, 26)):
            grey(f"perfect/masks/{name}_{i}.png", [[255 * (v == car) for v in row] for row in rows], 8)
            lines.write(f"masks/{name}_{i}.png 26 0.{9 - i}\n")
    os.replace(f"perfect_{number}", f"perfect/{name}_pred.txt")
PY
expect "eval cityscapes: the truth itself" "$tool" eval cityscapes --dataset streets --results perfect --per-category
says '^AP +100.00 ' "eval cityscapes: all found, and the group is not wrong"
says '^car +4  100.00  100.00' "eval cityscapes: classes"
size=$(python3 -c 'import struct, sys; d = open(sys.argv[1], "rb").read(); i = d.index(b"\xff\xc0"); print("%dx%d" % struct.unpack(">HH", d[i + 5:i + 9]))' "$data/val_0000.jpg")
[ "$size" = 360x480 ]
report $? "the pictures are as large as their annotations"
mkdir -p streets/leftImg8bit/val/town
for number in 0 1; do cp "$data/val_000$number.jpg" "streets/leftImg8bit/val/town/town_00000${number}_000019_leftImg8bit.png"; done
expect "convert: Cityscapes' network" "$tool" convert --model Cityscapes/mask_rcnn_R_50_FPN seeded:3 streets.safetensors
zeros streets.safetensors rpn. box_head. mask_head.
expect "eval cityscapes: a detector" "$tool" eval cityscapes --dataset streets --weights streets.safetensors --out streets_out --threads 2
cp out streets_table
says '^instances: 2 pictures, 4 objects, [0-9]{2,} detections' "eval cityscapes: detections"
expect "eval cityscapes: files of results" "$tool" eval cityscapes --dataset streets --results streets_out
same out streets_table "eval cityscapes: the same table from the files"
mv streets/leftImg8bit/val/town/town_000001_000019_leftImg8bit.png aside
refuse "eval cityscapes: a picture is missing" 'town_000001_000019_leftImg8bit.png.*goes on from' "$tool" eval cityscapes --dataset streets --weights streets.safetensors --out streets_cut --threads 2
mv aside streets/leftImg8bit/val/town/town_000001_000019_leftImg8bit.png
expect "eval cityscapes: the run goes on" "$tool" eval cityscapes --dataset streets --weights streets.safetensors --out streets_cut --threads 2
same out streets_table "eval cityscapes: with the same table"
grep -q 'continuing: 1 of 2' err && diff -r streets_out streets_cut >/dev/null
report $? "eval cityscapes: with the same files, the first picture not done again"
refuse "eval cityscapes: two texts of a picture" 'are both results of town_000000_000019' bash -c 'cp -r perfect twice; cp twice/town_000000_000019_pred.txt twice/town_000000_000019_b.txt; "$0" eval cityscapes --dataset streets --results twice' "$tool"
refuse "eval cityscapes: no text of a picture" 'no text of results of town_000001_000019' bash -c 'cp -r perfect once; rm once/town_000001_000019_pred.txt; "$0" eval cityscapes --dataset streets --results once' "$tool"
refuse "eval cityscapes: a mask outside of its folder" 'must lie in the text.s folder' bash -c 'cp -r perfect outside; echo "../perfect/x.png 26 1" >>outside/town_000000_000019_pred.txt; "$0" eval cityscapes --dataset streets --results outside' "$tool"
refuse "eval cityscapes: no such data set" 'cannot read the folder absent/gtFine/val' "$tool" eval cityscapes --dataset absent --results perfect
refuse "eval cityscapes: a model of other classes" 'has no class for 8 of the 8' "$tool" eval cityscapes --dataset streets

if command -v mpirun >/dev/null; then
    expect "eval lvis: three ranks" ranks "$tool" eval lvis --images "$data" --annotations lvis.json --json three.json --threads 1
    same three.json lvis_out.json "eval lvis: three ranks give the same file"
    expect "eval voc: three ranks" ranks "$tool" eval voc --dataset voc --images "$data" --out voc_three --threads 1
    diff -r voc_out voc_three >/dev/null
    report $? "eval voc: three ranks give the same files"
else
    echo "skipped: no mpirun"
    skipped=$((skipped + 4))
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
