"""Whole detectors: the networks with selection of boxes as mmdetection 3 does it, one picture a batch, in network pixels.

Written so that the same module runs in torch and, exported, in ONNX Runtime and OpenVINO: counts are padded to their bounds (1000 proposals, 100
detections), as a deployed graph has them; the padding repeats the best box, which suppression then drops.
"""
import math

import torch
import torch.nn as nn
from torchvision.ops import nms, roi_align

from .networks import Backbone, BoxHead, Fpn, MaskHead, RetinaHead, RpnHead

LIMIT = math.log(1000 / 16)  # of the change of a box's width and height


def anchors(stride, height, width, scales, ratios):
    """Boxes [height * width * len(ratios) * len(scales), 4] in the order (y, x, ratio, scale)."""
    base = []
    for ratio in ratios:
        for scale in scales:
            w, h = stride * scale / math.sqrt(ratio), stride * scale * math.sqrt(ratio)
            base.append([-w / 2, -h / 2, w / 2, h / 2])
    x, y = torch.arange(width) * stride, torch.arange(height) * stride
    shifts = torch.stack(torch.broadcast_tensors(x[None, :], y[:, None], x[None, :], y[:, None]), -1).reshape(-1, 1, 4)
    return (shifts + torch.tensor(base)).reshape(-1, 4)


def decode(boxes, deltas, height, width):
    """Boxes moved by deltas and clipped to the picture."""
    size, centre = boxes[:, 2:] - boxes[:, :2], (boxes[:, 2:] + boxes[:, :2]) * 0.5
    centre = centre + deltas[:, :2] * size
    half = size * torch.exp(deltas[:, 2:].clamp(-LIMIT, LIMIT)) * 0.5
    low, high = centre - half, centre + half
    return torch.stack([low[:, 0].clamp(0, width), low[:, 1].clamp(0, height), high[:, 0].clamp(0, width), high[:, 1].clamp(0, height)], 1)


def suppress(boxes, scores, labels, threshold, count):
    """Indices [count] of boxes that survive within their label, falling score, padded with the best."""
    kept = nms(boxes + (labels * 4096).to(boxes.dtype)[:, None], scores, threshold)
    return torch.cat([kept, kept[:1].expand(count)])[:count].reshape(count)


class Detector(nn.Module):
    def __init__(self, backbone, start, extra, height, width):
        super().__init__()
        self.backbone = Backbone(backbone)
        self.neck = Fpn(self.backbone.widths, start, extra)
        self.height, self.width = height, width

    def candidates(self, level, logits, deltas, limit):
        """The best `limit` scores of one level: score logits, channels they are in, decoded boxes."""
        classes = logits.shape[1] * 4 // deltas.shape[1]
        flat = logits[0].permute(1, 2, 0).reshape(-1)
        scores, index = flat.topk(min(limit, flat.shape[0]))
        cell = index // classes
        boxes = decode(getattr(self, f"anchors{level}")[cell], deltas[0].permute(1, 2, 0).reshape(-1, 4)[cell], self.height, self.width)
        return scores.sigmoid(), index % classes, boxes

    def add_anchors(self, finest, scales):
        for level in range(5):
            stride = finest << level
            # P6 of a pooled pyramid and every later map halve, rounding up
            height, width = -(-self.height // stride), -(-self.width // stride)
            self.register_buffer(f"anchors{level}", anchors(stride, height, width, scales, (0.5, 1.0, 2.0)), persistent=False)


class RetinaNet(Detector):
    """image -> boxes [100, 4], scores [100], labels [100]; scores of padding and at most .05 are 0."""

    def __init__(self, backbone, height, width):
        super().__init__(backbone, 1, "convs", height, width)
        self.bbox_head = RetinaHead()
        self.add_anchors(8, [4 * 2 ** (i / 3) for i in range(3)])

    def dense(self, image):
        return self.bbox_head(self.neck(self.backbone(image)))

    def forward(self, image):
        logits, deltas = self.dense(image)
        levels = [self.candidates(i, logits[i], deltas[i], 1000) for i in range(5)]
        scores, labels, boxes = (torch.cat(parts) for parts in zip(*levels))
        kept = suppress(boxes, scores, labels, 0.5, 100)
        return boxes[kept], scores[kept] * (scores[kept] > 0.05), labels[kept]


class Rcnn(Detector):
    """image -> boxes [100, 4], scores [100], labels [100] and, with masks, probabilities [100, 28, 28]."""

    def __init__(self, backbone, height, width, masks):
        super().__init__(backbone, 0, "pool", height, width)
        self.rpn_head = RpnHead()
        self.roi_head = nn.Module()
        self.roi_head.bbox_head = BoxHead()
        if masks:
            self.roi_head.mask_head = MaskHead()
        self.masks = masks
        self.add_anchors(4, [8.0])

    def dense(self, image):
        return self.rpn_head(self.neck(self.backbone(image)))

    def pool(self, pyramid, boxes, side):
        """Regions of boxes, level by level, and the order in which the boxes then are."""
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        level = torch.floor(torch.log2(area.sqrt() / 56 + 1e-6)).clamp(0, 3)
        order, regions = [], []
        for i in range(4):
            index = torch.nonzero(level == i).squeeze(1)
            rois = torch.cat([torch.zeros_like(boxes[index][:, :1]), boxes[index]], 1)
            regions.append(roi_align(pyramid[i], rois, (side, side), 1 / (4 << i), 0, True))
            order.append(index)
        count = boxes.shape[0]
        return torch.cat(regions).reshape(count, 256, side, side), torch.cat(order).reshape(count)

    def forward(self, image):
        pyramid = self.neck(self.backbone(image))
        logits, deltas = self.rpn_head(pyramid)
        levels = [self.candidates(i, logits[i], deltas[i], 1000) for i in range(5)]
        scores, boxes = torch.cat([part[0] for part in levels]), torch.cat([part[2] for part in levels])
        level = torch.cat([torch.full_like(part[1], i) for i, part in enumerate(levels)])
        proposals = boxes[suppress(boxes, scores, level, 0.7, 1000)]

        regions, order = self.pool(pyramid, proposals, 7)
        proposals = proposals[order]
        logits, deltas = self.roi_head.bbox_head(regions)
        probabilities = logits.softmax(1)[:, :80]
        row, label = torch.nonzero(probabilities > 0.05).unbind(1)
        scores = probabilities[row, label]
        boxes = decode(proposals[row], deltas.reshape(-1, 80, 4)[row, label] * deltas.new_tensor([0.1, 0.1, 0.2, 0.2]), self.height, self.width)
        kept = suppress(boxes, scores, label, 0.5, 100)
        boxes, scores, labels = boxes[kept], scores[kept], label[kept]
        if not self.masks:
            return boxes, scores, labels
        regions, order = self.pool(pyramid, boxes, 14)
        boxes, scores, labels = boxes[order], scores[order], labels[order]
        chosen = self.roi_head.mask_head(regions)[torch.arange(100, device=labels.device), labels]
        return boxes, scores, labels, chosen.sigmoid()


class Part(nn.Module):
    """Only the backbone's last map, or the dense part's maps, of a detector."""

    def __init__(self, whole, part):
        super().__init__()
        self.whole, self.part = whole, part

    def forward(self, image):
        if self.part == "backbone":
            return self.whole.backbone(image)[3]
        logits, deltas = self.whole.dense(image)
        return tuple(logits) + tuple(deltas)
