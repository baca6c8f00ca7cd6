"""Prints mmdet3d_steps.hpp: one step of training of PointPillars by mmdetection3d's own modules, for the tests of detector3d_teacher.hpp.

    REGULUS_SHARED=../../../shared MMDETECTION3D=<its source tree> python3 mmdet3d_steps.py > mmdet3d_steps.hpp

Made with mmdetection3d 1.4.0, mmdetection 3.3.0, mmengine 0.10.7, mmcv-lite 2.1.0 (without compiled operations; pip's --no-deps, then addict, pyyaml, yapf, termcolor, rich, six and
terminaltables) and torch 2.15. For what those import and a step does not use stand names without content. How far torch's own float32 is off goes to stderr.

Detectors are built from mmdetection3d's configurations with a range of 16 m around the scanner instead of 50, 70 or 80, so that a step is small. Weights are seeded by their names (golden.py's rule), those
of the head a tenth of it; the logits' biases are 3 less, so that the few anchors with a truth count beside the others. Points and truths by the formulas below, pillars by mmcv's rule for
hard voxels. Network and losses in float64 (the head's casts to float32 are left out, its naiveSyncBN is the batch norm that it is in one process); anchors, overlaps and
targets in float32, as mmdetection3d makes them.
"""
import os
import sys
import warnings

import numpy as np
import torch

sys.path.insert(0, os.path.join(os.environ["REGULUS_SHARED"], "golden"))
sys.path.insert(0, os.environ["MMDETECTION3D"])
import golden
from absent_modules import Finder

REACH, MAX_PILLARS = 16, 600

# Truths of each cloud: label, x, y, z of the bottom, length, width, height, yaw, vx, vy.
TRUTHS = [
    [[0, 3.1, 4.2, -1.7, 4.5, 1.9, 1.6, 0.2, 3, 0.5],
     [1, -6.3, 7.1, -1.6, 9.4, 2.7, 3.1, 1.4, 0, -4],
     [7, 9.3, -5.4, -1.8, 0.7, 0.8, 1.75, -2.6, 1, -0.5],
     [8, 9.9, -5.6, -1.75, 0.4, 0.45, 1, 0, 0, 0],
     [6, -9.2, -9.7, -1.5, 2.1, 0.8, 1.4, -1.2, -2, 6],
     [0, 3.9, 5.1, -1.65, 4.9, 2.1, 1.5, -3, -5, 0.25]],
    [[3, 1.3, -8.4, -1.6, 11.2, 2.9, 3.4, 3, 8, -1],
     [5, -3.2, 2.6, -1.7, 1.75, 0.6, 1.3, 1.7, 0.5, 3],
     [8, 12.6, 11.9, -1.8, 0.5, 2.4, 1, 2.3, 0, 0],
     [2, -12.7, -10.1, -1.5, 6.4, 2.3, 2.5, -0.4, 0, 0]],
    [],
]

# Of KITTI's classes: three close together, one turned half away from another's anchors, and clouds that lack a class or all.
KITTI_TRUTHS = [
    [[2, 3.1, 4.2, -1.7, 4.1, 1.7, 1.5, 0.2, 0, 0],
     [0, 3.9, 6.1, -0.7, 0.7, 0.65, 1.75, -2.6, 0, 0],
     [0, 9.9, -5.6, -0.6, 0.9, 0.5, 1.8, 0.7, 0, 0],
     [1, -6.2, 7.1, -0.65, 1.8, 0.6, 1.7, 1.4, 0, 0],
     [2, 4.6, 9.3, -1.8, 3.6, 1.55, 1.6, -1.2, 0, 0],
     [2, -9.2, -9.7, -1.6, 4.4, 1.8, 1.45, 2.9, 0, 0]],
    [[1, 1.3, -8.4, -0.55, 1.65, 0.55, 1.75, 3, 0, 0],
     [1, 2.1, -8.1, -0.6, 1.8, 0.7, 1.8, -3, 0, 0],
     [0, 12.6, 11.9, -0.5, 0.85, 0.7, 1.6, 2.3, 0, 0]],
    [],
]


def numbers(name, count):
    """Numbers of a name between -0.5 and 0.5."""
    return golden.seeded_value(name + ".weight", (count,)).astype(np.float64) - 1


def cloud(n, truths):
    """Rows x, y, z, seconds or reflectance: of one pillar more than it holds, on every truth, over the ground and beyond."""
    def rows(name, count, centre, extent):
        return numbers("%s.%d" % (name, n), 4 * count).reshape(count, 4) * extent + centre

    parts = [rows("pillar", 90, [2.125, -3.375, -1, 0.25], [0.2, 0.2, 2, 0.5])]
    for i, (_, x, y, z, length, width, height, *_) in enumerate(truths):
        extent = min(length, width) + 0.5
        parts.append(rows("truth.%d" % i, 40, [x, y, z + 0.5, 0.25], [extent, extent, 1, 0.5]))
    parts.append(rows("ground", 700 + 60 * n, [0, 0, -1.75, 0.25], [2 * REACH + 1, 2 * REACH + 1, 0.5, 0.5]))
    return np.concatenate(parts).astype(np.float32)


def pillars(points, layer):
    """The cells of a cloud, as wide and as high as the configuration's layer has them, in the order of their first points: rows [cells, max_points, 4], cells as 0, y, x, and how many points each holds."""
    found, voxels, cells, count = {}, [], [], []
    low, high = np.split(np.float32(layer["point_cloud_range"]), 2)
    max_points = layer["max_num_points"]
    for point in points:
        if not (np.all(point[:3] > low) and np.all(point[:3] < high)):
            continue
        x, y, _ = np.floor((point[:3] - low) / np.float32(layer["voxel_size"])).astype(int)
        if (y, x) not in found:
            if len(voxels) == MAX_PILLARS:
                continue
            found[y, x] = len(voxels)
            voxels.append(np.zeros((max_points, 4), np.float32))
            cells.append((0, y, x))
            count.append(0)
        at = found[y, x]
        if count[at] < max_points:
            voxels[at][count[at]] = point
            count[at] += 1
    return np.stack(voxels), np.array(cells), np.array(count)


def within_reach(config):
    """The configuration with its ranges cut and with plain batch norms."""
    if isinstance(config, dict):
        changed = {key: within_reach(value) for key, value in config.items()}
        if str(changed.get("type", "")).startswith("naiveSyncBN"):
            changed["type"] = changed["type"].replace("naiveSync", "")
        if "point_cloud_range" in changed:
            x, y, low, *_, high = changed["point_cloud_range"]
            changed["point_cloud_range"] = [-REACH, -REACH, low, REACH, REACH, high]
        if "ranges" in changed:  # of anchors; nuScenes' SECFPN models leave 0.4 m at the rim
            reach = REACH - 0.4 if changed["ranges"][0][3] == 49.6 else REACH
            changed["ranges"] = [[-reach, -reach, z, reach, reach, z] for _, _, z, *_ in changed["ranges"]]
        return changed
    return [within_reach(value) for value in config] if isinstance(config, (list, tuple)) else config


def short_name(key):
    """The first two parts of a parameter's name."""
    return ".".join(key.replace("pfn_layers", "vfe_layers").split(".")[:2])


def run(config, dtype, changes):
    from mmengine.config import Config, ConfigDict
    from mmengine.structures import InstanceData
    from mmdet3d.models.dense_heads import anchor3d_head
    from mmdet3d.registry import MODELS
    from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes

    anchor3d_head.cast_tensor_type = lambda tensors, **_: tensors
    whole = within_reach(Config.fromfile(os.path.join(os.environ["MMDETECTION3D"], "configs", config + ".py")).model.to_dict())
    layer = whole["data_preprocessor"]["voxel_layer"]
    prefix = "pts_" if "pts_bbox_head" in whole else ""
    all_truths = TRUTHS if prefix else KITTI_TRUTHS
    whole["data_preprocessor"] = {"type": "Det3DDataPreprocessor"}
    whole[prefix + "voxel_encoder"].update(changes)
    whole[prefix + "middle_encoder"]["output_shape"] = [round(2 * REACH / layer["voxel_size"][0])] * 2
    model = MODELS.build(ConfigDict(whole))
    with torch.no_grad():
        for key, value in model.state_dict().items():
            value.copy_(torch.from_numpy(golden.seeded_value(key.replace("pfn_layers", "vfe_layers") if prefix else key, value.shape)))
            if key.startswith(prefix + "bbox_head") and key.endswith("weight"):
                value.mul_(0.1)
            if key.endswith("conv_cls.bias"):
                value.sub_(3)
    model = model.to(dtype).train()
    started = {key: value.clone() for key, value in model.state_dict().items() if "running_" in key}

    code = getattr(model, prefix + "bbox_head").box_code_size
    made = [pillars(cloud(n, truths), layer) for n, truths in enumerate(all_truths)]
    voxels = {"voxels": torch.from_numpy(np.concatenate([v for v, _, _ in made])).to(dtype), "num_points": torch.from_numpy(np.concatenate([c for _, _, c in made])),
              "coors": torch.from_numpy(np.concatenate([np.insert(cells, 0, n, axis=1) for n, (_, cells, _) in enumerate(made)]))}
    samples = []
    for truths in all_truths:
        sample = Det3DDataSample()
        boxes = LiDARInstance3DBoxes(torch.tensor([t[1:1 + code] for t in truths]).reshape(-1, code), box_dim=code)
        sample.gt_instances_3d = InstanceData(bboxes_3d=boxes, labels_3d=torch.tensor([t[0] for t in truths], dtype=torch.long))
        samples.append(sample)
    losses = model.loss({"points": None, "imgs": None, "voxels": voxels}, samples)
    sum(sum(level) for level in losses.values()).backward()

    parts = {}
    for key, parameter in model.named_parameters():
        gradient = parameter.grad.double().numpy().ravel()
        sums = parts.setdefault(short_name(key), [0.0, 0.0, 0.0])
        sums[0] += np.dot(gradient, gradient)
        sums[1] += np.dot(gradient, 2 * golden.uniforms("signs", gradient.size) - 1)
    for key, value in started.items():
        sums = parts[short_name(key)]
        sums[2] += (model.state_dict()[key] - value).double().pow(2).sum().item()
    return [sum(losses[key]).item() for key in ("loss_cls", "loss_bbox", "loss_dir")], [(key, s[0] ** 0.5, s[1], s[2] ** 0.5) for key, s in sorted(parts.items())]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(2)
    sys.meta_path.append(Finder())
    import mmdet3d.models  # registers them
    from mmengine.registry import init_default_scope

    init_default_scope("mmdet3d")

    print("#pragma once\n// Made by mmdet3d_steps.py: losses in the order of StepLosses; by part of mmdetection3d's model the norm of the gradients, their product with the numbers of \"signs\", and how far the\n// running statistics moved.\n#include <vector>\n")
    print("struct Mmdet3dPart {\n    const char* name;\n    double norm, product, moved;\n};\n\nstruct Mmdet3dStep {\n    const char* model;\n    const char* pillar_net;\n    std::vector<double> losses;\n    std::vector<Mmdet3dPart> parts;\n};\n")
    print("inline const Mmdet3dStep mmdet3d_steps[] = {")
    fpn = "regnet/pointpillars_hv_regnet-400mf_fpn_sbn-all_8xb4-2x_nus-3d"
    lyft, nuscenes = "pointpillars/pointpillars_hv_secfpn_sbn-all_8xb2-2x_lyft-3d", "pointpillars/pointpillars_hv_secfpn_sbn-all_8xb4-2x_nus-3d"
    kitti = "pointpillars/pointpillars_hv_secfpn_8xb6-160e_kitti-3d-3class"
    net = {"type": "PillarFeatureNet", "feat_channels": [128, 64]}  # its hidden layers have half as many
    for config, changes in ((fpn, {}), (lyft, {}), (nuscenes, {}), (nuscenes, dict(net, mode="max")), (nuscenes, dict(net, mode="avg")), (kitti, {"type": "PillarFeatureNet"})):
        losses, parts = run(config, torch.float64, changes)
        name = " ".join((changes.get("type", "HardVFE"), changes.get("mode", "max")))
        print('    {"%s",\n     "%s",\n     {%s},\n     {%s}},' % (config.split("/")[1], name, ", ".join("%.9g" % x for x in losses), ",\n      ".join('{"%s", %.9g, %.9g, %.9g}' % x for x in parts)))
        less = run(config, torch.float32, changes)
        off = [(a[0], "%.1e" % (b[1] / a[1] - 1), "%.1e" % ((b[2] - a[2]) / a[1]), "%.1e" % (b[3] - a[3])) for a, b in zip(parts, less[1])]
        print(config, name, "in float32 is off by", ["%.1e" % (b / a - 1) for a, b in zip(losses, less[0])], off, file=sys.stderr)
    print("};")
