#!/usr/bin/env python3
"""Makes coco_truths.json (a small data set) and coco_truths.safetensors (what each code base's loader makes of it), for tests/train/coco_truths_test.cpp.

The loaders' published rules, written here with their tools: OpenCV's, Pillow's and torch's nearest resize, pycocotools for masks. Needs torch,
opencv-python, pillow, pycocotools; made with torch 2.15, OpenCV 5.0, Pillow 13.0, pycocotools 2.0.11.
"""
import json

import cv2
import numpy as np
import torch
from PIL import Image
from pycocotools import mask as coco_mask

from tensor_file import write

CATEGORIES = [7, 3]  # by label; 90 is no class
IMAGES = [(1, 60, 40, 0), (2, 50, 33, 0), (3, 50, 40, 0), (4, 64, 31, 0), (5, 45, 40, 0)]  # id, width, height
SIZES = {1: (97, 65), 2: (76, 50), 3: (50, 40), 4: (64, 31), 5: (33, 29)}  # width, height after resizing


def annotation(image, category, box, segmentation, area=None, crowd=0):
    return {"image_id": image, "category_id": category, "bbox": box, "area": box[2] * box[3] if area is None else area, "iscrowd": crowd, "segmentation": segmentation}


def ring(x, y, w, h):
    return [x, y, x + w, y + 0.3 * h, x + 0.8 * w, y + h, x + 0.1 * w, y + 0.7 * h]


def rle(width, height, x, y, w, h):
    plane = np.zeros((height, width), np.uint8, order="F")
    plane[y:y + h, x:x + w] = 1
    flat = plane.reshape(-1, order="F")
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flat, [2]])))
    return {"size": [height, width], "counts": np.diff(np.concatenate([[0], edges])).tolist()}


ANNOTATIONS = [
    annotation(1, 3, [5.25, 4.5, 20.1, 17.3], [ring(5.25, 4.5, 20.1, 17.3)]),
    annotation(1, 7, [30, 10, 25, 20], [ring(30, 10, 12, 20), ring(43, 12, 12, 15)]),
    annotation(1, 7, [0, 0, 60, 9], rle(60, 40, 0, 0, 60, 9), crowd=1),
    annotation(1, 3, [12, 30, 0.7, 5], [ring(12, 30, 0.7, 5)]),          # below 1 pixel
    annotation(1, 3, [50, 30, 20, 20], [ring(50, 30, 20, 20)]),          # partly beyond the picture
    annotation(1, 3, [61, 5, 8, 8], [ring(61, 5, 8, 8)]),                # beyond
    annotation(1, 90, [5, 5, 8, 8], [ring(5, 5, 8, 8)]),                 # no class
    annotation(1, 7, [20, 20, 10, 10], [ring(20, 20, 10, 10)], area=0),  # no area
    annotation(1, 7, [8, 22, 9, 9], [[8, 22, 17, 31]]),                  # two points
    annotation(2, 7, [3, 3, 20, 20], rle(50, 33, 3, 3, 20, 20), crowd=1),
    annotation(4, 7, [3, 3, 20, 20], [ring(3, 3, 20, 20)]),
    annotation(5, 3, [10, 8, 21, 25], rle(45, 40, 10, 8, 21, 25)),
    annotation(5, 7, [2.5, 3.5, 9.25, 11.75], [ring(2.5, 3.5, 9.25, 11.75)]),
]


def rings_of(one):
    return [r for r in one["segmentation"] if len(r) >= 6] if isinstance(one["segmentation"], list) else []


def bitmap(one, width, height):
    found = coco_mask.frPyObjects(one["segmentation"] if isinstance(one["segmentation"], dict) else rings_of(one), height, width)
    return coco_mask.decode(coco_mask.merge(found) if isinstance(found, list) else found)


def mmdetection(image, width, height, size, flipped):
    boxes, labels, ignored, masks = [], [], [], []
    for one in ANNOTATIONS:
        x, y, w, h = one["bbox"]
        inside = max(0, min(x + w, width) - max(x, 0)) * max(0, min(y + h, height) - max(y, 0))
        if one["image_id"] != image or inside == 0 or one["area"] <= 0 or w < 1 or h < 1 or one["category_id"] not in CATEGORIES:
            continue
        box = torch.tensor([x, y, x + w, y + h], dtype=torch.float32) * torch.tensor([size[0] / width, size[1] / height] * 2, dtype=torch.float32)
        box = torch.min(box.clamp(min=0), torch.tensor([*size, *size]).float())
        if flipped:
            box = torch.stack([size[0] - box[2], box[1], size[0] - box[0], box[3]])
        if one["iscrowd"] or (isinstance(one["segmentation"], list) and not rings_of(one)):
            ignored.append(box)
            continue
        mask = cv2.resize(bitmap(one, width, height), size, interpolation=cv2.INTER_NEAREST)
        boxes.append(box), labels.append(CATEGORIES.index(one["category_id"])), masks.append(mask[:, ::-1].copy() if flipped else mask)
    return boxes, labels, ignored, masks


def detectron2(image, width, height, size, flipped):
    boxes, labels, masks = [], [], []
    for one in ANNOTATIONS:
        if one["image_id"] != image or one["iscrowd"] or one["category_id"] not in CATEGORIES or (isinstance(one["segmentation"], list) and not rings_of(one)):
            continue
        box = torch.tensor(one["bbox"])
        box[2:] += box[:2]
        scale = np.array([size[0] * 1.0 / width, size[1] * 1.0 / height])
        moved = np.array(box.tolist()).reshape(2, 2) * scale
        if flipped:
            moved[:, 0] = (size[0] - moved[:, 0])[::-1]
        moved = np.minimum(moved.reshape(-1).clip(min=0), [*size, *size])
        box = torch.tensor(moved).float()
        if not ((box[2:] - box[:2]) > 1e-5).all():
            continue
        if isinstance(one["segmentation"], dict):
            mask = np.asarray(Image.fromarray(bitmap(one, width, height)).resize(size, Image.NEAREST))
            masks.append(mask[:, ::-1].copy() if flipped else mask)
        else:  # all rings, one after the other
            moved = [np.array(r, np.float64).reshape(-1, 2) * scale for r in rings_of(one)]
            masks.append(np.concatenate([np.stack([size[0] - r[:, 0] if flipped else r[:, 0], r[:, 1]], 1) for r in moved]))
        boxes.append(box), labels.append(CATEGORIES.index(one["category_id"]))
    return boxes, labels, [], masks


def torchvision(image, width, height, size, flipped):
    boxes, labels, masks = [], [], []
    for one in ANNOTATIONS:
        if one["image_id"] != image or one["iscrowd"] or one["category_id"] not in CATEGORIES:
            continue
        box = torch.tensor(one["bbox"])
        box[2:] += box[:2]
        box = torch.min(box.clamp(min=0), torch.tensor([width, height] * 2).float())
        if not (box[2:] > box[:2]).all():
            continue
        if flipped:
            box = torch.stack([width - box[2], box[1], width - box[0], box[3]])
        box = box * (torch.tensor([*size, *size], dtype=torch.float32) / torch.tensor([width, height] * 2, dtype=torch.float32))
        mask = torch.from_numpy(bitmap(one, width, height)) if isinstance(one["segmentation"], dict) or rings_of(one) else torch.zeros(height, width)
        mask = mask.flip(-1) if flipped else mask
        masks.append(torch.nn.functional.interpolate(mask[None, None].float(), size=(size[1], size[0]))[0, 0].byte().numpy())
        boxes.append(box), labels.append(CATEGORIES.index(one["category_id"]))
    return boxes, labels, [], masks


def main():
    dataset = {"images": [{"id": i, "width": w, "height": h, "file_name": f"{i}.jpg"} for i, w, h, _ in IMAGES], "categories": [{"id": c, "name": str(c)} for c in (3, 7, 90)],
               "annotations": [{"id": i + 1, **one} for i, one in enumerate(ANNOTATIONS)]}
    dataset["annotations"][8]["segmentation"] = [[8, 22, 17, 31, 8, 22]]  # the reader takes no ring of two points; the test cuts the third one off
    with open("coco_truths.json", "w") as file:
        json.dump(dataset, file)
    out = {}
    for rule in (mmdetection, detectron2, torchvision):
        for image, width, height, _ in IMAGES:
            for flipped in (False, True):
                boxes, labels, ignored, masks = rule(image, width, height, SIZES[image], flipped)
                name = f"{rule.__name__}/{image}/{int(flipped)}"
                out[f"{name}/boxes"] = torch.stack(boxes) if boxes else torch.zeros(0, 4)
                out[f"{name}/ignored"] = torch.stack(ignored) if ignored else torch.zeros(0, 4)
                out[f"{name}/labels"] = torch.tensor(labels, dtype=torch.int32)
                for i, mask in enumerate(masks):
                    if mask.dtype == np.uint8:  # as run lengths, rows of 1 x counts
                        flat = mask.reshape(-1, order="F")
                        edges = np.flatnonzero(np.diff(np.concatenate([[0], flat, [2]])))
                        out[f"{name}/bitmap{i}"] = torch.tensor(np.diff(np.concatenate([[0], edges])), dtype=torch.int32)
                    else:
                        out[f"{name}/points{i}"] = torch.from_numpy(mask)
    write("coco_truths.safetensors", out)


main()
