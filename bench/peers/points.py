"""PointPillars as torch modules under mmdetection3d's names, the street that `regulus bench` makes up, and voxels as mmdetection3d hands them to its pillar net.

Two parts are compared: the pillar net over padded voxels, and the dense part from the canvas to the head's maps.
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from .networks import REGNETX, Block
from .seeded import uniforms


class Grid:
    def __init__(self, low, high, size, max_points, max_pillars):
        self.low, self.high, self.size = (np.array(numbers, np.float32) for numbers in (low, high, size))
        self.max_points, self.max_pillars = max_points, max_pillars
        self.cells = ((self.high - self.low) / self.size + np.float32(0.5)).astype(np.int64)  # along x, y, z


NUSCENES = Grid((-50, -50, -5), (50, 50, 3), (0.25, 0.25, 8), 64, 40000)
LYFT = Grid((-80, -80, -5), (80, 80, 3), (0.25, 0.25, 8), 20, 60000)
KITTI = Grid((0, -39.68, -3), (69.12, 39.68, 1), (0.16, 0.16, 4), 32, 40000)


def street(count):
    """[count, 4]: x, y, z, age. The points of the tool's examples/street.hpp, number for number but for the last bit of a sine."""
    beams, columns, pi = 32, 940, 3.14159265358979
    turns = -(-count // beams)
    column = np.arange(turns)
    sweep, turn = (column // columns).astype(np.float64), (column % columns).astype(np.float64)
    drawn = uniforms("cloud", turns * (1 + 2 * beams), 1).reshape(turns, 1 + 2 * beams) - 0.5
    azimuth = 2 * pi * (turn + 0.37 * sweep) / columns
    wall = 30 + 12 * np.sin(3 * azimuth) + 5 * np.sin(17 * azimuth) + drawn[:, 0]
    thing = 6 + 18 * uniforms("thing", columns // 23 + 1, 1)[(column % columns) // 23]
    wall = np.where(column % columns % 23 < 6, thing, wall)
    elevation = (-30.0 + 40.0 * np.arange(beams) / (beams - 1)) * pi / 180
    ground = np.where(elevation < -0.01, 1.8 / np.tan(np.where(elevation < -0.01, -elevation, 1.0)), 1e9)
    distance = np.minimum(np.minimum(ground[None, :], wall[:, None]), 70.0) + 0.3 * drawn[:, 1::2]
    points = np.stack(
        [
            distance * np.cos(azimuth)[:, None] - 0.5 * sweep[:, None],
            distance * np.sin(azimuth)[:, None],
            np.minimum(distance, 70.0) * np.tan(elevation)[None, :] + 0.05 * drawn[:, 2::2],
            np.broadcast_to(0.05 * sweep[:, None], distance.shape),
        ],
        -1,
    )
    return points.astype(np.float32).reshape(-1, 4)[:count]


def voxels(points, grid):
    """Voxels [v, max_points, 4] padded with zeros, how many points each stores [v], their cells [v, 3] as z, y, x: mmcv's hard voxelisation."""
    points = points[((points[:, :3] > grid.low) & (points[:, :3] < grid.high)).all(1)]
    cell = np.floor((points[:, :3] - grid.low) / grid.size).astype(np.int64)
    inside = (cell < grid.cells).all(1)
    points, cell = points[inside], cell[inside]
    key = (cell[:, 2] * grid.cells[1] + cell[:, 1]) * grid.cells[0] + cell[:, 0]
    _, first, voxel = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))  # of voxels by their first point
    voxel = order[voxel]
    by_voxel = np.argsort(voxel, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(voxel))])
    slot = np.empty(len(voxel), np.int64)
    slot[by_voxel] = np.arange(len(voxel)) - start[voxel[by_voxel]]
    stored = (slot < grid.max_points) & (voxel < grid.max_pillars)
    count = min(len(first), grid.max_pillars)
    padded = np.zeros((count, grid.max_points, 4), np.float32)
    padded[voxel[stored], slot[stored]] = points[stored]
    cells = cell[np.sort(first)[:count]][:, ::-1].astype(np.int32).copy()
    return padded, np.minimum(np.bincount(voxel), grid.max_points)[:count].astype(np.int32), cells


class PillarLayer(nn.Module):
    def __init__(self, src, dst):
        super().__init__()
        self.linear, self.norm = nn.Linear(src, dst, bias=False), nn.BatchNorm1d(dst, eps=1e-3)

    def forward(self, x):
        y = self.linear(x)
        return F.relu(self.norm(y.permute(0, 2, 1)).permute(0, 2, 1))


class PillarNet(nn.Module):
    """voxels [v, slots, 4], counts [v], cells [v, 3] -> [v, 64]. `legacy`: PillarFeatureNet, whose rows begin with the offset from the centre."""

    def __init__(self, grid, units, legacy):
        super().__init__()
        widths = [10] + [2 * unit for unit in units]
        layers = nn.ModuleList(PillarLayer(src, dst) for src, dst in zip(widths, units))
        self.name = "pfn_layers" if legacy else "vfe_layers"
        self.legacy = legacy
        setattr(self, self.name, layers)
        self.size = [float(size) for size in grid.size]
        self.start = [float(size) / 2 + float(low) for size, low in zip(grid.size, grid.low)]

    def forward(self, voxels, counts, cells):
        number = counts.to(voxels.dtype).view(-1, 1, 1)
        place = voxels[:, :, :3]
        from_mean = place - place.sum(1, keepdim=True) / number
        centre = torch.stack([cells[:, 2 - axis].to(voxels.dtype) * self.size[axis] + self.start[axis] for axis in range(3)], 1).unsqueeze(1)
        from_centre = place - centre
        rows = torch.cat([from_centre if self.legacy else place, voxels[:, :, 3:], from_mean, from_centre], 2)
        filled = torch.arange(voxels.shape[1], dtype=torch.int32).view(1, -1) < counts.view(-1, 1)
        x = rows * filled.unsqueeze(2).to(rows.dtype)
        layers = getattr(self, self.name)
        for i, layer in enumerate(layers):
            x = layer(x)
            best = x.max(1, keepdim=True)[0]
            if i + 1 == len(layers):
                return best.squeeze(1)
            x = torch.cat([x, best.expand_as(x)], 2)


def unit(src, dst, stride):
    return [nn.Conv2d(src, dst, 3, stride, 1, bias=False), nn.BatchNorm2d(dst, eps=1e-3), nn.ReLU()]


class Second(nn.Module):
    widths = (64, 128, 256)

    def __init__(self):
        super().__init__()
        blocks = []
        for src, dst, more in ((64, 64, 3), (64, 128, 5), (128, 256, 5)):
            blocks.append(nn.Sequential(*unit(src, dst, 2), *(part for _ in range(more) for part in unit(dst, dst, 1))))
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x):
        maps = []
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        return maps


class NoStemRegNet(nn.Module):
    """RegNetX whose first stage takes the canvas as it is; the maps of the last three, strides 2, 4, 8."""

    def __init__(self, name):
        super().__init__()
        widths, depths, group_width = REGNETX[name]
        self.widths = widths[1:]
        src = 64
        for stage, (width, depth) in enumerate(zip(widths, depths)):
            blocks = []
            for block in range(depth):
                blocks.append(Block(src, width, width, 2 if block == 0 and stage > 0 else 1, width // min(group_width, width)))
                src = width
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 1e-3

    def forward(self, x):
        maps = []
        for stage in range(4):
            x = getattr(self, f"layer{stage + 1}")(x)
            maps.append(x)
        return maps[1:]


class Unit(nn.Module):
    def __init__(self, src, dst, kernel):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(src, dst, kernel, 1, kernel // 2, bias=False), nn.BatchNorm2d(dst, eps=1e-3)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class Fpn(nn.Module):
    channels = 256

    def __init__(self, widths):
        super().__init__()
        self.lateral_convs = nn.ModuleList(Unit(width, 256, 1) for width in widths)
        self.fpn_convs = nn.ModuleList(Unit(256, 256, 3) for _ in widths)

    def forward(self, maps):
        merged = [lateral(x) for lateral, x in zip(self.lateral_convs, maps)]
        for i in range(len(merged) - 1, 0, -1):
            merged[i - 1] = merged[i - 1] + F.interpolate(merged[i], size=merged[i - 1].shape[2:], mode="nearest")
        return [conv(x) for conv, x in zip(self.fpn_convs, merged)]


class SecondFpn(nn.Module):
    channels = 384

    def __init__(self, widths):
        super().__init__()
        self.deblocks = nn.ModuleList(
            nn.Sequential(nn.ConvTranspose2d(width, 128, 1 << i, 1 << i, bias=False), nn.BatchNorm2d(128, eps=1e-3), nn.ReLU()) for i, width in enumerate(widths)
        )

    def forward(self, maps):
        return [torch.cat([block(x) for block, x in zip(self.deblocks, maps)], 1)]


class Head(nn.Module):
    def __init__(self, channels, anchors, classes, code):
        super().__init__()
        self.conv_cls, self.conv_reg, self.conv_dir_cls = (nn.Conv2d(channels, anchors * numbers, 1) for numbers in (classes, code, 2))

    def forward(self, maps):
        return tuple(conv(x) for conv in (self.conv_cls, self.conv_reg, self.conv_dir_cls) for x in maps)


class Detector(nn.Module):
    """All parameters of a PointPillars; forward() is the dense part: canvas [1, 64, y, x] -> logits, deltas and directions of each level."""

    def __init__(self, grid, units, backbone, neck, anchors, classes, code, legacy=False):
        super().__init__()
        prefix = "" if legacy else "pts_"
        backbone = Second() if backbone == "second" else NoStemRegNet(backbone)
        neck = (Fpn if neck == "fpn" else SecondFpn)(backbone.widths)
        parts = (PillarNet(grid, units, legacy), backbone, neck, Head(neck.channels, anchors, classes, code))
        self.names = [prefix + name for name in ("voxel_encoder", "backbone", "neck", "bbox_head")]
        for name, part in zip(self.names, parts):
            setattr(self, name, part)

    def part(self, which):
        return getattr(self, self.names[which])

    def forward(self, canvas):
        return self.part(3)(self.part(2)(self.part(1)(canvas)))


def fold_batch_norms(module):
    """Every batch norm moves into the layer before it, in place."""
    from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

    for part in module.modules():
        if isinstance(part, PillarLayer):
            part.linear, part.norm = fuse_linear_bn_eval(part.linear, part.norm), nn.Identity()
        elif isinstance(part, Unit):
            part.conv, part.bn = fuse_conv_bn_eval(part.conv, part.bn), nn.Identity()
        elif isinstance(part, Block):
            for i in (1, 2, 3):
                setattr(part, f"conv{i}", fuse_conv_bn_eval(getattr(part, f"conv{i}"), getattr(part, f"bn{i}")))
                setattr(part, f"bn{i}", nn.Identity())
            if part.downsample is not None:
                part.downsample = nn.Sequential(fuse_conv_bn_eval(*part.downsample))
        elif isinstance(part, nn.Sequential):
            layers = list(part)
            for i, layer in enumerate(layers[1:], 1):
                if isinstance(layer, nn.BatchNorm2d):
                    part[i - 1] = fuse_conv_bn_eval(part[i - 1], layer, transpose=isinstance(part[i - 1], nn.ConvTranspose2d))
                    part[i] = nn.Identity()
    return module
