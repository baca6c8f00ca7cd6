#!/usr/bin/env python3
"""Makes cut_truths.json: a data set, cuts of its pictures, and what detectron2's loader makes of it, for tests/train/cut_truths_test.cpp.

Its rules (RandomCrop, ResizeScale, FixedSizeCrop, RandomFlip; boxes round what is left of the masks), written here with the tools that they use: shapely cuts polygons,
pycocotools draws them. Needs numpy, pillow, pycocotools, shapely; made with numpy 2.4, Pillow 13.0, pycocotools 2.0.11, shapely 2.2.
"""
import json
import math
import random

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask
from shapely.geometry import Polygon, box

rng = random.Random(1)
WIDTH, HEIGHT = 90, 60


def star(x, y, radius, points):
    """A ring that goes in and out."""
    turns = sorted(rng.uniform(0, 2 * math.pi) for _ in range(points))
    return [c for t in turns for r in [radius * rng.uniform(0.3, 1)] for c in (round(x + r * math.cos(t), 2), round(y + r * math.sin(t), 2))]


def gap(left, top, right, bottom, thick):
    """A frame round the middle of the picture that is open to the right, with a tongue that reaches in."""
    return [left, top, right, top, right, top + thick, left + thick, top + thick, left + thick, bottom - thick, right, bottom - thick, right, bottom, left, bottom]


def bounds(ring):
    return [min(ring[0::2]), min(ring[1::2]), max(ring[0::2]), max(ring[1::2])]


def annotation(segmentation, category):
    xs = bounds([c for ring in segmentation for c in ring]) if isinstance(segmentation, list) else [20, 10, 50, 40]
    return {"image_id": 1, "category_id": category, "bbox": [xs[0], xs[1], xs[2] - xs[0], xs[3] - xs[1]], "area": 100, "iscrowd": 0, "segmentation": segmentation}


plane = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
plane[10:40, 20:50] = 1
flat = np.diff(np.concatenate([[0], np.flatnonzero(np.diff(np.concatenate([[0], plane.reshape(-1, order="F"), [2]])))])).tolist()
ANNOTATIONS = [annotation([star(rng.uniform(10, 80), rng.uniform(10, 50), rng.uniform(5, 30), rng.randint(5, 12)) for _ in range(rng.randint(1, 2))], rng.choice([3, 7])) for _ in range(12)]
ANNOTATIONS += [annotation([gap(5, 4, 85, 56, 6)], 3), annotation([[1, 1, 89, 2, 88, 59, 2, 58]], 7), annotation([[0.5, 0.5, 3, 0.5, 3, 3]], 3), annotation({"size": [HEIGHT, WIDTH], "counts": flat}, 7)]

# part (top, left, height, width), resized (height, width), shown (as part), flipped
CHANGES = [(None, (30, 45), (0, 0, 64, 64), False), (None, (120, 180), (31, 67, 64, 64), False), (None, (120, 180), (31, 67, 64, 64), True), (None, (43, 64), (0, 0, 64, 64), True),
           ((3, 5, 55, 82), (110, 164), None, False), ((3, 5, 55, 82), (37, 55), None, True), ((15, 25, 20, 30), (40, 60), None, False), ((15, 25, 20, 30), (20, 30), (4, 9, 16, 16), True)]


def moved(points, change):
    part, resized, shown, flipped = change
    points = np.asarray(points, np.float64).copy()
    part = part or (0, 0, HEIGHT, WIDTH)
    size = shown[2:] if shown else resized
    points -= [part[1], part[0]]
    points *= [resized[1] / part[3], resized[0] / part[2]]
    if shown:
        points -= [shown[1], shown[0]]
    if flipped:
        points[:, 0] = size[1] - points[:, 0]
    return points


def truth(change):
    part, resized, shown, flipped = change
    size = shown[2:] if shown else resized
    boxes, labels, masks = [], [], []
    for one in ANNOTATIONS:
        if isinstance(one["segmentation"], dict):
            bits = plane[part[0]:part[0] + part[2], part[1]:part[1] + part[3]] if part else plane
            bits = np.asarray(Image.fromarray(np.ascontiguousarray(bits)).resize(resized[::-1], Image.NEAREST))
            if shown:
                whole = np.zeros(size, np.uint8)
                bits = bits[shown[0]:shown[0] + shown[2], shown[1]:shown[1] + shown[3]]
                whole[:bits.shape[0], :bits.shape[1]] = bits
                bits = whole
            bits = bits[:, ::-1] if flipped else bits
            if not bits.any():
                continue
            rows, columns = np.flatnonzero(bits.any(1)), np.flatnonzero(bits.any(0))
            around = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
            drawn = coco_mask.encode(np.asfortranarray(bits))
        else:
            rings = []
            for ring in one["segmentation"]:
                left = Polygon(moved(np.reshape(ring, (-1, 2)), change)).buffer(0.0).intersection(box(0, 0, size[1], size[0]))
                for each in getattr(left, "geoms", [left]):
                    if isinstance(each, Polygon) and not each.is_empty:
                        rings.append(np.asarray(each.exterior.coords)[:-1])
            if not rings:
                continue
            points = np.concatenate(rings)
            around = [*points.min(0), *points.max(0)]
            drawn = coco_mask.merge(coco_mask.frPyObjects([r.reshape(-1).tolist() for r in rings], *size))
        around = np.float32(around)
        if not ((around[2:] - around[:2]) > 1e-5).all():
            continue
        boxes.append([float(v) for v in around])
        labels.append([3, 7].index(one["category_id"]))
        masks.append(drawn["counts"].decode())
    return {"part": part, "resized": resized, "shown": shown, "flipped": flipped, "boxes": boxes, "labels": labels, "masks": masks}


with open("cut_truths.json", "w") as file:
    json.dump({"images": [{"id": 1, "width": WIDTH, "height": HEIGHT, "file_name": "1.jpg"}], "categories": [{"id": c, "name": str(c)} for c in (3, 7)],
               "annotations": [{"id": i + 1, **one} for i, one in enumerate(ANNOTATIONS)], "changes": [truth(change) for change in CHANGES]}, file)
    file.write("\n")
