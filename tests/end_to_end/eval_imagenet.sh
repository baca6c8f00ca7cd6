#!/usr/bin/env bash
# regulus eval imagenet: folders and lists, wrong input, a killed run that goes on, broken pictures, ranks of MPI. What the numbers should be is counted here,
# from what regulus classify says of each picture.
#   eval_imagenet.sh BUILD_TREE
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
tool=$(cd "$1" && pwd)/regulus
. "$here/support/checks.sh"

# 23 pictures of 4 classes with holes in between, by hand: PNG of three kinds, sizes from one pixel on.
python3 - <<'PY'
import os, random, struct, zlib
def chunk(kind, data): return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
def png(path, height, width, kind, seed):  # kind: 0 grey, 2 colour, 6 colour and alpha
    rnd = random.Random(seed)
    channels = {0: 1, 2: 3, 6: 4}[kind]
    step = [rnd.randrange(1, 9) for _ in range(channels)]
    rows = b"".join(b"\0" + bytes((x * step[c] + y * (c + seed)) % 256 for x in range(width) for c in range(channels)) for y in range(height))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", height and width, height, 8, kind, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
sizes = [(1, 1), (300, 240), (57, 80), (256, 256), (240, 500), (9, 7)]
names = ["n01", "n02", "n10", "n2"]
lines = []
for i in range(23):
    label = (7 * i) % 4
    name = f"{names[label]}/{'deep/' if i % 5 == 0 else ''}p{i:02d}.png"
    png("val/" + name, *sizes[i % 6], [2, 0, 6][i % 3], i)
    lines.append(f"{name} {label}\n")
    os.makedirs("flat", exist_ok=True)
    png(f"flat/picture {i}.png", *sizes[i % 6], [2, 0, 6][i % 3], i)
os.makedirs("val/.hidden"); open("val/readme.txt", "w").write("no picture")
open("list.txt", "w").writelines(lines)
open("flat.txt", "w").writelines(f"picture {i}.png {'n01 n02 n10 n2'.split()[(7 * i) % 4]}\n" for i in range(23))
open("classes.txt", "w").write("n01 first one\nn02 second\nn10 third\nn2 fourth\n" + "".join(f"x{i} other\n" for i in range(996)))
PY

model="--model pycls/RegNetX-200MF --weights seeded:3 --threads 1"
"$tool" classify $model --json $(cut -d' ' -f1 list.txt | sed 's|^|val/|') >classified.json 2>err
expect "a list of labels" "$tool" eval imagenet $model --images val --labels list.txt --batch 1 --json list.json
cp out list.out
python3 - <<'PY'
import json
said = {entry["file"][4:]: [k["index"] for k in entry["top"]] for entry in json.load(open("classified.json"))}
rows = json.load(open("list.json"))
labels = {line.rsplit(" ", 1)[0]: int(line.rsplit(" ", 1)[1]) for line in open("list.txt")}
assert len(said) == 23 == len(rows["results"]) == rows["pictures"] and rows["broken"] == 0
for row in rows["results"]:
    assert [k["index"] for k in row["top"]] == said[row["file"]] and row["label"] == labels[row["file"]], row
first = sum(said[name][0] == label for name, label in labels.items())
five = sum(label in said[name] for name, label in labels.items())
assert abs(rows["top1_percent"] - 100 * first / 23) < 1e-3 and abs(rows["top5_percent"] - 100 * five / 23) < 1e-3, rows
text = open("list.out").read()
assert f"top-1  {100 * first / 23:7.3f} %   {first} right" in text and f"{five} right" in text, text
PY
report $? "the numbers are those of classify's answers"

# The labels that the model itself would give: all right, then one wrong.
python3 - <<'PY'
import json
best = {entry["file"][4:]: [k["index"] for k in entry["top"]] for entry in json.load(open("classified.json"))}
open("perfect.txt", "w").writelines(f"{name} {top[0]}\n" for name, top in best.items())
open("second.txt", "w").writelines(f"{name} {top[1] if i < 5 else top[0]}\n" for i, (name, top) in enumerate(best.items()))
PY
expect "labels that the model gives itself" "$tool" eval imagenet $model --images val --labels perfect.txt --batch 4
grep -q 'top-1  100.000 %   23 right' out && grep -q 'top-5  100.000 %   23 right' out
report $? "are all right"
expect "five labels that come second" "$tool" eval imagenet $model --images val --labels second.txt --batch 4
grep -q 'top-1   78.261 %   18 right' out && grep -q 'top-5  100.000 %   23 right' out
report $? "count for top-5 alone"

run() { "$tool" eval imagenet $model --images "${images:-val}" --classes classes.txt --batch "${batch:-4}" "$@"; }
expect "folders, named by a list of classes" run --json one.json
python3 -c '
import json
a, b = json.load(open("one.json")), json.load(open("list.json"))
key = lambda rows: {row["file"]: (row["label"], [k["index"] for k in row["top"]]) for row in rows["results"]}
assert key(a) == key(b) and a["top1_percent"] == b["top1_percent"]'
report $? "give what the list gives"
expect "labels by name, pictures with blanks in their names" "$tool" eval imagenet $model --images flat --labels flat.txt --classes classes.txt --json flat.json
python3 -c 'import json; a, b = json.load(open("flat.json")), json.load(open("list.json")); assert (a["top1_percent"], a["top5_percent"]) == (b["top1_percent"], b["top5_percent"])'
report $? "give the same numbers"

# A journal that a killed run left: the first line and two batches of it, the last torn.
"$tool" eval imagenet $model --images val --classes classes.txt --batch 1 --json cut.json >/dev/null 2>&1 & pid=$!
while kill -0 $pid 2>/dev/null && { [ ! -e cut.json.journal ] || [ "$(wc -l <cut.json.journal)" -lt 3 ]; } do sleep 0.01; done
kill -KILL $pid 2>/dev/null
wait $pid 2>/dev/null
if [ -e cut.json.journal ]; then
    cp cut.json.journal cut.left
    batch=5 refuse "another batch size does not go on from it" 'is of an evaluation with other' run --json cut.json
    printf 'torn' >>cut.json.journal
fi
batch=1 expect "a killed run goes on" run --json cut.json
batch=1 run --json whole.json >/dev/null 2>&1
cmp -s cut.json whole.json && [ ! -e cut.json.journal ]
report $? "and gives the file of a run that was not killed"

refuse "a folder that is missing" 'no folder' "$tool" eval imagenet $model --images nowhere
refuse "too few folders" 'folders of 4 classes, the model has 1000.*--classes' "$tool" eval imagenet $model --images val
refuse "a folder without folders" 'no folders of classes' "$tool" eval imagenet $model --images flat
refuse "names of another model" 'names 23 classes' "$tool" eval imagenet $model --images val --classes list.txt
sed 's/^n10/n11/' classes.txt >wrong.txt
refuse "a folder that no class is called" 'no class for the folder "n10"' "$tool" eval imagenet $model --images val --classes wrong.txt
echo "n01/p04.png" >bad.txt
refuse "a line without a label" 'line 1: needs the name' "$tool" eval imagenet $model --images val --labels bad.txt
echo "n01/p04.png 1000" >bad.txt
refuse "a label beyond the classes" 'must be 0 .. 999, got 1000' "$tool" eval imagenet $model --images val --labels bad.txt
echo "n01/p04.png n01" >bad.txt
refuse "a label by name without names" 'give --classes' "$tool" eval imagenet $model --images val --labels bad.txt
: >empty.txt
refuse "an empty list" 'no lines' "$tool" eval imagenet $model --images val --labels empty.txt
refuse "no network named" 'which network' "$tool" eval imagenet --images val --labels list.txt

cp -r val broken
echo "no picture" >broken/n02/p03.png
printf 'BM' >broken/n02/other.bmp
refuse "a broken picture among many" 'p03.png|other.bmp' "$tool" eval imagenet $model --images broken --classes classes.txt --json broken.json
expect "can be left out" "$tool" eval imagenet $model --images broken --classes classes.txt --skip-broken --json left.json
grep -q 'skipped n02/p03.png' err && grep -q 'skipped n02/other.bmp' err && grep -q '2 broken pictures left out of both numbers' out && python3 -c 'import json; r = json.load(open("left.json")); assert r["pictures"] == 22 and r["broken"] == 2 and len(r["results"]) == 24'
report $? "and is told, counted and in the file"
mkdir -p only/a && echo x >only/a/x.png && echo "a/x.png 0" >only.txt
refuse "nothing that can be read" 'none of the pictures' "$tool" eval imagenet $model --images only --labels only.txt --skip-broken

# A head of four classes: its folders are the classes.
python3 - <<'PY'
import json, struct
# RegNetX-200MF with four classes, every tensor zero but the head's bias, which prefers class 2; safetensors, pycls's names.
widths, depths, tensors = [24, 56, 152, 368], [1, 1, 4, 7], []
def norm(name, c): tensors.extend((f"{name}.{kind}", [c], 1.0 if kind == "running_var" else 0.0) for kind in ("weight", "bias", "running_mean", "running_var"))
def conv(name, norm_name, out, inner, k):
    tensors.append((name + ".weight", [out, inner, k, k], 0.0)); norm(norm_name, out)
conv("stem.conv", "stem.bn", 32, 3, 3)
before = 32
for s, (w, d) in enumerate(zip(widths, depths), 1):
    for b in range(1, d + 1):
        at = f"s{s}.b{b}"
        if b == 1: conv(at + ".proj", at + ".bn", w, before, 1)
        conv(at + ".f.a", at + ".f.a_bn", w, before, 1); conv(at + ".f.b", at + ".f.b_bn", w, 8, 3); conv(at + ".f.c", at + ".f.c_bn", w, w, 1)
        before = w
tensors += [("head.fc.weight", [4, 368], 0.0), ("head.fc.bias", [4], None)]
header, data = {}, b""
for name, shape, value in tensors:
    count = 1
    for n in shape: count *= n
    values = [0, 1, 3, 2] if value is None else [value] * count
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * count]}
    data += struct.pack(f"<{count}f", *values)
text = json.dumps(header).encode()
open("four.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + data)
PY
expect "a head of four classes" "$tool" eval imagenet --model pycls/RegNetX-200MF --weights four.safetensors --images val --json four.json
grep -q 'has a head of 4 classes' err && python3 -c '
import json
r = json.load(open("four.json"))
third = sum(row["label"] == 2 for row in r["results"])
assert r["classes"] == 4 and all([k["index"] for k in row["top"]] == [2, 3, 1, 0] for row in r["results"]), r["results"][0]
assert third and abs(r["top1_percent"] - 100 * third / 23) < 1e-3 and r["top5_percent"] == 100'
report $? "counts folders as classes, in the order of their names"
printf 'a\nb\nc\nd\n' >abcd.txt
expect "classify takes it too" "$tool" classify --model pycls/RegNetX-200MF --weights four.safetensors --labels abcd.txt --top 9 flat/picture\ 1.png
grep -q ' 2  c$' out && [ "$(grep -c '%' out)" -eq 4 ]
report $? "and names its classes"
refuse "classify: names of another count" 'has 23 names, the network has 4 classes' "$tool" classify --model pycls/RegNetX-200MF --weights four.safetensors --labels list.txt flat/picture\ 1.png

if command -v mpirun >/dev/null; then
    ranks() { mpirun -n 3 --oversubscribe --allow-run-as-root "$tool" eval imagenet $model --classes classes.txt --batch 4 "$@"; }
    expect "three ranks" ranks --images val --json three.json
    cp out three.out
    run >one.out 2>/dev/null
    cmp -s one.json three.json && cmp -s one.out three.out
    report $? "three ranks give the digits and the file of one"
    ranks --images broken >out 2>err
    [ $? -ne 0 ] && grep -qE 'p03.png|other.bmp' err
    report $? "a broken picture ends all ranks, and is named"
    ranks --images broken --skip-broken --json three_left.json >out 2>err
    images=broken run --skip-broken --json one_left.json >/dev/null 2>&1
    cmp -s one_left.json three_left.json && [ "$(grep -c '^skipped ' err)" -eq 2 ]
    report $? "or is left out by all alike"
else
    echo "skipped: no mpirun"
    skipped=4
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
