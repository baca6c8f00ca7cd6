"""Prints torch_steps.hpp: five steps of training by PyTorch in float64, for the tests of learner.hpp.

    REGULUS_SHARED=../../../shared python3 torch_steps.py > torch_steps.hpp          (made with torch 2.15, torchvision 0.29)

Weights are seeded by their names (golden.py's rule); pictures and labels by the formulas below.
"""
import os
import sys

import torch
import torchvision

sys.path.insert(0, os.path.join(os.environ["REGULUS_SHARED"], "golden"))
import golden

N, SIDE, STEPS = 6, 64, 5


def pictures():
    i = torch.arange(N * 3 * SIDE * SIDE, dtype=torch.int64)
    return (((i * 7919 + (i // SIDE) * 104729) % 2003).to(torch.float64) / 1001 - 1).to(torch.float32).reshape(N, 3, SIDE, SIDE)


def run(name, frozen_statistics):
    model = getattr(torchvision.models, name)()
    golden.seed_module(model)
    model = model.double().train()
    if frozen_statistics:
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
    labels = torch.tensor([(i * 37) % 1000 for i in range(N)])
    optimiser = torch.optim.SGD(model.parameters(), lr=2e-5, momentum=0.9, nesterov=True, weight_decay=5e-5)
    losses, norms = [], []
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(pictures().double()), labels)
        loss.backward()
        losses.append(loss.item())
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
        optimiser.step()
    state = model.state_dict()
    means = sum(v.abs().sum().item() for k, v in state.items() if k.endswith("running_mean"))
    variances = sum(v.sum().item() for k, v in state.items() if k.endswith("running_var"))
    return losses, norms, means, variances


def row(numbers):
    return "{" + ", ".join("%.10g" % x for x in numbers) + "}"


print("#pragma once\n// Made by torch_steps.py: the loss and the norm of all gradients at each step, then the sums of |running means| and of running variances.\n")
print("struct TorchSteps {\n    const char* model;\n    bool stored_statistics;\n    double losses[%d], norms[%d], means, variances;\n};\n" % (STEPS, STEPS))
print("inline constexpr TorchSteps torch_steps[] = {")
for name, frozen in (("regnet_x_400mf", False), ("regnet_y_400mf", False), ("resnet50", False), ("regnet_x_400mf", True)):
    losses, norms, means, variances = run(name, frozen)
    print('    {"torchvision/%s", %s, %s, %s, %.9g, %.9g},' % (name, str(frozen).lower(), row(losses), row(norms), means, variances))
print("};")
