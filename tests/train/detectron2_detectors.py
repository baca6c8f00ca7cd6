"""Prints detectron2_detectors.hpp: one step of training of detectron2's detectors by its own code, for the tests of detector_teacher.hpp.

    REGULUS_SHARED=../../../shared PYTHONPATH=DETECTRON2 python3 detectron2_detectors.py > detectron2_detectors.hpp

DETECTRON2 is a checkout (made with 0.6, its compiled operations are not needed) beside torch 2.15, torchvision 0.29, fvcore and what else it imports.
Weights are seeded by their names (golden.py's rule), those of the last layers a tenth of it; pictures and what is in them by the formulas below. All anchors and all proposals
are learnt from, so that no random choice is made; nothing is frozen, norms take their batch's statistics. Numbers in float64, boxes in float32 as detectron2 has them.
"""
import os
import sys

import torch
from detectron2.config import get_cfg
from detectron2.modeling import build_model
from detectron2.modeling.proposal_generator import proposal_utils
from detectron2.structures import Boxes, ImageList, Instances, Keypoints, PolygonMasks
from detectron2.utils.events import EventStorage

sys.path.insert(0, os.path.join(os.environ["REGULUS_SHARED"], "golden"))
import golden

in_double = proposal_utils.batched_nms
proposal_utils.batched_nms = lambda boxes, scores, *rest: in_double(boxes, scores.float(), *rest)  # torchvision's wants scores of the boxes' kind

N, HEIGHT, WIDTH = 2, 128, 160
LAST = ("objectness_logits.weight", "anchor_deltas.weight", "bbox_pred.weight", "cls_score.weight", "mask_head.predictor.weight", "sem_seg_head.predictor.weight", "score_lowres.weight")
CONFIGS = os.path.join(os.environ["PYTHONPATH"].split(":")[0], "configs")


def pictures():
    i = torch.arange(N * 3 * HEIGHT * WIDTH, dtype=torch.int64)
    return (((i * 7919 + (i // WIDTH) * 104729) % 2003).to(torch.float64) / 1001 - 1).to(torch.float32).reshape(N, 3, HEIGHT, WIDTH)


def instances(n, classes):
    boxes = torch.tensor([[8.5, 10.25, 70.75, 90.5], [60.0 + n, 30.0, 150.5, 120.0], [20.0, 84.0, 50.5, 110.25 - n]])
    one = Instances((HEIGHT, WIDTH))
    one.gt_boxes = Boxes(boxes)
    one.gt_classes = torch.tensor([n, 16, 43]) % classes
    rings, points = [], torch.zeros(3, 17, 3)
    for m, (x1, y1, x2, y2) in enumerate(boxes.double().tolist()):
        xm, ym = (x1 + x2) / 2, (y1 + 2 * y2) / 3
        rings.append([torch.tensor([x1, y1, x2, y1, x2, ym, xm, ym, xm, y2, x1, y2], dtype=torch.float64).numpy()])
        for k in range(17):  # every third is not labelled, some lie outside their box
            if k % 3 != 2:
                points[m, k] = torch.tensor([x1 + (x2 - x1) * ((k * 5 + m) % 13) / 11.3, y1 + (y2 - y1) * ((k * 7 + n) % 17) / 16.1, 1 + k % 2])
    one.gt_masks = PolygonMasks(rings)
    one.gt_keypoints = Keypoints(points)
    return one


def segments(n):
    y, x = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    labels = (x // 9 + 3 * (y // 7) + n) % 54
    return torch.where((x + y) % 11 == 0, torch.full_like(labels, 255), labels)


def given(n):
    k = torch.arange(40, dtype=torch.float32)
    x, y = (k * 37 + 11 * n) % 120, (k * 23 + 5 * n) % 90
    one = Instances((HEIGHT, WIDTH))
    one.proposal_boxes = Boxes(torch.stack([x, y, x + 8 + (k * 13) % 31, y + 6 + (k * 17) % 29], 1))
    one.objectness_logits = -k
    return one


def model_of(name):
    cfg = get_cfg()
    cfg.merge_from_file(os.path.join(CONFIGS, name + ".yaml"))
    cfg.MODEL.WEIGHTS, cfg.MODEL.DEVICE, cfg.MODEL.BACKBONE.FREEZE_AT, cfg.MODEL.RESNETS.NORM = "", "cpu", 0, "BN"
    cfg.MODEL.RPN.BATCH_SIZE_PER_IMAGE, cfg.MODEL.ROI_HEADS.BATCH_SIZE_PER_IMAGE, cfg.MODEL.ROI_HEADS.POSITIVE_FRACTION = 10 ** 6, 64, 1.0
    cfg.MODEL.RPN.PRE_NMS_TOPK_TRAIN, cfg.MODEL.RPN.POST_NMS_TOPK_TRAIN = 500, 40
    model = build_model(cfg)
    golden.seed_module(model)
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if key.endswith(LAST):
                value.mul_(0.1)
    return cfg, model.double().train()


def run(name):
    cfg, model = model_of(name)
    classes = cfg.MODEL.RETINANET.NUM_CLASSES if "retinanet" in name else cfg.MODEL.ROI_HEADS.NUM_CLASSES
    images = ImageList(pictures().double(), [(HEIGHT, WIDTH)] * N)
    truth = [instances(n, classes) for n in range(N)]
    with EventStorage(0):
        features = model.backbone(images.tensor)
        if "retinanet" in name:
            features = [features[f] for f in model.head_in_features]
            losses = model.forward_training(images, features, model.head(features), truth)
        else:
            losses = {}
            if hasattr(model, "sem_seg_head"):
                losses.update(model.sem_seg_head(features, torch.stack([segments(n) for n in range(N)]))[1])
            if model.proposal_generator is None:
                proposals = [given(n) for n in range(N)]
            else:
                proposals, own = model.proposal_generator(images, features, truth)
                losses.update(own)
            losses.update(model.roi_heads(images, features, proposals, truth)[1])
    sum(losses.values()).backward()
    norms = {}
    for key, parameter in model.named_parameters():
        if parameter.grad is not None:
            words = key.split(".")
            part = "backbone.fpn" if words[1].startswith("fpn_") or words[1] == "top_block" else ".".join(words[:3] if words[2].isdigit() and words[1].startswith("box_") else words[:2])
            norms[part] = norms.get(part, 0.0) + parameter.grad.pow(2).sum().item()
    return sorted((k, v.item()) for k, v in losses.items()), sorted((k, v ** 0.5) for k, v in norms.items())


def pairs(values):
    return ", ".join('{"%s", %.9g}' % x for x in values)


print("#pragma once\n// Made by detectron2_detectors.py: detectron2's losses, and the norms of the gradients by part of its model.\n#include <string>\n#include <utility>\n#include <vector>\n")
print("struct Detectron2Detector {\n    const char* model;\n    std::vector<std::pair<std::string, double>> losses;\n    std::vector<std::pair<std::string, double>> norms;\n};\n")
print("inline const Detectron2Detector detectron2_detectors[] = {")
for name in ("COCO-Detection/retinanet_R_50_FPN_1x", "COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_1x", "COCO-Detection/faster_rcnn_R_50_C4_1x", "Misc/cascade_mask_rcnn_R_50_FPN_1x",
             "COCO-Keypoints/keypoint_rcnn_R_50_FPN_1x", "COCO-PanopticSegmentation/panoptic_fpn_R_50_1x", "COCO-Detection/fast_rcnn_R_50_FPN_1x"):
    losses, norms = run(name)
    print('    {"%s",\n     {%s},\n     {%s}},' % (name, pairs(losses), pairs(norms)), flush=True)
print("};")
