#!/usr/bin/env python3
"""Random streets judged by the package cityscapesscripts: what sum_cityscapes is compared with.

    pip install cityscapesscripts==2.3.0 numpy pillow
    tests/evaluate/cityscapes_cases.py tests/data_files/evaluate/cityscapes.json

Instances are rectangles, some of less than 100 pixels; groups, void and classes that are not judged lie between them. Confidences tie. A picture's ids go by rows
(id, count, id, count, ...), masks by columns (COCO's run lengths).
"""
import json
import random
import sys
import tempfile

import numpy as np

np.in1d = getattr(np, "in1d", np.isin)  # which NumPy 2.4 lacks
from PIL import Image  # noqa: E402
import cityscapesscripts.evaluation.evalInstanceLevelSemanticLabeling as official  # noqa: E402

official.writeDict2JSON = lambda *_: None  # which cannot write numpy's numbers; nothing reads those files here

HEIGHT, WIDTH = 72, 96
JUDGED = [24, 25, 26, 27, 28, 31, 32, 33]


def rectangle(rng, small):
    h, w = (rng.randint(3, 9), rng.randint(3, 9)) if small else (rng.randint(10, 40), rng.randint(10, 40))
    y, x = rng.randint(0, HEIGHT - h), rng.randint(0, WIDTH - w)
    return y, x, h, w


def street(rng, classes):
    ids = np.full((HEIGHT, WIDTH), rng.choice([7, 23, 0]), np.int32)
    for _ in range(rng.randint(0, 4)):
        y, x, h, w = rectangle(rng, False)
        ids[y : y + h, x : x + w] = rng.choice([0, 4, 7, 15, 29, 30, 29001, 21])
    for _ in range(rng.randint(0, 8)):
        y, x, h, w = rectangle(rng, rng.random() < 0.3)
        label = rng.choice(classes)
        ids[y : y + h, x : x + w] = label if rng.random() < 0.2 else 1000 * label + rng.randint(0, 9)
    found = []
    for _ in range(rng.randint(2, 18)):
        label = rng.choice(classes)
        mask = np.zeros((HEIGHT, WIDTH), bool)
        own = [i for i in np.unique(ids) if i == label or i // 1000 == label]
        if own and rng.random() < 0.8:
            mask |= ids == rng.choice(own)
            if rng.random() < 0.6:
                mask &= ~np.roll(mask, rng.choice([-60, 60]), 1)
                mask[:, rng.randint(0, WIDTH - 1) :: rng.choice([2, 3, 5, 9])] = False
        elif rng.random() < 0.9:
            y, x, h, w = rectangle(rng, rng.random() < 0.3)
            mask[y : y + h, x : x + w] = True
        found.append((label if rng.random() < 0.95 else 23, rng.randint(1, 8) / 8, mask))
    return ids, found


def judge(pictures):
    with tempfile.TemporaryDirectory() as folder:
        truths, predictions = [], []
        for i, (ids, found) in enumerate(pictures):
            truths.append(f"{folder}/town_{i:06d}_000019_gtFine_instanceIds.png")
            Image.fromarray(ids.astype(np.uint16)).save(truths[-1])
            predictions.append(f"{folder}/town_{i:06d}_000019_pred.txt")
            with open(predictions[-1], "w") as lines:
                for k, (label, confidence, mask) in enumerate(found):
                    Image.fromarray(mask.astype(np.uint8) * 255).save(f"{folder}/{i}_{k}.png")
                    lines.write(f"{i}_{k}.png {label} {confidence}\n")
        official.args.predictionPath = folder
        official.args.JSONOutput = False
        official.args.quiet = True
        official.args.gtInstancesFile = folder + "/truth.json"
        return official.evaluateImgLists(predictions, truths, official.args)


def runs(values):
    ends = np.flatnonzero(np.diff(values)) + 1
    starts = np.concatenate(([0], ends))
    return [(int(values[a]), int(b - a)) for a, b in zip(starts, np.concatenate((ends, [len(values)])))]


def main():
    lines = []
    seed = 0
    while len(lines) < 12:
        rng = random.Random(seed)
        seed += 1
        classes = rng.sample(JUDGED, rng.randint(2, 4))
        pictures = [street(rng, classes) for _ in range(rng.randint(2, 5))]
        try:
            result = judge(pictures)
        except IndexError:  # all that was found of a class is ignored, which it does not foresee
            continue
        number = lambda v: None if np.isnan(v) else float(v)
        case = {"height": HEIGHT, "width": WIDTH, "pictures": [], "ap": [[number(v) for v in row] for row in result["resultApMatrix"][0]]}
        case["all"] = [number(result["averages"]["allAp"]), number(result["averages"]["allAp50%"])]
        for ids, found in pictures:
            masks = []
            for label, confidence, mask in found:
                counts = [n for _, n in runs(mask.T.reshape(-1).astype(int))]
                masks.append({"label": label, "confidence": confidence, "counts": ([0] if mask[0, 0] else []) + counts})
            case["pictures"].append({"ids": [v for pair in runs(ids.reshape(-1)) for v in pair], "found": masks})
        lines.append(json.dumps(case, separators=(",", ":")))
    with open(sys.argv[1], "w") as file:
        file.write("[" + ",\n".join(lines) + "]\n")


main()
