#!/usr/bin/env bash
# regulus train imagenet: a classifier learns to tell stripes from planes; runs that stop, are killed and go on; heads that begin anew; wrong input.
#   train.sh BUILD_TREE
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tool=$(cd "$1" && pwd)/regulus
. "$here/support/checks.sh"

# Stripes across, stripes down, no stripes; of random colours, widths and sizes.
python3 - <<'PY'
import os, random, struct, zlib
def chunk(kind, data): return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
def png(path, height, width, pixel):
    rows = b"".join(b"\0" + bytes(v for x in range(width) for v in pixel(y, x)) for y in range(height))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
lines = []
for part, count in (("train", 16), ("val", 8)):
    for label, name in enumerate(("across", "down", "flat")):
        for i in range(count):
            rnd = random.Random(f"{part} {name} {i}")
            a, b = [rnd.randrange(150, 256) for _ in range(3)], [rnd.randrange(0, 100) for _ in range(3)]
            step, shift = rnd.randrange(3, 6), rnd.randrange(9)
            def pixel(y, x):
                at = y if label == 0 else x if label == 1 else 0
                base = a if (at + shift) // step % 2 == 0 else b
                return [max(0, min(255, c + rnd.randrange(-20, 21))) for c in base]
            png(f"{part}/{name}/{i:02d}.png", rnd.randrange(50, 70), rnd.randrange(50, 70), pixel)
            if part == "train": lines.append(f"{name}/{i:02d}.png {label}\n")
open("train.txt", "w").writelines(lines)
open("classes.txt", "w").write("across stripes\ndown stripes\nflat\n")
PY

learn() { "$tool" train imagenet --images train --crop 48 --batch 12 --at-once 12 --lr 0.03 --threads "${threads:-1}" "$@"; }
net="--model pycls/RegNetX-200MF"
expect "three classes of 16 pictures, 20 epochs" learn $net --val val --epochs 20 --out whole.safetensors
cp out whole.out
[ "$(wc -l <whole.out)" -eq 20 ] && [ ! -e whole.safetensors.run ]
report $? "a line for each epoch, and no file of the run is left"
right=$(sed -n 's/^epoch 20 of 20: .*(\([0-9]*\) of 24)$/\1/p' whole.out)
[ "${right:-0}" -ge 22 ]  # 24 where this was written; by chance it would be 8
report $? "at least 22 of 24 other pictures are named rightly (${right:-none})"
expect "the result is judged by eval imagenet" "$tool" eval imagenet --weights whole.safetensors --images val --batch 24
grep -q "  $right right" out && grep -q '3 classes' out
report $? "with the number that training told"
expect "and names its classes" "$tool" classify --weights whole.safetensors --top 1 val/down/00.png
grep -qE ' (across|down|flat)$' out
report $? "by the folders' names"

expect "the same again" learn $net --val val --epochs 20 --out again.safetensors
cmp -s whole.safetensors again.safetensors && cmp -s whole.out out
report $? "gives the same bits"
learn $net --val val --epochs 20 --seed 1 --out other.safetensors >/dev/null 2>&1
cmp -s whole.safetensors other.safetensors
[ $? -eq 1 ]
report $? "another seed gives others"

# Stopped by Ctrl-C somewhere in the middle, then killed, then to the end.
stop_at() { # stop_at EPOCH SIGNAL ARGUMENTS...
    local epoch=$1 signal=$2
    shift 2
    learn $net --val val --epochs 20 --out cut.safetensors "$@" >part.out 2>err & pid=$!
    while kill -0 $pid 2>/dev/null && ! grep -q "^epoch $epoch of" part.out 2>/dev/null; do sleep 0.01; done
    kill -"$signal" "$(pgrep -P $pid -x regulus || echo $pid)" 2>/dev/null
    wait $pid
}
stop_at 5 TERM
code=$?
[ $code -eq 130 ] && [ -e cut.safetensors.run ] && [ ! -e cut.safetensors ] && grep -q 'the same command with --resume' err
report $? "a run that is told to stop keeps its state (exit code $code)"
cp part.out first.out
refuse "it is not begun anew by mistake" 'holds a run that stopped; --resume goes on' learn $net --epochs 20 --out cut.safetensors
refuse "it does not go on with other settings" 'learning rate was 0.03, is 0.04$' "$tool" train imagenet $net --images train --crop 48 --batch 12 --at-once 12 --lr 0.04 --warm-up 4 --epochs 20 --out cut.safetensors --resume
stop_at 11 KILL --resume
cp part.out second.out
expect "killed later, it goes on from its last epoch" learn $net --val val --epochs 20 --out cut.safetensors --resume
cmp -s whole.safetensors cut.safetensors && [ ! -e cut.safetensors.run ]
report $? "and ends with the bits of a run that nobody stopped"
cat first.out second.out out | sort -u | sort -k2n | cmp -s - <(sort -u whole.out | sort -k2n)
report $? "every line that it told is one of that run"
refuse "nothing to go on with" 'no cut.safetensors.run to go on from' learn $net --epochs 20 --out cut.safetensors --resume

threads=2 learn $net --epochs 3 --out two.safetensors >two.out 2>/dev/null && threads=2 learn $net --epochs 3 --out three.safetensors >three.out 2>/dev/null
cmp -s two.safetensors three.safetensors && cmp -s two.out three.out
report $? "two threads give the bits of two threads"
expect "a list of labels with names" "$tool" train imagenet $net --images train --labels train.txt --classes classes.txt --crop 48 --batch 16 --epochs 1 --threads 1 --out list.safetensors
expect "another head on these weights, the backbone frozen, by torchvision's recipe" "$tool" train imagenet $net --weights whole.safetensors --frozen backbone --recipe torchvision --images train --labels train.txt --crop 48 --batch 24 --at-once 8 --epochs 2 --precise-norms 16 --threads 1 --out head.safetensors
grep -q 'the head begins anew, whole.safetensors has one of 3 classes' err && python3 - <<'PY'
import json, struct
def tensors(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    return {name: (facts["shape"], data[8 + size + facts["data_offsets"][0]:8 + size + facts["data_offsets"][1]]) for name, facts in header.items() if name != "__metadata__"}
before, after = tensors("whole.safetensors"), tensors("head.safetensors")
assert after["classifier.weight"][0] == [1000, 368] and before.keys() == after.keys()
assert all(before[name] == after[name] for name in before if name.startswith("backbone."))
PY
report $? "leaves the backbone as it was"
expect "mmpretrain's recipe, statistics of norms averaged anew" learn --model mmpretrain/regnetx-400mf_8xb128_in1k --val val --epochs 2 --out mm.safetensors
grep -q '^epoch 2 of 2' out
report $? "is judged"

refuse "a batch of more than all pictures" 'more than all 48 pictures; choose another with --batch' "$tool" train imagenet $net --images train --out x.safetensors
refuse "parts that do not divide the batch" 'at-once 5 does not divide' "$tool" train imagenet $net --images train --batch 12 --at-once 5 --out x.safetensors
refuse "a result of another kind" 'must end in .safetensors' learn $net --out x.pth
refuse "a result nowhere" 'nowhere' learn $net --out nowhere/x.safetensors
refuse "no network named" 'which network' learn --out x.safetensors
refuse "a folder that is missing" 'nowhere' "$tool" train imagenet $net --images nowhere --batch 2 --out x.safetensors
refuse "a warm-up as long as all" 'warm-up must be shorter' learn $net --epochs 3 --warm-up 3 --out x.safetensors
refuse "a rate far too large" 'the training diverges' "$tool" train imagenet $net --images train --crop 48 --batch 12 --at-once 12 --epochs 30 --warm-up 0 --lr 1e30 --threads 1 --out x.safetensors
rm -f x.safetensors.run
cp -r train broken && echo "no picture" >broken/flat/03.png
refuse "a broken picture is named" 'flat/03.png' "$tool" train imagenet $net --images broken --crop 48 --batch 12 --epochs 1 --threads 1 --out x.safetensors
echo "no run" >y.safetensors.run
refuse "a file that holds no run" 'y.safetensors.run' learn $net --out y.safetensors --resume

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
