#!/usr/bin/env python3
"""Torch and torchvision on the same GPU: the networks of `regulus bench`, with its weights and its noise, from a decoded picture (or points) on the host to results there.

    bench/cuda/peers.py                                    all networks, all ways, float32 (TF32 off) and float16
    bench/cuda/peers.py --device cpu --rounds 1 --size 96x128 --points 2000     what runs without a GPU: does it still run?

Networks are those of bench/peers (mmdetection's, mmdetection3d's), batch norms folded. Ways: eager; the dense part (backbone, neck and heads over whole maps) as a CUDA
graph; the dense part by torch.compile, which captures it too. Selection of boxes is eager torch with torchvision's nms and roi_align in all of them, in float32.
Of PointPillars the peers sort points into voxels with torch's own operations and suppress upright boxes, as torch has no rotated suppression.
Prints a line for each; a way that does not run says why and is left out, and so are those for which --limit leaves no time. Where there is no torch or no GPU it says so.
"""
import argparse
import json
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))  # bench/, where the package `peers` is

NETWORKS = {  # name of the tool's model: kind, backbone
    "mask_rcnn_regnetx-3.2GF_fpn_1x_coco": ("mask", "3.2GF"),
    "faster_rcnn_r50_fpn_1x_coco": ("faster", "R-50"),
    "retinanet_regnetx-800MF_fpn_1x_coco": ("retina", "800MF"),
    "mmdetection3d/hv_pointpillars_regnet-400mf_fpn_sbn-all_4x8_2x_nus-3d": ("pillars", "400MF"),
}


def build(torch, kind, backbone, height, width):
    """A network and its dense part: image (or canvas) -> maps and head outputs."""
    from peers import detectors, networks, points, seeded

    if kind == "pillars":
        network = points.Detector(points.NUSCENES, (64, 64), backbone, "fpn", 8, 10, 9)
        return points.fold_batch_norms(seeded.fill(network).eval())
    network = detectors.RetinaNet(backbone, height, width) if kind == "retina" else detectors.Rcnn(backbone, height, width, kind == "mask")
    return networks.fold_batch_norms(seeded.fill(network).eval())


def picture_parts(torch, kind, network):
    """The dense part as a module of its own: image -> (maps that regions are cut from, logits, deltas)."""

    class Dense(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone, self.neck = network.backbone, network.neck
            self.head = network.bbox_head if kind == "retina" else network.rpn_head

        def forward(self, image):
            pyramid = self.neck(self.backbone(image))
            logits, deltas = self.head(pyramid)
            return list(pyramid), [x.float() for x in logits], [x.float() for x in deltas]

    return Dense()


def with_dense(torch, kind, network, dense):
    """The network whose maps come from `dense`; its heads over regions give float32 whatever they compute in."""

    class Given(torch.nn.Module):
        def __init__(self, call):
            super().__init__()
            self.call = call

        def forward(self, x):
            return self.call(x)

    kept = {}

    def neck(image):
        pyramid, kept["logits"], kept["deltas"] = dense(image)
        return pyramid

    def in_float(head):
        def call(regions):
            result = head(regions)
            return tuple(x.float() for x in result) if isinstance(result, tuple) else result.float()

        return Given(call)

    network.backbone, network.neck = torch.nn.Identity(), Given(neck)
    head = Given(lambda _: (kept["logits"], kept["deltas"]))
    if kind == "retina":
        network.bbox_head = head
        return network
    network.rpn_head = head
    plain = network.pool
    network.pool = lambda pyramid, boxes, side: regions_of(plain, pyramid, boxes, side)
    network.roi_head.bbox_head = in_float(network.roi_head.bbox_head)
    if kind == "mask":
        network.roi_head.mask_head = in_float(network.roi_head.mask_head)
    return network


def regions_of(plain, pyramid, boxes, side):
    """Boxes in the type of the maps, which is what torchvision's roi_align wants."""
    return plain(pyramid, boxes.to(pyramid[0].dtype), side)


def graphed(torch, dense, example):
    """A call that copies its input, replays the captured dense part and gives its outputs."""
    static = example.clone(memory_format=torch.preserve_format)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream), torch.no_grad():
        for _ in range(3):
            dense(static)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.no_grad(), torch.cuda.graph(graph):
        outputs = dense(static)

    def call(image):
        static.copy_(image)
        graph.replay()
        return outputs

    return call


def by_way(torch, way, dense, example):
    if way == "eager":
        return dense
    if way == "graph":
        return graphed(torch, dense, example)
    compiled = torch.compile(dense, mode="reduce-overhead" if example.is_cuda else "default")

    def call(image):
        torch.compiler.cudagraph_mark_step_begin()
        return compiled(image)

    return call


def picture_call(torch, options, kind, backbone, half, way):
    """From a decoded picture [h, w, 3] on the host to boxes, scores, labels and masks on the host; how many objects it finds."""
    from peers import seeded

    height, width = options.height, options.width
    padded = [-(-side // 32) * 32 for side in (height, width)]
    device, kind_of_maps = torch.device(options.device), torch.float16 if half else torch.float32
    network = build(torch, kind, backbone, *padded).to(device)
    for name in ("backbone", "neck", "bbox_head", "rpn_head", "roi_head"):
        if hasattr(network, name):
            getattr(network, name).to(kind_of_maps)
    network = network.to(memory_format=torch.channels_last)
    example = torch.from_numpy(seeded.picture(1, *padded)).to(device, kind_of_maps).contiguous(memory_format=torch.channels_last)
    dense = picture_parts(torch, kind, network)
    network = with_dense(torch, kind, network, by_way(torch, way, dense, example))
    mean = torch.tensor([103.53, 116.28, 123.675], device=device).view(1, 3, 1, 1)
    deviation = torch.tensor([57.375, 57.12, 58.395], device=device).view(1, 3, 1, 1)
    noise = (seeded.uniforms("picture", height * width * 3) * 256).astype("uint8").reshape(height, width, 3)
    picture = torch.from_numpy(noise)
    if device.type == "cuda":
        picture = picture.pin_memory()

    def call():
        with torch.no_grad():
            pixels = picture.to(device, non_blocking=True).flip(2).permute(2, 0, 1)[None].float()
            image = torch.nn.functional.pad((pixels - mean) / deviation, (0, padded[1] - width, 0, padded[0] - height))
            found = network(image.to(kind_of_maps).contiguous(memory_format=torch.channels_last))
            results = [x.cpu() for x in found]
        return int((results[1] > 0.05).sum())

    return call


def voxels_of(torch, points, grid):
    """bench/peers/points.py's voxels() in torch's operations, on the points' device."""
    low, high, size = (torch.from_numpy(numbers).to(points.device) for numbers in (grid.low, grid.high, grid.size))
    points = points[((points[:, :3] > low) & (points[:, :3] < high)).all(1)]
    cell = torch.floor((points[:, :3] - low) / size).long()
    key = (cell[:, 2] * int(grid.cells[1]) + cell[:, 1]) * int(grid.cells[0]) + cell[:, 0]
    unique, voxel, count = torch.unique(key, return_inverse=True, return_counts=True)
    by_voxel = torch.argsort(voxel, stable=True)
    start = torch.cumsum(count, 0) - count
    slot = torch.empty_like(voxel)
    slot[by_voxel] = torch.arange(len(voxel), device=points.device) - start[voxel[by_voxel]]
    stored = (slot < grid.max_points) & (voxel < grid.max_pillars)
    kept = min(len(unique), grid.max_pillars)
    padded = points.new_zeros(kept, grid.max_points, 4)
    padded[voxel[stored], slot[stored]] = points[stored]
    unique = unique[:kept]
    width, height = int(grid.cells[0]), int(grid.cells[1])
    cells = torch.stack([unique // width // height, unique // width % height, unique % width], 1).int()
    return padded, count[:kept].clamp(max=grid.max_points).int(), cells


def points_call(torch, options, backbone, half, way):
    """From points on the host to boxes of the nearest 500 anchors on the host; how many of them."""
    import torchvision
    from peers import points as pillars

    device, kind_of_maps = torch.device(options.device), torch.float16 if half else torch.float32
    network = build(torch, "pillars", backbone, 0, 0).to(device)
    net, parts = network.part(0).to(kind_of_maps), [network.part(i).to(kind_of_maps) for i in (1, 2, 3)]
    for part in parts:
        part.to(memory_format=torch.channels_last)
    grid = pillars.NUSCENES
    side_x, side_y = int(grid.cells[0]), int(grid.cells[1])

    class Dense(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = torch.nn.ModuleList(parts)

        def forward(self, canvas):
            for part in self.parts:
                canvas = part(canvas)
            return [x.float() for x in canvas]

    canvas = torch.zeros(1, 64, side_y, side_x, device=device, dtype=kind_of_maps).contiguous(memory_format=torch.channels_last)
    dense = by_way(torch, way, Dense(), canvas)
    cloud = torch.from_numpy(pillars.street(options.points))
    if device.type == "cuda":
        cloud = cloud.pin_memory()

    def call():
        with torch.no_grad():
            voxels, counts, cells = voxels_of(torch, cloud.to(device, non_blocking=True), grid)
            rows = net(voxels.to(kind_of_maps), counts, cells)
            canvas.zero_()
            canvas[0, :, cells[:, 1].long(), cells[:, 2].long()] = rows.t()
            maps = dense(canvas)
            levels = len(maps) // 3
            boxes, scores, labels = [], [], []
            for level in range(levels):
                logits = maps[level][0].permute(1, 2, 0).reshape(-1)
                best, index = logits.sigmoid().topk(min(1000, len(logits)))
                place = index // 10
                delta = maps[levels + level][0].permute(1, 2, 0).reshape(-1, 9)[place]
                cell = place // 8
                width = maps[level].shape[3]
                centre = torch.stack([cell % width, cell // width], 1) * (100.0 / width) - 50 + delta[:, :2]
                half_size = 2 * torch.exp(delta[:, 3:5].clamp(max=2))
                boxes.append(torch.cat([centre - half_size, centre + half_size], 1))
                scores.append(best)
                labels.append(index % 10)
            boxes, scores, labels = torch.cat(boxes), torch.cat(scores), torch.cat(labels)
            good = scores > 0.05
            boxes, scores, labels = boxes[good], scores[good], labels[good]
            kept = torchvision.ops.nms(boxes + (labels * 4096).float()[:, None], scores, 0.2)[:500]
            results = [x[kept].cpu() for x in (boxes, scores, labels)]
        return len(results[1])

    return call


def timed(torch, call, rounds, device):
    """Least and median milliseconds of a call, and what it found."""
    found = 0
    for _ in range(min(5, rounds)):
        found = call()
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        found = call()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append((time.perf_counter() - begin) * 1e3)
    times.sort()
    return times[0], times[len(times) // 2], found


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--size", default="800x1333", help="of the picture, HEIGHTxWIDTH")
    parser.add_argument("--points", type=int, default=300000)
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--ways", default="eager,graph,compile")
    parser.add_argument("--limit", type=float, default=1e9, help="seconds after which no further way is begun")
    parser.add_argument("--json", help="also write all lines to this file")
    options = parser.parse_args()
    options.height, options.width = (int(side) for side in options.size.split("x"))
    return options


def main():
    options = arguments()
    begin = time.perf_counter()
    try:
        import torch
        import torchvision
    except ImportError as error:
        print(f"no peers: {error}")
        return 0
    if options.device == "cuda" and not torch.cuda.is_available():
        print("no GPU: torch finds none")
        return 0
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    where = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}, {where}, picture {options.height}x{options.width}, {options.points} points", flush=True)
    rows, failed = [], 0
    # The dear way last: when time ends, every network has been measured in the others.
    for way in options.ways.split(","):
        for name in options.networks.split(","):
            kind, backbone = NETWORKS[name]
            for half in (False, True):
                precision = "float16" if half else "float32"
                head = f"{name:70} {precision:8} {way:8}"
                if way == "graph" and options.device == "cpu":
                    continue
                if time.perf_counter() - begin > options.limit:
                    print(f"{head} left out: {options.limit:.0f} s are over", flush=True)
                    continue
                try:
                    started = time.perf_counter()
                    call = points_call(torch, options, backbone, half, way) if kind == "pillars" else picture_call(torch, options, kind, backbone, half, way)
                    least, median, found = timed(torch, call, options.rounds, options.device)
                    print(f"{head} least {least:9.3f} ms  median {median:9.3f} ms  {found:4} objects  ready after {time.perf_counter() - started:.0f} s", flush=True)
                    rows.append({"model": name, "precision": precision, "way": way, "min_ms": least, "median_ms": median, "objects": found})
                except Exception as error:  # noqa: BLE001 - a way that fails is reported, the others go on
                    failed += 1
                    print(f"{head} failed: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}", flush=True)
                if options.device == "cuda":
                    torch.cuda.empty_cache()
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
