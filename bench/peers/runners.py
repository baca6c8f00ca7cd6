"""One runner a runtime: made once, then run() takes one turn and returns (milliseconds, outputs)."""
import json
import os
import subprocess
import time

import numpy as np


def timed(call):
    start = time.perf_counter()
    outputs = call()
    return (time.perf_counter() - start) * 1e3, outputs


def name_of_input(i):
    return f"input{i}"


def export(module, inputs, path):
    """Writes the module as ONNX (opset 16: RoiAlign with half pixels), suppression stopping at the boxes that are used."""
    import onnx
    import torch
    import warnings

    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = [name_of_input(i) for i in range(len(inputs))]
        torch.onnx.export(module, tuple(torch.from_numpy(array) for array in inputs), path, input_names=names, opset_version=16, dynamo=False)
    model = onnx.load(path)
    limits = [1000, 100] if hasattr(module, "rpn_head") else [100]
    suppressions = [node for node in model.graph.node if node.op_type == "NonMaxSuppression"]
    for i, (node, limit) in enumerate(zip(suppressions, limits)):
        name = f"suppression_limit_{i}"
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([limit], np.int64), name))
        node.input[2] = name
    onnx.save(model, path)


class Torch:
    def __init__(self, module, inputs, threads, compiled=False):
        import torch

        torch.set_num_threads(threads)
        self.torch = torch
        self.name = "torch_compile" if compiled else "torch_eager"
        self.inputs = [torch.from_numpy(array) for array in inputs]
        self.inputs = [x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x for x in self.inputs]
        self.module = module.to(memory_format=torch.channels_last)
        if compiled:
            import torch._inductor.config as inductor

            inductor.freezing = True
            self.module = torch.compile(self.module, dynamic=False)

    def run(self):
        with self.torch.inference_mode() if self.name == "torch_eager" else self.torch.no_grad():
            return timed(lambda: self.module(*self.inputs))


class OnnxRuntime:
    name = "onnxruntime"

    def __init__(self, path, inputs, threads):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_session_config_entry("session.force_spinning_stop", "1")  # its threads sleep while others have their turn
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.feed = {name_of_input(i): array for i, array in enumerate(inputs)}

    def run(self):
        return timed(lambda: self.session.run(None, self.feed))


class OpenVino:
    name = "openvino"

    def __init__(self, path, inputs, threads, precision):
        import openvino

        options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
        self.request = openvino.Core().compile_model(path, "CPU", options).create_infer_request()
        self.inputs = list(inputs)

    def run(self):
        ms, outputs = timed(lambda: self.request.infer(self.inputs, share_inputs=True, share_outputs=True))
        return ms, [outputs[i] for i in range(len(outputs))]


class Regulus:
    """`regulus bench --on-request` in its own process, on the same weights and inputs; the time is its own."""

    def __init__(self, program, arguments, threads, passive, name="regulus"):
        self.name = name
        environment = dict(os.environ, OMP_WAIT_POLICY="passive") if passive else None
        command = [program, "bench", *arguments, "--threads", str(threads), "--on-request"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def run(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"regulus ended with {self.process.wait()} (its message is above)")
        answer = json.loads(line)
        return answer["ms"], answer

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
