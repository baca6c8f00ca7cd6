#!/usr/bin/env python3
"""Random annotations and detections judged by Pascal VOC's rules: what evaluate_voc is compared with.

    pip install numpy
    tests/evaluate/voc_cases.py tests/data_files/evaluate/voc.json

The rules, with their pixel added to every side, are those that detectron2 takes from the VOC development kit; they are written here anew, over whole arrays. Boxes lie
on a grid, so that overlaps meet thresholds; scores of a class are distinct, since the kit does not say how equal ones are ordered.
"""
import json
import random
import sys

import numpy as np


def box(rng):
    x, y = 5 * rng.randint(0, 30) + 1, 5 * rng.randint(0, 30) + 1
    return [x, y, x + 5 * rng.randint(1, 20) - 1, y + 5 * rng.randint(1, 20) - 1]


def case(rng):
    names = rng.sample(["dog", "cat", "sofa", "bird", "train"], rng.randint(2, 5))
    pictures, detections = [], []
    for i in range(rng.randint(3, 8)):
        objects = [{"name": rng.choice(names), "box": box(rng), "difficult": rng.random() < 0.2} for _ in range(rng.randint(0, 6))]
        pictures.append({"id": f"{i:06d}", "objects": objects})
        for _ in range(rng.randint(0, 12)):
            if objects and rng.random() < 0.75:
                seen = rng.choice(objects)
                name, b = seen["name"], [v + 5 * rng.choice([0, 0, 0, 1, -1]) for v in seen["box"]]
                b[2], b[3] = max(b[0] + 4, b[2]), max(b[1] + 4, b[3])
            else:
                name, b = rng.choice(names + ["unicorn"]), box(rng)
            detections.append({"picture": pictures[-1]["id"], "name": name, "box": b})
    for detection, score in zip(detections, rng.sample(range(1, 1000), len(detections))):
        detection["score"] = score / 1000
    return pictures, detections


def curve(pictures, detections, name, threshold):
    objects = {p["id"]: [o for o in p["objects"] if o["name"] == name] for p in pictures}
    total = sum(not o["difficult"] for own in objects.values() for o in own)
    right, wrong, used = [], [], set()
    for d in sorted((d for d in detections if d["name"] == name), key=lambda d: -d["score"]):
        own = objects[d["picture"]]
        verdict = (0, 1)
        if own:
            truth, b = np.array([o["box"] for o in own], float), np.array(d["box"], float)
            sides = np.maximum(np.minimum(truth[:, 2:], b[2:]) - np.maximum(truth[:, :2], b[:2]) + 1, 0)
            common = sides.prod(1)
            overlaps = common / ((truth[:, 2:] - truth[:, :2] + 1).prod(1) + (b[2:] - b[:2] + 1).prod() - common)
            best = int(overlaps.argmax())
            if overlaps[best] > threshold:
                key = (d["picture"], best)
                verdict = (0, 0) if own[best]["difficult"] else (0, 1) if key in used else (1, 0)
                used.add(key)
        right.append(verdict[0])
        wrong.append(verdict[1])
    right, wrong = np.cumsum(right), np.cumsum(wrong)
    with np.errstate(divide="ignore", invalid="ignore"):
        return total, right / total, right / np.maximum(right + wrong, np.finfo(float).eps)


def average(total, recall, precision, points):
    if total == 0:
        return -1.0
    if points:
        return float(sum(precision[recall >= t].max() if (recall >= t).any() else 0 for t in np.arange(0, 1.1, 0.1)) / 11)
    sums, before = 0.0, 0.0
    for level in np.unique(recall[recall > 0]):
        sums += (level - before) * precision[recall >= level].max()
        before = level
    return float(sums)


def main():
    lines = []
    for seed in range(24):
        pictures, detections = case(random.Random(seed))
        names = sorted({o["name"] for p in pictures for o in p["objects"]})
        judged = {}
        for rule in ("points", "area"):
            judged[rule] = [[average(*curve(pictures, detections, name, t / 100), rule == "points") for name in names] for t in range(50, 100, 5)]
        lines.append(json.dumps({"pictures": pictures, "detections": detections, "names": names, **judged}, separators=(",", ":")))
    with open(sys.argv[1], "w") as file:
        file.write("[" + ",\n".join(lines) + "]\n")


main()
