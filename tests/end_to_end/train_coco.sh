#!/usr/bin/env bash
# regulus train coco: detectors learn from a few annotated pictures; runs that stop, are killed and go on; classes of one's own; wrong input.
#   train_coco.sh BUILD_TREE
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/tests/end_to_end
tool=$(cd "$1" && pwd)/regulus
export SHIPPED=$root/examples/model/fasteners.safetensors
. "$here/support/checks.sh"

# What the shipped detector is sure of on the shipped pictures, as annotations: with its own categories, with others.
"$tool" detect --score 0.6 --json found.json "$root/examples/pictures" >/dev/null 2>&1
python3 - <<'PY'
import json, struct
found = json.load(open("found.json"))
images = [{"id": i + 1, "file_name": f"hero_000{i}.jpg", "width": 960, "height": 720} for i in range(4)]
annotations = [dict(id=n + 1, iscrowd=0, area=d["bbox"][2] * d["bbox"][3] * 0.7, **{k: d[k] for k in ("image_id", "category_id", "bbox", "segmentation")}) for n, d in enumerate(found)]
def write(path, names, annotations):
    json.dump({"images": images, "annotations": annotations, "categories": [{"id": i + 1, "name": name} for i, name in enumerate(names)]}, open(path, "w"))
write("own.json", ["nut", "washer", "bolt", "screw", "pin"], annotations)
write("others.json", ["hexagon", "ring", "long", "pointed", "thin"], annotations)
write("three.json", ["hexagon", "ring", "long"], [a for a in annotations if a["category_id"] <= 3])
wide = [dict(i, width=900) for i in images]
json.dump(dict(json.load(open("own.json")), images=wide, annotations=[{k: a[k] for k in a if k != "segmentation"} for a in annotations]), open("wide.json", "w"))
write("coco.json", ["person", "bicycle", "car", "motorcycle", "airplane"], annotations)

# What was found on the first picture as given boxes, as numpy's arrays are pickled.
import pickle, sys, types
def named(module, name, what):
    sys.modules.setdefault(module, types.ModuleType(module))
    setattr(sys.modules[module], name, what)
    what.__module__, what.__qualname__ = module, name
    return what
ndarray, dtype = named("numpy", "ndarray", type("ndarray", (), {})), named("numpy", "dtype", type("dtype", (), {}))
reconstruct = named("numpy.core.multiarray", "_reconstruct", lambda *_: None)
class Float32:
    def __reduce__(self): return dtype, ("f4", False, True), (3, "<", None, None, None, -1, -1, 0)
class Array:
    def __init__(self, shape, values): self.state = (1, shape, Float32(), False, struct.pack(f"<{len(values)}f", *values))
    def __reduce__(self): return reconstruct, (ndarray, (0,), b"b"), self.state
own = [d for d in found if d["image_id"] == 1]
corners = [value for x, y, w, h in (d["bbox"] for d in own) for value in (x - 2, y + 1, x + w, y + h + 3)]
pickle.dump({"ids": [1], "boxes": [Array((len(own), 4), corners)], "objectness_logits": [Array((len(own),), [d["score"] for d in own])]}, open("given.pkl", "wb"), protocol=4)
data = json.load(open("coco.json"))
json.dump(dict(data, images=images[:1], annotations=[a for a in annotations if a["image_id"] == 1]), open("first.json", "w"))
PY
learn() { "$tool" train coco --images "$root/examples/pictures" --threads 1 "$@"; }
loss() { sed -n "s/^step $1 of [0-9]*: loss \([0-9.]*\) .*/\1/p" "$2"; }
less() { python3 -c "import sys; sys.exit(not float(sys.argv[1] or 'nan') < float(sys.argv[2] or 'nan') * float(sys.argv[3]))" "$1" "$2" "$3"; }

# Mask R-CNN: other classes.
expect "five other classes on the shipped weights, 16 steps" learn --weights "$SHIPPED" --annotations others.json --batch 2 --iterations 16 --save-every 4 --lr 0.01 --val-images "$root/examples/pictures" --val-annotations others.json --out whole.safetensors
cp out whole.out
grep -q 'the last layers of the heads begin anew' err && [ "$(wc -l <whole.out)" -eq 4 ] && [ ! -e whole.safetensors.run ]
report $? "new last layers, a line for each four steps, and no file of the run is left"
less "$(loss 16 whole.out)" "$(loss 4 whole.out)" 0.8
report $? "the loss falls by a fifth at least ($(loss 4 whole.out) to $(loss 16 whole.out))"
grep -q 'loss_mask [0-9.]*, rpn_bbox' whole.out
report $? "masks and proposals are learnt too"
expect "the result is judged by eval coco" "$tool" eval coco --weights whole.safetensors --images "$root/examples/pictures" --annotations others.json
told=$(sed -n 's/^step 16 .*validation box AP \([0-9.]*\), mask AP \([0-9.]*\)$/\1 \2/p' whole.out)
[ -n "$told" ] && [ "$(sed -n 's/^AP  *\([0-9.]*\) .*/\1/p' out | xargs)" = "$told" ]
report $? "with the numbers that training told (${told:-none})"
expect "and names its classes" "$tool" detect --weights whole.safetensors --score 0.05 "$root/examples/pictures/hero_0000.jpg"
grep -qE 'hexagon|ring|long|pointed|thin' out && ! grep -qE 'nut|washer|bolt' out
report $? "by the annotations' names"

# Stopped by a signal, killed, and to the end; detectron2's RetinaNet, whose normaliser remembers.
dense() { learn --model fasteners_retinanet --rule detectron2 --annotations own.json --batch 4 --at-once 2 --epochs 6 --lr 0.002 --clip 10 "$@"; }
expect "a RetinaNet from random weights, 6 epochs" dense --out dense.safetensors
cp out dense.out
[ "$(grep -c '^epoch [1-6] of 6: loss' dense.out)" -eq 6 ]
report $? "a line for each epoch"
stop_at() { # stop_at EPOCH SIGNAL ARGUMENTS...
    local epoch=$1 signal=$2
    shift 2
    dense --out cut.safetensors "$@" >part.out 2>err & pid=$!
    while kill -0 $pid 2>/dev/null && ! grep -q "^epoch $epoch of" part.out 2>/dev/null; do sleep 0.01; done
    kill -"$signal" "$(pgrep -P $pid -x regulus || echo $pid)" 2>/dev/null
    wait $pid
}
stop_at 1 TERM
code=$?
[ $code -eq 130 ] && [ -e cut.safetensors.run ] && [ ! -e cut.safetensors ] && grep -q 'the same command with --resume' err
report $? "a run that is told to stop keeps its state (exit code $code)"
cp part.out first.out
refuse "it is not begun anew by mistake" 'holds a run that stopped; --resume goes on' dense --out cut.safetensors
refuse "it does not go on with other settings" 'seed was 0, is 1$' dense --seed 1 --out cut.safetensors --resume
stop_at 3 KILL --resume
cp part.out second.out
expect "killed later, it goes on from its last epoch" dense --out cut.safetensors --resume
cmp -s dense.safetensors cut.safetensors && [ ! -e cut.safetensors.run ]
report $? "and ends with the bits of a run that nobody stopped"
cat first.out second.out out | sort -u | cmp -s - <(sort -u dense.out)
report $? "every line that it told is one of that run"

expect "adamw, by torchvision's rule, all layers but the neck" learn --weights "$SHIPPED" --annotations own.json --rule torchvision --optimiser adamw --frozen neck. --norms fixed --batch 2 --iterations 1 --out adam.safetensors
python3 - <<'PY'
import json, struct
def tensors(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    return {name: data[8 + size + facts["data_offsets"][0]:8 + size + facts["data_offsets"][1]] for name, facts in header.items() if name != "__metadata__"}
before, after = tensors("whole.safetensors"), tensors("adam.safetensors")  # the first one learnt its neck
assert before.keys() == after.keys()
import os
half = tensors(os.environ["SHIPPED"])
wide = lambda data: [struct.unpack_from("<e", data, 2 * i)[0] for i in range(50)]
single = lambda data: [struct.unpack_from("<f", data, 4 * i)[0] for i in range(50)]
assert wide(half["neck.output.p3.weight"]) == single(after["neck.output.p3.weight"]) != single(before["neck.output.p3.weight"])
assert wide(half["box_head.fc2.weight"]) != single(after["box_head.fc2.weight"])
PY
report $? "leaves the neck as it was, and nothing else"

normed() { learn --weights "$SHIPPED" --annotations own.json --norms batch --batch 2 --iterations 2 --precise-norms "$1" --save-every "$2" --out "$3"; }
expect "statistics of norms averaged anew" normed 4 1 precise.safetensors
expect "of the same steps as without" normed 0 1 running.safetensors
python3 - <<'PY'
import json, struct
def tensors(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    return {name: data[8 + size + facts["data_offsets"][0]:8 + size + facts["data_offsets"][1]] for name, facts in header.items() if name != "__metadata__"}
precise, running = tensors("precise.safetensors"), tensors("running.safetensors")
others = {name for name in running if precise[name] != running[name]}
statistics = {name for name in running if "running_" in name and name.startswith("backbone.") and not name.startswith(("backbone.stem.", "backbone.s1."))}
assert statistics and others == statistics, sorted(others ^ statistics)[:5]
PY
report $? "and nothing but the statistics of what learns differs"
normed 4 2 again.safetensors >out 2>err && cmp -s precise.safetensors again.safetensors
report $? "they do not disturb the steps, and are of the end alone"

given() { "$tool" train coco --model fast_rcnn_R_50_FPN_1x --images "$root/examples/pictures" --batch 1 --iterations 1 --out given.safetensors "$@"; }
expect "Fast R-CNN on given boxes, judged on them" given --annotations first.json --proposals given.pkl --val-images "$root/examples/pictures" --val-annotations first.json --val-proposals given.pkl
grep -qE '^step 1 of 1: loss [0-9.]+ \(loss_bbox [0-9.]+, loss_cls [0-9.]+\).*validation box AP' out
report $? "which has no losses but those of the boxes"
rm -f given.safetensors
refuse "Fast R-CNN without boxes" 'give them with --proposals FILE' given --annotations first.json
refuse "boxes for some of the pictures" 'given.pkl has no boxes for .*hero_0001.jpg, whose id is 2' given --annotations coco.json --proposals given.pkl
refuse "boxes for who proposes its own" 'proposes its own boxes' learn --weights "$SHIPPED" --annotations own.json --batch 2 --proposals given.pkl --out x.safetensors
refuse "no boxes for the validation" 'give them with --val-proposals FILE' given --annotations first.json --proposals given.pkl --val-images "$root/examples/pictures" --val-annotations first.json

refuse "categories that the head cannot hold" '3 categories that are not all among the 5 classes' learn --weights "$SHIPPED" --annotations three.json --batch 2 --out x.safetensors
refuse "a semantic head without its segments" 'with --panoptic FILE' learn --model panoptic_fpn_R_50_1x --annotations coco.json --batch 2 --out x.safetensors
refuse "a batch of more than all pictures" 'more than all 4 pictures; choose another with --batch' learn --weights "$SHIPPED" --annotations own.json --out x.safetensors
refuse "parts that do not divide the batch" 'at-once 3 does not divide' learn --weights "$SHIPPED" --annotations own.json --batch 4 --at-once 3 --out x.safetensors
refuse "a result of another kind" 'must end in .safetensors' learn --weights "$SHIPPED" --annotations own.json --out x.pth
refuse "a result nowhere" 'nowhere' learn --weights "$SHIPPED" --annotations own.json --out nowhere/x.safetensors
refuse "no network named" 'which detector' learn --annotations own.json --out x.safetensors
refuse "pictures that are missing" 'cannot be read; own.json names it' "$tool" train coco --weights "$SHIPPED" --images nowhere --annotations own.json --batch 2 --out x.safetensors
refuse "pictures of another size than annotated" '720 x 960 pixels, the annotations say 720 x 900' learn --weights "$SHIPPED" --annotations wide.json --batch 2 --out x.safetensors
refuse "validation without its annotations" 'val-annotations' learn --weights "$SHIPPED" --annotations own.json --val-images nowhere --out x.safetensors
refuse "nothing to go on with" 'no x.safetensors.run to go on from' learn --weights "$SHIPPED" --annotations own.json --out x.safetensors --resume
[ ! -e x.safetensors ] && [ ! -e x.safetensors.run ]
report $? "nothing is written by what is refused"

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
