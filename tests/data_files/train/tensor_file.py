"""Writes tensors as a safetensors file; keys in the order of the dictionary."""
import json
import struct

import torch


def write(path, tensors):
    names, header, offset, parts = {torch.float32: "F32", torch.float64: "F64", torch.int32: "I32"}, {}, 0, []
    for key, tensor in tensors.items():
        raw = tensor.contiguous().numpy().tobytes()
        header[key] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, offset + len(raw)]}
        offset += len(raw)
        parts.append(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))
