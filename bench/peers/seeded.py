"""The numbers that `regulus bench` runs on: its picture of noise and its balanced weights, which are functions of names.

So every runtime computes the same network on the same picture, and the boxes found can be compared.
"""
import numpy as np

MASK = (1 << 64) - 1


def name_hash(name):
    """FNV-1a, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def uniforms(name, count, salt=0):
    """`count` numbers in [0, 1), multiples of 2^-24, from splitmix64 started at the name's hash."""
    with np.errstate(over="ignore"):
        z = np.uint64(name_hash(name) ^ salt) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float64) * 2.0**-24


def picture(batch, height, width, channels=3):
    """[batch, channels, height, width], uniform in -2 .. 2."""
    shape = (batch, channels, height, width)
    return (4 * uniforms("noise", int(np.prod(shape))) - 2).astype(np.float32).reshape(shape)


def balanced(name, shape):
    """The value of a state-dict entry: seeded, with norms that keep activations of order one and deltas that move boxes little."""
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if name.endswith(("vfe_layers.0.norm.running_var", "pfn_layers.0.norm.running_var")):  # points lie tens of metres away
        return np.full(shape, 400, np.float32)
    if name.endswith("running_var"):
        return np.ones(shape, np.float32)
    if name.endswith("running_mean"):
        return np.zeros(shape, np.float32)
    if len(shape) == 1 and name.endswith("weight"):  # of a norm; the last of a residual block is smaller
        return np.full(shape, 0.25 if name.endswith(".bn3.weight") else 1.0, np.float32)
    u = 2 * uniforms(name, int(np.prod(shape))) - 1
    if len(shape) == 1:
        value = (u * 0.1).astype(np.float32)
        return value + np.float32(-4.59512) if name.endswith("conv_cls.bias") else value  # -ln(99)
    values = (u * np.sqrt(6.0 / np.prod(shape[1:], dtype=np.float64))).astype(np.float32).reshape(shape)
    return values * np.float32(0.1) if name.endswith(("rpn_reg.weight", "fc_reg.weight", "retina_reg.weight", "conv_reg.weight")) else values


def fill(module):
    """Sets every entry of a torch module's state dict."""
    import torch

    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            tensor.copy_(torch.from_numpy(balanced(name, tuple(tensor.shape))))
    return module
