#!/usr/bin/env python3
"""Makes dense_loss.safetensors: losses of dense 2D heads and their gradients by torch's autograd, for tests/train/dense_loss_test.cpp.

torchvision's own classes compute the cases torchvision_*; those of mmdetection and detectron2 are written here from their published rules, in
tensors over all pairs (the library goes box by box). Needs torch and torchvision; dense_loss.safetensors was made with torch 2.15, torchvision 0.29.
"""
import sys

import torch
import torch.nn.functional as F
from torchvision.models.detection import _utils
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.ops import box_iou

from tensor_file import write

CLASSES, ANCHORS, CANVAS = 2, 6, (64, 96)
STRIDES = (16, 32)
SIZES = [(60.0, 90.0), (40.0, 33.0), (64.0, 96.0), (50.0, 60.0)]  # height, width of each picture inside the canvas

torch.manual_seed(5)


def base_anchors(stride):
    boxes = []
    for ratio in (0.5, 1.0, 2.0):
        for scale in (1.0, 2 ** 0.5):
            height, width = stride * scale * ratio ** 0.5, stride * scale / ratio ** 0.5
            boxes.append([-width / 2, -height / 2, width / 2, height / 2])
    return torch.tensor(boxes)


def level_anchors(stride):
    height, width = CANVAS[0] // stride, CANVAS[1] // stride
    y, x = torch.meshgrid(torch.arange(height) * stride, torch.arange(width) * stride, indexing="ij")
    shift = torch.stack([x, y, x, y], -1).reshape(-1, 1, 4).float()
    return (shift + base_anchors(stride)).reshape(-1, 4)


def truths():
    """Boxes, labels, ignored regions of each picture."""
    boxes = [
        torch.tensor([[16, 10, 44, 40], [8, 24, 24, 40], [8, 24, 24, 40], [70, 50, 74, 53], [40, 20, 62, 37]]).float(),  # a tie of two anchors, twice the same, a tiny one
        torch.tensor([[2.5, 3.25, 30.75, 36.5], [20, 20, 33, 40]]),
        torch.zeros(0, 4),
        torch.tensor([[5, 5, 37.5, 33]]),
    ]
    labels = [torch.tensor([0, 0, 1, 1, 0]), torch.tensor([1, 0]), torch.zeros(0, dtype=torch.long), torch.tensor([1])]
    ignored = [torch.tensor([[50.0, 0, 96, 40]]), torch.zeros(0, 4), torch.tensor([[0.0, 0, 40, 40]]), torch.tensor([[0.0, 0, 60, 30], [30, 30, 60, 50]])]
    return boxes, labels, ignored


def maps():
    logits, deltas = [], []
    for stride in STRIDES:
        shape = (CANVAS[0] // stride, CANVAS[1] // stride)
        logits.append(torch.randn(len(SIZES), ANCHORS * CLASSES, *shape))
        deltas.append(0.5 * torch.randn(len(SIZES), ANCHORS * 4, *shape))
    return logits, deltas


def rows(levels, numbers):
    """[n, all anchors, numbers] in the order level, y, x, anchor."""
    return torch.cat([m.permute(0, 2, 3, 1).reshape(m.shape[0], -1, numbers) for m in levels], 1)


def encode(anchors, boxes):
    centre, size = (anchors[:, :2] + anchors[:, 2:]) / 2, anchors[:, 2:] - anchors[:, :2]
    wanted, extent = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    return torch.cat([(wanted - centre) / size, (extent / size).log()], 1)


def mm_assign(anchors, boxes, ignored, positive, negative, least, ignore):
    """mmdetection's MaxIoUAssigner: -2 ignored, -1 background, else the truth."""
    if len(boxes) == 0:
        return torch.full((len(anchors),), -1)
    overlap = box_iou(boxes, anchors)
    if ignore > 0 and len(ignored):
        corner, end = torch.max(anchors[:, None, :2], ignored[None, :, :2]), torch.min(anchors[:, None, 2:], ignored[None, :, 2:])
        share = (end - corner).clamp(min=0).prod(-1) / (anchors[:, 2:] - anchors[:, :2]).prod(-1)[:, None]
        overlap[:, share.max(1).values > ignore] = -1
    best, whose = overlap.max(0)
    assigned = torch.full((len(anchors),), -2)
    assigned[(best >= 0) & (best < negative)] = -1
    assigned = torch.where(best >= positive, whose, assigned)
    for truth, most in enumerate(overlap.max(1).values):
        if most >= least:
            assigned[overlap[truth] == most] = truth
    return assigned


def own_assign(anchors, boxes, positive, negative):
    """detectron2's and torchvision's matcher."""
    if len(boxes) == 0:
        return torch.full((len(anchors),), -1)
    found = _utils.Matcher(positive, negative, allow_low_quality_matches=True)(box_iou(boxes, anchors))
    return torch.where(found == _utils.Matcher.BETWEEN_THRESHOLDS, torch.tensor(-2), found)


def inside(anchors_of_levels, size, border):
    """mmdetection's inside flags: cells of the picture padded to multiples of 32, and anchors within the border when there is one."""
    flags = []
    for stride, anchors in zip(STRIDES, anchors_of_levels):
        height, width = CANVAS[0] // stride, CANVAS[1] // stride
        padded = [-(-side // 32) * 32 for side in size]
        flag = torch.zeros(height, width, ANCHORS, dtype=torch.bool)
        flag[: int(-(-padded[0] // stride)), : int(-(-padded[1] // stride))] = True
        flag = flag.reshape(-1)
        if border >= 0:
            flag &= (anchors[:, :2] >= -border).all(1) & (anchors[:, 2] < size[1] + border) & (anchors[:, 3] < size[0] + border)
        flags.append(flag)
    return torch.cat(flags)


def focal_sum(logits, target):
    p = logits.sigmoid()
    bce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    right = p * target + (1 - p) * (1 - target)
    return ((0.25 * target + 0.75 * (1 - target)) * (1 - right) ** 2 * bce).sum()


def head_loss(kind, logits, deltas, anchors, assigned, boxes, labels, normaliser, beta):
    """Sums over the batch divided by normaliser(list of (positives, negatives))."""
    scores, offsets, counts = 0, 0, []
    for picture, own in enumerate(assigned):
        used, object_rows = own != -2, torch.where(own >= 0)[0]
        counts.append((len(object_rows), int((own == -1).sum())))
        target = torch.zeros_like(logits[picture])
        target[object_rows, labels[picture][own[object_rows]] if kind == "retina" else torch.zeros_like(object_rows)] = 1
        if kind == "retina":
            scores = scores + focal_sum(logits[picture][used], target[used])
        else:
            scores = scores + F.binary_cross_entropy_with_logits(logits[picture][used], target[used], reduction="sum")
        wanted = encode(anchors[object_rows], boxes[picture][own[object_rows]])
        if beta > 0:
            offsets = offsets + F.smooth_l1_loss(deltas[picture][object_rows], wanted, beta=beta, reduction="sum")
        else:
            offsets = offsets + (deltas[picture][object_rows] - wanted).abs().sum()
    divisor = normaliser(counts)
    return scores / divisor, offsets / divisor


def main():
    out = {}
    levels = [level_anchors(stride) for stride in STRIDES]
    anchors = torch.cat(levels)
    boxes, labels, ignored = truths()
    logits, deltas = maps()
    for level, stride in enumerate(STRIDES):
        out[f"base{level}"], out[f"logits{level}"], out[f"deltas{level}"] = base_anchors(stride), logits[level], deltas[level]
    for picture in range(len(SIZES)):
        out[f"boxes{picture}"], out[f"labels{picture}"], out[f"ignored{picture}"] = boxes[picture], labels[picture].int(), ignored[picture]
    out["image_info"] = torch.tensor([[h, w, 1, 1] for h, w in SIZES])

    def case(name, loss, assigned=None):
        """`loss` gets the leaves' rows; the region proposal cases score anchors by the first class's channels."""
        classes = 1 if "rpn" in name else CLASSES
        own_logits = [m[:, ::CLASSES].clone() if classes == 1 else m.clone() for m in logits]
        leaves = [m.requires_grad_() for m in own_logits] + [m.clone().requires_grad_() for m in deltas]
        scores, offsets = loss(rows(leaves[: len(levels)], classes), rows(leaves[len(levels):], 4))
        (scores + offsets).backward()
        out[f"{name}/losses"] = torch.stack([scores.detach(), offsets.detach()]).double()
        for level in range(len(levels)):
            out[f"{name}/by_logits{level}"], out[f"{name}/by_deltas{level}"] = leaves[level].grad, leaves[len(levels) + level].grad
        if assigned is not None:
            out[f"{name}/assigned"] = torch.stack(assigned).int()

    def mm(positive, negative, least, ignore=-1.0, border=-1):
        found = []
        for picture, size in enumerate(SIZES):
            flags = inside(levels, size, border)
            own = torch.full((len(anchors),), -2)
            own[flags] = mm_assign(anchors[flags], boxes[picture], ignored[picture], positive, negative, least, ignore)
            found.append(own)
        return found

    def own(positive, negative):
        return [own_assign(anchors, b, positive, negative) for b in boxes]

    def hand(name, kind, assigned, normaliser, beta=0.0):
        case(name, lambda l, d: head_loss(kind, l, d, anchors, assigned, boxes, labels, normaliser, beta), assigned)

    objects_of_each = lambda counts: sum(max(p, 1) for p, _ in counts)
    hand("mmdetection_retina", "retina", mm(0.5, 0.4, 0.0), objects_of_each)
    hand("mmdetection_retina_ignored", "retina", mm(0.5, 0.4, 0.0, 0.5), objects_of_each)
    hand("detectron2_retina", "retina", own(0.5, 0.4), lambda counts: 0.9 * 100 + 0.1 * max(sum(p for p, _ in counts), 1))
    hand("mmdetection_rpn", "rpn", mm(0.7, 0.3, 0.3), lambda counts: sum(max(p, 1) + max(n, 1) for p, n in counts))
    hand("mmdetection_cascade_rpn", "rpn", mm(0.7, 0.3, 0.3, border=0), lambda counts: sum(max(p, 1) + max(n, 1) for p, n in counts), beta=1 / 9)
    hand("detectron2_rpn", "rpn", own(0.7, 0.3), lambda counts: 4096 * len(counts))

    def torchvision_retina(own_logits, own_deltas):
        head = RetinaNetHead(4, ANCHORS, CLASSES)
        matched = own(0.5, 0.4)
        targets = [{"boxes": b, "labels": l} for b, l in zip(boxes, labels)]
        found = head.compute_loss(targets, {"cls_logits": own_logits, "bbox_regression": own_deltas}, [anchors] * len(SIZES), matched)
        return found["classification"], found["bbox_regression"]

    def torchvision_rpn(own_logits, own_deltas):
        network = RegionProposalNetwork(None, None, 0.7, 0.3, 4096, 0.5, {}, {}, 0.7)
        targets = [{"boxes": b} for b in boxes]
        own_labels, matched = network.assign_targets_to_anchors([anchors] * len(SIZES), targets)
        wanted = network.box_coder.encode(matched, [anchors] * len(SIZES))
        return network.compute_loss(own_logits.reshape(-1, 1), own_deltas.reshape(-1, 4), own_labels, list(wanted))

    case("torchvision_retina", torchvision_retina)
    case("torchvision_rpn", torchvision_rpn)
    write(sys.argv[1] if len(sys.argv) > 1 else "dense_loss.safetensors", out)


main()
