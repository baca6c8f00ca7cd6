#!/usr/bin/env python3
"""Random data sets judged by the package lvis: what evaluate_lvis is compared with.

    pip install lvis==0.5.3 pycocotools numpy
    tests/evaluate/lvis_cases.py tests/data_files/evaluate/lvis.json

Boxes lie on a grid of 4 pixels, so that overlaps tie and meet thresholds, and scores are multiples of 0.1, so that they tie.
"""
import copy
import json
import logging
import random
import sys
import tempfile

import numpy as np

np.float = float  # lvis 0.5.3 still says np.float
from lvis import LVIS, LVISEval, LVISResults  # noqa: E402
from pycocotools import mask as mask_utils  # noqa: E402

HEIGHT, WIDTH = 160, 192


def box(rng):
    x, y = 4 * rng.randint(0, 44), 4 * rng.randint(0, 36)
    large = rng.random() < 0.3
    w = 4 * rng.randint(1, (WIDTH - x) // 4 if large else min(12, (WIDTH - x) // 4))
    h = 4 * rng.randint(1, (HEIGHT - y) // 4 if large else min(12, (HEIGHT - y) // 4))
    return [x, y, w, h]


def notched(b):
    """Whether the mask lacks a quarter of its box."""
    return (b[0] + b[1]) // 4 % 3 == 0


def ring(b):
    x, y, w, h = b
    corner = [x + w // 2, y + h, x + w // 2, y + h // 2, x + w, y + h // 2] if notched(b) else [x + w, y + h]
    return [x, y, x, y + h] + corner + [x + w, y]


def mask(b):
    bits = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
    bits[b[1] : b[1] + b[3], b[0] : b[0] + b[2]] = 1
    if notched(b):
        bits[b[1] + b[3] // 2 : b[1] + b[3], b[0] + b[2] // 2 : b[0] + b[2]] = 0
    rle = mask_utils.encode(bits)
    return {"size": [HEIGHT, WIDTH], "counts": rle["counts"].decode()}


def data_set(rng):
    categories = [{"id": i, "name": f"c{i}", "frequency": rng.choice("rcf")} for i in rng.sample(range(1, 30), rng.randint(4, 8))]
    ids = [c["id"] for c in categories]
    truth = {"images": [], "categories": categories, "annotations": []}
    results = []
    for image in rng.sample(range(1, 99), rng.randint(3, 6)):
        present = rng.sample(ids, rng.randint(0, 3))
        truth["images"].append({"id": image, "width": WIDTH, "height": HEIGHT, "coco_url": f"http://images/val2017/{image:012d}.jpg",
                                "neg_category_ids": [i for i in ids if i not in present and rng.random() < 0.5],
                                "not_exhaustive_category_ids": [i for i in present if rng.random() < 0.4]})
        boxes = []
        for category in present:
            for _ in range(rng.randint(1, 4)):
                b = box(rng)
                boxes.append((category, b))
                area = b[2] * b[3] if rng.random() < 0.85 else rng.choice([0, 1024, 9216])
                truth["annotations"].append({"id": len(truth["annotations"]) + 1, "image_id": image, "category_id": category, "bbox": b, "area": area,
                                             "segmentation": [ring(b)] if rng.random() < 0.7 else mask(b)})
        for _ in range(rng.randint(4, 26)):
            if boxes and rng.random() < 0.7:
                category, b = rng.choice(boxes)
                b = list(b)
                if rng.random() < 0.5:
                    b[2] = max(4, b[2] - 4)
                if rng.random() < 0.3:
                    b[1] = max(0, b[1] - 4)
            else:
                category, b = rng.choice(ids + [77]), box(rng)
            if rng.random() < 0.04:
                b[2] = 0
            results.append({"image_id": image, "category_id": category, "bbox": b, "score": rng.randint(1, 10) / 10, "segmentation": mask(b)})
    rng.shuffle(results)
    return truth, results


def judge(truth, results, kind, most):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(truth, file)
        file.flush()
        annotations = LVIS(file.name)
    results = copy.deepcopy(results)
    if kind == "segm":  # as detectron2 does
        for result in results:
            del result["bbox"]
    evaluation = LVISEval(annotations, LVISResults(annotations, results, max_dets=most), kind)
    evaluation.params.max_dets = most
    evaluation.run()
    curves = evaluation.eval["precision"][:, :, :, 0]
    per_category = [float(np.mean(curves[:, :, k][curves[:, :, k] > -1])) if (curves[:, :, k] > -1).any() else -1 for k in range(curves.shape[2])]
    return {"numbers": [float(v) for v in evaluation.get_results().values()], "categories": per_category}


def main():
    logging.disable(logging.CRITICAL)
    cases = []
    for seed in range(8):
        rng = random.Random(seed)
        truth, results = data_set(rng)
        most = 300 if seed % 2 else 12
        cases.append({"max_dets": most, "annotations": truth, "results": results, "bbox": judge(truth, results, "bbox", most), "segm": judge(truth, results, "segm", most)})
    with open(sys.argv[1], "w") as file:
        file.write("[" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "]\n")


main()
