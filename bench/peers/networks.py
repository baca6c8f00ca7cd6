"""The networks of the comparison as torch modules under mmdetection's names: RegNetX and ResNet backbones, FPN, the heads.

Shapes as in mmdetection's configs (COCO, 80 classes). The modules hold parameters and the dense part only; what selects boxes is in detectors.py.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

# stage widths, blocks, group width (Radosavovic et al., Designing Network Design Spaces, CVPR 2020)
REGNETX = {
    "400MF": ((32, 64, 160, 384), (1, 2, 7, 12), 16),
    "800MF": ((64, 128, 288, 672), (1, 3, 7, 5), 16),
    "1.6GF": ((72, 168, 408, 912), (2, 4, 10, 2), 24),
    "3.2GF": ((96, 192, 432, 1008), (2, 6, 15, 2), 48),
    "4GF": ((80, 240, 560, 1360), (2, 5, 14, 2), 40),
    "8GF": ((80, 240, 720, 1920), (2, 5, 15, 1), 120),
}


class Block(nn.Module):
    """1x1, 3x3 (grouped), 1x1, each with batch norm, added to a shortcut: RegNetX's block and ResNet's bottleneck."""

    def __init__(self, src, mid, dst, stride, groups):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(src, mid, 1, bias=False), nn.BatchNorm2d(mid)
        self.conv2, self.bn2 = nn.Conv2d(mid, mid, 3, stride, 1, groups=groups, bias=False), nn.BatchNorm2d(mid)
        self.conv3, self.bn3 = nn.Conv2d(mid, dst, 1, bias=False), nn.BatchNorm2d(dst)
        self.downsample = None
        if src != dst or stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(src, dst, 1, stride, bias=False), nn.BatchNorm2d(dst))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Backbone(nn.Module):
    """image [n, 3, h, w] -> four maps with strides 4, 8, 16, 32. `name` is "R-50" or a key of REGNETX."""

    def __init__(self, name):
        super().__init__()
        self.pools = name == "R-50"
        if self.pools:
            self.widths, depths, stem, kernel = (256, 512, 1024, 2048), (3, 4, 6, 3), 64, 7
        else:
            (self.widths, depths, group_width), stem, kernel = REGNETX[name], 32, 3
        self.conv1, self.bn1 = nn.Conv2d(3, stem, kernel, 2, kernel // 2, bias=False), nn.BatchNorm2d(stem)
        src = stem
        for stage, (width, depth) in enumerate(zip(self.widths, depths)):
            mid = width // 4 if self.pools else width
            groups = 1 if self.pools else width // min(group_width, width)
            strides = [1 if self.pools and stage == 0 else 2] + [1] * (depth - 1)
            blocks = []
            for stride in strides:
                blocks.append(Block(src, mid, width, stride, groups))
                src = width
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        if self.pools:
            x = F.max_pool2d(x, 3, 2, 1)
        maps = []
        for stage in range(4):
            x = getattr(self, f"layer{stage + 1}")(x)
            maps.append(x)
        return maps


class Conv(nn.Module):
    """A convolution under mmdetection's name for one: `conv` inside a module."""

    def __init__(self, src, dst, kernel, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(src, dst, kernel, stride, kernel // 2)

    def forward(self, x):
        return self.conv(x)


class Fpn(nn.Module):
    """Backbone maps from `start` on -> five maps of 256 channels. extra "pool": P6 = every second pixel of P5; "convs": P6, P7 from C5."""

    def __init__(self, widths, start, extra):
        super().__init__()
        self.start, self.extra = start, extra
        used = widths[start:]
        self.lateral_convs = nn.ModuleList(Conv(width, 256, 1) for width in used)
        outputs = [Conv(256, 256, 3) for _ in used]
        if extra == "convs":
            outputs += [Conv(widths[-1], 256, 3, 2), Conv(256, 256, 3, 2)]
        self.fpn_convs = nn.ModuleList(outputs)

    def forward(self, maps):
        merged = [lateral(x) for lateral, x in zip(self.lateral_convs, maps[self.start:])]
        for i in range(len(merged) - 1, 0, -1):
            merged[i - 1] = merged[i - 1] + F.interpolate(merged[i], size=merged[i - 1].shape[2:], mode="nearest")
        pyramid = [conv(x) for conv, x in zip(self.fpn_convs, merged)]
        if self.extra == "pool":
            return pyramid + [F.max_pool2d(pyramid[-1], 1, 2)]
        for conv in self.fpn_convs[len(merged):]:
            pyramid.append(conv(maps[-1] if len(pyramid) == len(merged) else pyramid[-1]))
        return pyramid


class RpnHead(nn.Module):
    def __init__(self, anchors=3):
        super().__init__()
        self.rpn_conv = nn.Conv2d(256, 256, 3, padding=1)
        self.rpn_cls, self.rpn_reg = nn.Conv2d(256, anchors, 1), nn.Conv2d(256, 4 * anchors, 1)

    def forward(self, pyramid):
        shared = [F.relu(self.rpn_conv(x)) for x in pyramid]
        return [self.rpn_cls(x) for x in shared], [self.rpn_reg(x) for x in shared]


class RetinaHead(nn.Module):
    def __init__(self, anchors=9, classes=80):
        super().__init__()
        self.cls_convs = nn.ModuleList(Conv(256, 256, 3) for _ in range(4))
        self.reg_convs = nn.ModuleList(Conv(256, 256, 3) for _ in range(4))
        self.retina_cls, self.retina_reg = nn.Conv2d(256, anchors * classes, 3, padding=1), nn.Conv2d(256, anchors * 4, 3, padding=1)

    def forward(self, pyramid):
        logits, deltas = [], []
        for x in pyramid:
            a = b = x
            for conv in self.cls_convs:
                a = F.relu(conv(a))
            for conv in self.reg_convs:
                b = F.relu(conv(b))
            logits.append(self.retina_cls(a))
            deltas.append(self.retina_reg(b))
        return logits, deltas


class BoxHead(nn.Module):
    """regions [r, 256, 7, 7] -> class logits [r, classes + 1], deltas [r, 4 * classes]."""

    def __init__(self, classes=80):
        super().__init__()
        self.shared_fcs = nn.ModuleList([nn.Linear(256 * 7 * 7, 1024), nn.Linear(1024, 1024)])
        self.fc_cls, self.fc_reg = nn.Linear(1024, classes + 1), nn.Linear(1024, 4 * classes)

    def forward(self, regions):
        x = regions.flatten(1)
        for fc in self.shared_fcs:
            x = F.relu(fc(x))
        return self.fc_cls(x), self.fc_reg(x)


class MaskHead(nn.Module):
    """regions [r, 256, 14, 14] -> logits [r, classes, 28, 28]."""

    def __init__(self, classes=80):
        super().__init__()
        self.convs = nn.ModuleList(Conv(256, 256, 3) for _ in range(4))
        self.upsample, self.conv_logits = nn.ConvTranspose2d(256, 256, 2, 2), nn.Conv2d(256, classes, 1)

    def forward(self, x):
        for conv in self.convs:
            x = F.relu(conv(x))
        return self.conv_logits(F.relu(self.upsample(x)))


def fold_batch_norms(module):
    """Every batch norm moves into the convolution before it, in place, so that no runtime pays for it."""
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    for part in module.modules():
        if isinstance(part, (Block, Backbone)):
            for i in (1, 2, 3) if isinstance(part, Block) else (1,):
                setattr(part, f"conv{i}", fuse_conv_bn_eval(getattr(part, f"conv{i}"), getattr(part, f"bn{i}")))
                setattr(part, f"bn{i}", nn.Identity())
            if isinstance(part, Block) and part.downsample is not None:
                part.downsample = nn.Sequential(fuse_conv_bn_eval(*part.downsample))
    return module
