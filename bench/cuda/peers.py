"""Torch and torchvision on the same GPU: eager, torch.compile and a CUDA graph of the dense part, in float32 (TF32 off) and float16, batch 1, 800 x 1333.

Prints one line for each; says so and ends where there is no torch or no GPU. A way that does not run says why and is left out.
"""
import sys
import time


def timed(torch, call, runs=30):
    for _ in range(5):
        call()
    torch.cuda.synchronize()
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        call()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - begin) * 1e3)
    times.sort()
    return times[0], times[len(times) // 2]


def graphed(torch, dense, image):
    """A call that replays the dense part, captured once."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            dense(image)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        dense(image)
    return graph.replay


def main():
    try:
        import torch
        import torchvision
    except ImportError as error:
        print(f"no peers: {error}")
        return 0
    if not torch.cuda.is_available():
        print("no GPU: torch finds none")
        return 0
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}, {torch.cuda.get_device_name()}")
    detection = torchvision.models.detection
    for name in ("maskrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn", "retinanet_resnet50_fpn"):
        for kind in (torch.float32, torch.float16):
            model = getattr(detection, name)(weights=None, weights_backbone=None, min_size=800, max_size=1333).cuda().eval()
            picture = torch.randint(0, 256, (3, 800, 1333), dtype=torch.uint8)

            def whole(network=model):
                with torch.no_grad(), torch.autocast("cuda", kind, enabled=kind is not torch.float32):
                    return network([picture.cuda().float() / 255])

            dense_input = torch.randn(1, 3, 800, 1344, device="cuda")

            def dense(image):
                with torch.no_grad(), torch.autocast("cuda", kind, enabled=kind is not torch.float32, cache_enabled=False):
                    return model.backbone(image)

            def compiled():
                model.backbone = torch.compile(model.backbone)
                return whole

            ways = [("eager", lambda: whole), ("backbone as a CUDA graph", lambda: graphed(torch, dense, dense_input)), ("torch.compile of the backbone", compiled)]
            for way, make in ways:
                try:
                    least, median = timed(torch, make())
                    print(f"{name:28} {str(kind):14} {way:32} least {least:8.3f} ms  median {median:8.3f} ms", flush=True)
                except Exception as error:  # noqa: BLE001 - a way that fails is reported, the others go on
                    print(f"{name:28} {str(kind):14} {way:32} failed: {str(error).splitlines()[0] if str(error) else type(error).__name__}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
