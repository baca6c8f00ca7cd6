"""Prints torch_detectors.hpp: one step of training of torchvision's detectors by PyTorch, for the tests of detector_teacher.hpp.

    REGULUS_SHARED=../../../shared python3 torch_detectors.py > torch_detectors.hpp          (made with torch 2.15, torchvision 0.29)

Weights are seeded by their names (golden.py's rule), those of the last layers a tenth of it; pictures, boxes and masks by the formulas below. All anchors and all proposals are learnt
from, so that no random choice is made. Numbers in float64.
"""
import os
import sys

import torch
import torchvision
from torchvision.models.detection.image_list import ImageList

sys.path.insert(0, os.path.join(os.environ["REGULUS_SHARED"], "golden"))
import golden

N, HEIGHT, WIDTH = 2, 128, 160
LAST = ("cls_logits.weight", "bbox_pred.weight", "bbox_reg.weight", "cls_score.weight", "mask_fcn_logits.weight")


def pictures():
    i = torch.arange(N * 3 * HEIGHT * WIDTH, dtype=torch.int64)
    return (((i * 7919 + (i // WIDTH) * 104729) % 2003).to(torch.float64) / 1001 - 1).to(torch.float32).reshape(N, 3, HEIGHT, WIDTH)


def targets():
    result = []
    for n in range(N):
        boxes = torch.tensor([[8.5, 10.25, 70.75, 90.5], [60.0 + n, 30.0, 150.5, 120.0], [20.0, 84.0, 50.5, 110.25 - n]])
        masks = torch.zeros(3, HEIGHT, WIDTH, dtype=torch.uint8)
        for m, (x1, y1, x2, y2) in enumerate(boxes.round().int().tolist()):
            masks[m, y1:(y1 + 2 * y2) // 3, x1:x2] = 1
            masks[m, y1:y2, x1:(x1 + x2) // 2] = 1
        result.append({"boxes": boxes, "labels": torch.tensor([1 + n, 17, 44]), "masks": masks})
    return result


def run(name, **options):
    make = getattr(torchvision.models.detection, name)
    model = make(weights=None, weights_backbone=None, **options)
    golden.seed_module(model)
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if key.endswith(LAST):
                value.mul_(0.1)
    model = model.double().train()
    images = ImageList(pictures().double(), [(HEIGHT, WIDTH)] * N)
    truth = [{k: v.double() if v.is_floating_point() else v for k, v in t.items()} for t in targets()]
    features = model.backbone(images.tensors)
    if hasattr(model, "rpn"):
        proposals, losses = model.rpn(images, features, truth)
        losses.update(model.roi_heads(features, proposals, images.image_sizes, truth)[1])
        order = ["loss_objectness", "loss_rpn_box_reg", "loss_classifier", "loss_box_reg"] + (["loss_mask"] if "loss_mask" in losses else [])
    else:
        features = list(features.values())
        losses = model.compute_loss(truth, model.head(features), model.anchor_generator(images, features))
        order = ["classification", "bbox_regression"]
    sum(losses.values()).backward()
    norms = {}
    for key, parameter in model.named_parameters():
        if parameter.grad is None:
            continue
        part = ".".join(key.split(".")[:2])
        norms[part] = norms.get(part, 0.0) + parameter.grad.pow(2).sum().item()
    return [losses[k].item() for k in order], sorted((k, v ** 0.5) for k, v in norms.items())


print("#pragma once\n// Made by torch_detectors.py: losses in the order of StepLosses, and the norms of the gradients by part of torchvision's model.\n#include <string>\n#include <utility>\n#include <vector>\n")
print("struct TorchDetector {\n    const char* model;\n    std::vector<double> losses;\n    std::vector<std::pair<std::string, double>> norms;\n};\n")
print("inline const TorchDetector torch_detectors[] = {")
everything = {"rpn_batch_size_per_image": 10 ** 6, "box_batch_size_per_image": 1024, "rpn_pre_nms_top_n_train": 500, "rpn_post_nms_top_n_train": 200}
for name, options in (("retinanet_resnet50_fpn", {}), ("fasterrcnn_resnet50_fpn", everything), ("maskrcnn_resnet50_fpn", everything)):
    losses, norms = run(name, **options)
    print('    {"torchvision/%s",\n     {%s},\n     {%s}},' % (name, ", ".join("%.9g" % x for x in losses), ", ".join('{"%s", %.9g}' % x for x in norms)))
print("};")
