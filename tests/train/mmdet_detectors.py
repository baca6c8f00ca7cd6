"""Prints mmdet_detectors.hpp: one step of training of mmdetection's detectors by its own code, for the tests of detector_teacher.hpp.

    REGULUS_SHARED=../../../shared python3 mmdet_detectors.py > mmdet_detectors.hpp

Made with mmdetection 3.3.0, mmengine 0.10.7, mmcv-lite 2.1.0 (without compiled operations; pip's --no-deps, then what they import), torch 2.15 and torchvision 0.29, whose RoIAlign,
suppression and deformable convolution stand for mmcv's.
Weights are seeded by their names (golden.py's rule), those of the last layers and of offsets a tenth of it; pictures, boxes and masks by the formulas below. All anchors and all proposals are learnt
from, so that no random choice is made; nothing is frozen, norms take their batch's statistics. Numbers in float64, anchors and truths in float32. How far torch's own float32 is off goes
to stderr.
"""
import copy
import importlib
import os
import sys
import warnings

import numpy as np
import torch
import torchvision

sys.path.insert(0, os.path.join(os.environ["REGULUS_SHARED"], "golden"))
import golden
from absent_modules import Finder

N, HEIGHT, WIDTH = 2, 128, 160
LAST = tuple(name + ".weight" for name in ("rpn_cls", "rpn_reg", "fc_cls", "fc_reg", "retina_cls", "retina_reg", "conv_logits", "conv_offset"))


def roi_align(features, rois, size, scale=1.0, sampling_ratio=0, pool_mode="avg", aligned=True):
    assert pool_mode == "avg"
    return torchvision.ops.roi_align(features, rois.to(features.dtype), size, scale, sampling_ratio, aligned)


def modulated_deform_conv2d(features, offset, mask, weight, bias, stride, padding, dilation, groups, deform_groups):
    assert weight.shape[1] * groups == features.shape[1] and offset.shape[1] == 18 * deform_groups
    return torchvision.ops.deform_conv2d(features, offset, weight, bias, stride, padding, dilation, mask)


def batched_nms(boxes, scores, labels, config):
    assert config["type"] == "nms"
    apart = boxes + (labels.to(boxes) * (boxes.max() + 1))[:, None]
    kept = torchvision.ops.nms(apart.float(), scores.float(), config["iou_threshold"])
    return torch.cat([boxes[kept], scores[kept, None]], 1), kept


def pictures():
    i = torch.arange(N * 3 * HEIGHT * WIDTH, dtype=torch.int64)
    return (((i * 7919 + (i // WIDTH) * 104729) % 2003).to(torch.float64) / 1001 - 1).to(torch.float32).reshape(N, 3, HEIGHT, WIDTH)


def sample(n, name):
    from mmdet.structures import DetDataSample
    from mmdet.structures.mask import BitmapMasks, PolygonMasks
    from mmengine.structures import InstanceData

    boxes = torch.tensor([[8.5, 10.25, 70.75, 90.5], [60.0 + n, 30.0, 150.5, 120.0], [20.0, 84.0, 50.5, 110.25 - n]])
    one = DetDataSample(metainfo={"img_shape": (HEIGHT, WIDTH), "pad_shape": (HEIGHT, WIDTH), "batch_input_shape": (HEIGHT, WIDTH), "scale_factor": (1.0, 1.0)})
    one.gt_instances = InstanceData(bboxes=boxes, labels=torch.tensor([n, 16, 43]))
    if "poly" in name:
        rings = []
        for x1, y1, x2, y2 in boxes.double().tolist():
            xm, ym = (x1 + x2) / 2, (y1 + 2 * y2) / 3
            rings.append([np.array([x1, y1, x2, y1, x2, ym, xm, ym, xm, y2, x1, y2])])
        one.gt_instances.masks = PolygonMasks(rings, HEIGHT, WIDTH)
    elif "mask" in name:
        masks = np.zeros((3, HEIGHT, WIDTH), np.uint8)
        for m, (x1, y1, x2, y2) in enumerate(boxes.round().int().tolist()):
            masks[m, y1:(y1 + 2 * y2) // 3, x1:x2] = 1
            masks[m, y1:y2, x1:(x1 + x2) // 2] = 1
        one.gt_instances.masks = BitmapMasks(masks, HEIGHT, WIDTH)
    one.ignored_instances = InstanceData(bboxes=torch.zeros(0, 4))
    return one


def all_learnt_from(config):
    """The configuration with nothing frozen, and with samplers that take everything."""
    if isinstance(config, dict):
        changed = {key: all_learnt_from(value) for key, value in config.items()}
        if changed.get("type") == "RandomSampler":
            changed.update(num=64 if changed["add_gt_as_proposals"] else 10 ** 6, pos_fraction=1.0)
        if "frozen_stages" in changed:
            changed.update(frozen_stages=-1, norm_eval=False, init_cfg=None)
        if "max_per_img" in changed and "nms_pre" in changed and "nms" in changed:
            changed.update(nms_pre=500, max_per_img=40)
        return changed
    return [all_learnt_from(value) for value in config] if isinstance(config, (list, tuple)) else config


def run(name, dtype):
    import mmdet
    from mmdet.registry import MODELS
    from mmengine.config import Config, ConfigDict

    path = os.path.join(os.path.dirname(mmdet.__file__), ".mim", "configs", name + ".py")
    config = all_learnt_from(Config.fromfile(path).model.to_dict())
    config["backbone"]["init_cfg"] = None
    config["data_preprocessor"] = {"type": "DetDataPreprocessor"}
    model = MODELS.build(ConfigDict(config))
    golden.seed_module(model)
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if key.endswith(LAST):
                value.mul_(0.1)
    model = model.to(dtype).train()
    losses = model.loss(pictures().to(dtype), [sample(n, name) for n in range(N)])
    losses = {key: sum(value) if isinstance(value, list) else value for key, value in losses.items() if "loss" in key}
    sum(losses.values()).backward()
    norms = {}
    for key, parameter in model.named_parameters():
        if parameter.grad is not None:
            words = key.split(".")
            heads = words[0] == "roi_head"
            part = ".".join(words[:3] if heads and words[2].isdigit() else words[:2] if heads or words[0] == "bbox_head" else words[:1])
            norms[part] = norms.get(part, 0.0) + parameter.grad.double().pow(2).sum().item()
    return sorted((key, value.item()) for key, value in losses.items()), sorted((key, value ** 0.5) for key, value in norms.items())


def pairs(values):
    return ", ".join('{"%s", %.9g}' % x for x in values)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(2)
    sys.meta_path.append(Finder())
    import mmdet.models
    from mmengine.registry import init_default_scope

    init_default_scope("mmdet")
    for module in ("mmcv.ops.roi_align", "mmdet.structures.mask.structures"):
        importlib.import_module(module).roi_align = roi_align
    importlib.import_module("mmdet.models.dense_heads.rpn_head").batched_nms = batched_nms
    importlib.import_module("mmcv.ops.modulated_deform_conv").modulated_deform_conv2d = modulated_deform_conv2d
    layer = importlib.import_module("mmcv.ops.roi_align").RoIAlign
    layer.forward = lambda self, features, rois: roi_align(features, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.pool_mode, self.aligned)

    print("#pragma once\n// Made by mmdet_detectors.py: mmdetection's losses, and the norms of the gradients by part of its model.\n#include <string>\n#include <utility>\n#include <vector>\n")
    print("struct MmdetDetector {\n    const char* model;\n    std::vector<std::pair<std::string, double>> losses;\n    std::vector<std::pair<std::string, double>> norms;\n};\n")
    print("inline const MmdetDetector mmdet_detectors[] = {")
    for name in ("retinanet_regnetx-800MF_fpn_1x_coco", "faster-rcnn_regnetx-400MF_fpn_ms-3x_coco", "mask-rcnn_regnetx-400MF_fpn_ms-poly-3x_coco", "cascade-mask-rcnn_regnetx-400MF_fpn_ms-3x_coco",
                 "mask-rcnn_regnetx-3.2GF-mdconv-c3-c5_fpn_1x_coco"):
        losses, norms = run("regnet/" + name, torch.float64)
        print('    {"%s",\n     {%s},\n     {%s}},' % (name, pairs(losses), pairs(norms)), flush=True)
        less = run("regnet/" + name, torch.float32)
        print(name, "in float32 is off by", [(a[0], "%.1e" % (b[1] / a[1] - 1)) for part, other in zip((losses, norms), less) for a, b in zip(part, other)], file=sys.stderr)
    print("};")
