#!/usr/bin/env python3
"""Makes box_head.safetensors: regions, targets and losses of box and mask heads with gradients by torch's autograd, for tests/train/box_head_test.cpp.

torchvision's own functions compute its cases; those of mmdetection and detectron2 are written here from their published rules. Masks are drawn by
pycocotools, cut out by torchvision's roi_align. Needs torch, torchvision, pycocotools; made with torch 2.15, torchvision 0.29, pycocotools 2.0.11.
"""
import sys

import numpy as np
import torch
import torch.nn.functional as F
from pycocotools import mask as coco_mask
from torchvision.models.detection.roi_heads import RoIHeads, fastrcnn_loss, maskrcnn_loss, project_masks_on_boxes
from torchvision.ops import box_iou, roi_align

from tensor_file import write

CLASSES, SIZE, HEIGHT, WIDTH = 3, 10, 60, 80

torch.manual_seed(11)

# Rings of each truth; a truth's box is that of its rings.
RINGS = [
    [[[10, 8, 42, 11.5, 38, 40, 22, 44.25, 9, 30]], [[50.5, 20, 70, 18, 66, 52, 52, 50]], [[12, 9, 40, 12, 40, 42, 11, 41]], [[2, 50, 8, 50, 8, 57, 2, 57], [5, 44, 12, 46, 10, 52]]],
    [[[30, 5, 75, 9, 60, 30]], [[3.3, 20.7, 25.1, 22, 27, 55.5, 6, 58]]],
    [],
]
LABELS = [[0, 2, 1, 1], [2, 0], []]


def box_of(rings):
    points = np.concatenate([np.array(ring).reshape(-1, 2) for ring in rings])
    return [*points.min(0), *points.max(0)]


def bitmap(rings, height=HEIGHT, width=WIDTH):
    return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects([list(map(float, ring)) for ring in rings], height, width)))


def encode(regions, boxes, stds):
    centre, size = (regions[:, :2] + regions[:, 2:]) / 2, regions[:, 2:] - regions[:, :2]
    wanted, extent = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    return torch.cat([(wanted - centre) / size, (extent / size).log()], 1) / torch.tensor(stds)


def assign(proposals, boxes, positive, low_quality):
    """One threshold: -1 background, else the truth."""
    if len(boxes) == 0:
        return torch.full((len(proposals),), -1)
    overlap = box_iou(boxes, proposals)
    best, whose = overlap.max(0)
    assigned = torch.where(best >= positive, whose, torch.tensor(-1))
    if low_quality:
        for truth, most in enumerate(overlap.max(1).values):
            if most >= positive:
                assigned[overlap[truth] == most] = truth
    return assigned


def main():
    out = {}
    boxes = [torch.tensor([box_of(rings) for rings in picture], dtype=torch.float32).reshape(-1, 4) for picture in RINGS]
    labels = [torch.tensor(own, dtype=torch.long) for own in LABELS]
    proposals = []
    for own in boxes:
        found = [torch.rand(6, 4) * torch.tensor([50.0, 30, 50, 30])]
        found[0][:, 2:] += found[0][:, :2] + 2
        found += [own + 3 * torch.randn(own.shape), own + 7 * torch.randn(own.shape), own[:1].clone()]
        found.append(torch.tensor([[20.0, 20, 20, 30]]))  # no width
        proposals.append(torch.cat(found).clamp(min=0))
    for picture in range(3):
        out[f"boxes{picture}"], out[f"labels{picture}"], out[f"proposals{picture}"] = boxes[picture], labels[picture].int(), proposals[picture]

    def case(name, before, assigned_of, positive, low_quality=False, beta=0.0, stds=(0.1, 0.1, 0.2, 0.2), agnostic=False, weight=1.0):
        regions, truth = [], []
        for picture in range(3):
            if before:
                own = torch.cat([torch.arange(len(boxes[picture])), assign(proposals[picture], boxes[picture], positive, low_quality)])
                all_regions = torch.cat([boxes[picture], proposals[picture]])
            else:
                all_regions = torch.cat([proposals[picture], boxes[picture]])
                own = assign(all_regions, boxes[picture], positive, low_quality)
            regions.append(all_regions)
            truth.append(own)
            out[f"{name}/truth{picture}"] = own.int()
        rows = sum(len(r) for r in regions)
        logits = torch.randn(rows, CLASSES + 1, requires_grad=True)
        deltas = torch.randn(rows, 4 if agnostic else 4 * CLASSES, requires_grad=True)
        if assigned_of is not None:
            scores, offsets = assigned_of(regions, logits, deltas)
        else:
            row_labels = torch.cat([torch.where(t >= 0, torch.cat([l, torch.zeros(1, dtype=torch.long)])[t], torch.tensor(CLASSES)) for t, l in zip(truth, labels)])
            scores = weight * F.cross_entropy(logits, row_labels)
            objects = torch.where(row_labels < CLASSES)[0]
            wanted = torch.cat([encode(r[t >= 0], b[t[t >= 0]], stds) for r, t, b in zip(regions, truth, boxes)])
            given = deltas[objects] if agnostic else deltas.reshape(rows, CLASSES, 4)[objects, row_labels[objects]]
            difference = (given - wanted).abs()
            offsets = weight * (torch.where(difference < beta, difference ** 2 / (2 * beta), difference - beta / 2) if beta > 0 else difference).sum() / rows
            out[f"{name}/deltas_wanted"] = wanted
        (scores + offsets).backward()
        out[f"{name}/losses"] = torch.stack([scores.detach(), offsets.detach()]).double()
        out[f"{name}/logits"], out[f"{name}/deltas"] = logits.detach(), deltas.detach()
        out[f"{name}/by_logits"], out[f"{name}/by_deltas"] = logits.grad, deltas.grad
        return regions, truth

    def torchvision_losses(regions, logits, deltas):
        heads = RoIHeads(None, None, None, 0.5, 0.5, 4096, 0.25, None, 0.05, 0.5, 100)
        targets = [{"boxes": b, "labels": l + 1} for b, l in zip(boxes, labels)]
        chosen, _, chosen_labels, wanted = heads.select_training_samples([p.clone() for p in proposals], targets)
        assert all(torch.equal(a, b) for a, b in zip(chosen, regions))
        own_logits = torch.cat([logits[:, CLASSES:], logits[:, :CLASSES]], 1)  # its background is class 0
        return fastrcnn_loss(own_logits, torch.cat([torch.zeros(len(deltas), 4), deltas], 1), chosen_labels, list(wanted))

    regions, truth = case("mmdetection", True, None, 0.5)
    case("mmdetection_mask", True, None, 0.5, low_quality=True)
    case("mmdetection_cascade2", True, None, 0.7, beta=1.0, stds=(0.033, 0.033, 0.067, 0.067), agnostic=True, weight=0.25)
    case("detectron2", False, None, 0.5)
    case("torchvision", False, torchvision_losses, 0.5)

    # Masks, for the regions of the case mmdetection that show an object.
    cut, filled, soft = [], [], []
    for picture in range(3):
        for region, which in zip(regions[picture], truth[picture]):
            if which < 0:
                continue
            rings = RINGS[picture][which]
            plane = torch.from_numpy(bitmap(rings)).float()[None, None]
            limit = torch.tensor([WIDTH, HEIGHT, WIDTH, HEIGHT]).float()
            inside = torch.min(region.clamp(min=0), limit)
            cut.append((roi_align(plane, [inside[None]], SIZE, 1.0, 0, True)[0, 0] >= 0.5).float())
            corner, side = region[:2].double().numpy(), (region[2:] - region[:2]).double().numpy()
            scaled = [((np.array(ring).reshape(-1, 2) - corner) * (SIZE / np.maximum(side, 0.1))).reshape(-1) for ring in rings]
            filled.append(torch.from_numpy(bitmap(scaled, SIZE, SIZE)).float())
            soft.append(project_masks_on_boxes(plane[:, 0], region[None], torch.zeros(1, dtype=torch.long), SIZE)[0])
    out["masks/mmdetection"], out["masks/detectron2"], out["masks/torchvision"] = torch.stack(cut), torch.stack(filled), torch.stack(soft)
    logits = torch.randn(len(cut), CLASSES, SIZE, SIZE, requires_grad=True)
    shown = [(r[t >= 0], t[t >= 0]) for r, t in zip(regions, truth)]
    planes = [torch.stack([torch.from_numpy(bitmap(rings)) for rings in picture]) if picture else torch.zeros(0, HEIGHT, WIDTH) for picture in RINGS]
    loss = maskrcnn_loss(logits, [s[0] for s in shown], planes, labels, [s[1] for s in shown])
    loss.backward()
    out["masks/logits"], out["masks/by_logits"], out["masks/loss"] = logits.detach(), logits.grad, loss.detach().double().reshape(1)
    write(sys.argv[1] if len(sys.argv) > 1 else "box_head.safetensors", out)


main()
