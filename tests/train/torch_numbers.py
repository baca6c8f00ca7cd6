"""Prints torch_numbers.hpp: what PyTorch's optimisers and schedulers give, for the tests of optimiser.hpp and schedule.hpp.

    python3 torch_numbers.py > torch_numbers.hpp          (made with torch 2.15)

Parameters are a weight [5], a bias [3] and a norm's weight [4]; values and gradients are exact in float32.
"""
import torch

SIZES = (5, 3, 4)
STEPS = 6


def start():
    return [torch.nn.Parameter(torch.tensor([((i * 5 + p * 3) % 11 - 5) / 8 for i in range(n)])) for p, n in enumerate(SIZES)]


def set_gradients(parameters, step):
    for p, parameter in enumerate(parameters):
        parameter.grad = torch.tensor([((i * 7 + p * 5 + step * 13) % 17 - 8) / 16 for i in range(parameter.numel())])


def row(numbers):
    return "{" + ", ".join("%.9g" % float(x) for x in numbers) + "}"


def optimised(name, make, rate=lambda step: 0.1 / (step + 1), clip=None, beta=None):
    parameters = start()
    optimiser = make(parameters)
    rows = []
    for step in range(STEPS):
        set_gradients(parameters, step)
        if clip:
            torch.nn.utils.clip_grad_norm_(parameters, clip, foreach=False)
        for group in optimiser.param_groups:
            group["lr"] = rate(step)
            if beta:
                group["betas"] = (beta(step), group["betas"][1])
        optimiser.step()
        rows.append(row(torch.cat([p.detach() for p in parameters])))
    print("inline constexpr double %s[%d][%d] = {\n    %s};" % (name, STEPS, sum(SIZES), ",\n    ".join(rows)))


def scheduled(name, count, make, lr):
    optimiser = torch.optim.SGD(start(), lr)
    scheduler = make(optimiser)
    numbers = []
    for _ in range(count):
        numbers.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    print("inline constexpr double %s[%d] = {%s};" % (name, count, ", ".join("%.15g" % x for x in numbers)))


def torchvision_reference(optimiser):
    """The reference script's: linear over 5 epochs, then cosine over the other 95."""
    schedulers = torch.optim.lr_scheduler
    return schedulers.SequentialLR(optimiser, [schedulers.LinearLR(optimiser, 0.1, total_iters=5), schedulers.CosineAnnealingLR(optimiser, 95)], milestones=[5])


print("#pragma once\n// Made by torch_numbers.py: parameters after each step, and learning rates of epochs.\n\nnamespace torch_numbers {\n")
SGD, AdamW = torch.optim.SGD, torch.optim.AdamW
optimised("sgd_plain", lambda p: SGD(p, 0.1, weight_decay=0.05, foreach=False))
optimised("sgd_momentum", lambda p: SGD(p, 0.1, momentum=0.9, weight_decay=0.05, foreach=False))
optimised("sgd_nesterov", lambda p: SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.05, foreach=False))
optimised("sgd_weights_only", lambda p: SGD([{"params": p[:1]}, {"params": p[1:], "weight_decay": 0}], 0.1, momentum=0.9, weight_decay=0.05, foreach=False))
optimised("sgd_clipped", lambda p: SGD(p, 0.1, momentum=0.9, foreach=False), clip=0.75)
optimised("adamw", lambda p: AdamW(p, 0.1, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.05, foreach=False))
optimised("adamw_moving", lambda p: AdamW(p, 0.1, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.05, foreach=False), beta=lambda step: 0.8 - 0.05 * step)
scheduled("torchvision_epochs", 101, torchvision_reference, 0.8)
print("\n}  // namespace torch_numbers")
