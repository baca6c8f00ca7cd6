#!/usr/bin/env python3
"""How fast is Regulus beside PyTorch, ONNX Runtime and OpenVINO? The same networks, weights and inputs, turn by turn in one run.

    bench/peers.py --regulus build/regulus --threads 2 --rounds 10 --json peers.json
    bench/peers.py --systems faster_rcnn_regnetx-3.2GF,dense_faster_rcnn_regnetx-3.2GF --compile

A virtual environment with the peers is made on first use (--venv; Regulus itself never needs one). In every round each runtime runs once;
ratios are Regulus / the faster of ONNX Runtime and OpenVINO of that round, and the median over the rounds is what counts, because the speed
of a shared machine swings. All in float32 (see --precision), all with the same number of threads. `regulus+paste` also pastes the masks into the picture.
Of PointPillars, points_dense_... is the part from the canvas to the head's maps; `regulus boxes` goes on to the boxes, as a detector does, and makes no
map that they do not need. In points_pillars_... the peers compute the pillar net over padded voxels that are there already, `regulus` goes from points to
the canvas, voxels and all, and `regulus net` is its pillar net alone.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
PACKAGES = ["torch", "torchvision", "onnx", "onnxruntime", "openvino", "numpy"]
PEERS = ("onnxruntime", "openvino")  # the best of these is what Regulus is measured against

# name: the tool's model, the peers' network, its backbone, what part of it, batch, height, width
SYSTEMS = {}
for backbone, zoo in (("400MF", "faster_rcnn_regnetx-400MF_fpn_mstrain_3x_coco"), ("1.6GF", "retinanet_regnetx-1.6GF_fpn_1x_coco"),
                      ("3.2GF", "faster_rcnn_regnetx-3.2GF_fpn_1x_coco"), ("8GF", "mask_rcnn_regnetx-8GF_fpn_1x_coco")):
    for batch in (1, 8):
        kind = "retinanet" if zoo.startswith("retinanet") else "rcnn"
        SYSTEMS[f"backbone_regnetx-{backbone}_batch{batch}"] = (zoo, kind, backbone, "backbone", batch, 224, 224)
for zoo, kind, backbone in (("retinanet_regnetx-800MF_fpn_1x_coco", "retinanet", "800MF"), ("faster_rcnn_regnetx-3.2GF_fpn_1x_coco", "rcnn", "3.2GF"),
                            ("mask_rcnn_regnetx-3.2GF_fpn_1x_coco", "mask_rcnn", "3.2GF"), ("mask_rcnn_regnetx-4GF_fpn_1x_coco", "mask_rcnn", "4GF"),
                            ("faster_rcnn_regnetx-400MF_fpn_mstrain_3x_coco", "rcnn", "400MF"), ("faster_rcnn_r50_fpn_1x_coco", "rcnn", "R-50"),
                            ("mask_rcnn_r50_fpn_1x_coco", "mask_rcnn", "R-50"), ("retinanet_r50_fpn_1x_coco", "retinanet", "R-50")):
    name = zoo.replace("_fpn_1x_coco", "")
    SYSTEMS[name] = (zoo, kind, backbone, "whole", 1, 800, 1344)
    if kind != "mask_rcnn":  # whose dense part is Faster R-CNN's
        SYSTEMS["dense_" + name] = (zoo, kind, backbone, "dense", 1, 800, 1344)

# name: the tool's model, grid, units of the pillar net, backbone, neck, anchors a cell, classes, numbers a box, whether it is the net of the paper, points
NUSCENES, LYFT = "sbn-all_8xb4-2x_nus-3d", "sbn-all_8xb2-2x_lyft-3d"
POINTS = {
    "nus_regnetx-400MF_fpn": (f"pointpillars_hv_regnet-400mf_fpn_{NUSCENES}", "NUSCENES", (64, 64), "400MF", "fpn", 8, 10, 9, False, 300000),
    "nus_secfpn": (f"pointpillars_hv_secfpn_{NUSCENES}", "NUSCENES", (64, 64), "second", "secfpn", 14, 10, 9, False, 300000),
    "lyft_regnetx-400MF_secfpn": (f"pointpillars_hv_regnet-400mf_secfpn_{LYFT}", "LYFT", (64,), "400MF", "secfpn", 18, 9, 7, False, 300000),
    "kitti_secfpn": ("pointpillars_hv_secfpn_8xb6-160e_kitti-3d-3class", "KITTI", (64,), "second", "secfpn", 6, 3, 7, True, 120000),
}
for name in POINTS:
    SYSTEMS["points_dense_" + name] = POINTS[name]
for name in ("nus_secfpn", "lyft_regnetx-400MF_secfpn", "kitti_secfpn"):
    SYSTEMS["points_pillars_" + name.split("_")[0]] = POINTS[name]


def enter_environment(folder):
    """Restarts this script inside the virtual environment, which is made first if it is not there."""
    python = os.path.join(folder, "bin", "python")
    if os.path.realpath(sys.prefix) == os.path.realpath(folder):
        return
    if not os.path.exists(os.path.join(folder, "pyvenv.cfg")):
        print(f"peers: making a virtual environment with {', '.join(PACKAGES)} in {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    os.execv(python, [python, *sys.argv])


def regulus_runners(system, options, height, width):
    zoo, kind, _, part, batch, _, _ = system
    outputs = {"whole": [], "backbone": ["C5"]}.get(part)
    if outputs is None:
        names = ("cls_logits", "box_deltas") if kind == "retinanet" else ("rpn_logits", "rpn_deltas")
        outputs = [f"{name}.{level}" for name in names for level in range(5)]
    arguments = [zoo, "--size", f"{height}x{width}", "--batch", str(batch), "--precision", options.precision] + (["--outputs", ",".join(outputs)] if outputs else [])
    from peers.runners import Regulus

    runners = [Regulus(options.regulus, arguments, options.threads, options.passive)]
    if kind == "mask_rcnn":
        runners.append(Regulus(options.regulus, arguments + ["--paste"], options.threads, options.passive, "regulus+paste"))
    return runners


def picture_system(name, options):
    """What takes part: module, its inputs, Regulus's runners, whether the scores are what is summed, and what the result says about sizes."""
    from peers import detectors, networks, seeded

    system = SYSTEMS[name]
    _, kind, backbone, part, batch, height, width = system
    if options.size and part != "backbone":
        height, width = (int(side) for side in options.size.split("x"))
    whole = detectors.RetinaNet(backbone, height, width) if kind == "retinanet" else detectors.Rcnn(backbone, height, width, kind == "mask_rcnn")
    whole = networks.fold_batch_norms(seeded.fill(whole).eval())
    module = whole if part == "whole" else detectors.Part(whole, part)
    return module, [seeded.picture(batch, height, width)], regulus_runners(system, options, height, width), part == "whole", {"batch": batch, "height": height, "width": width}


def point_system(name, options):
    """The same for a part of PointPillars."""
    from peers import points, runners, seeded

    zoo, grid, units, backbone, neck, anchors, classes, code, legacy, count = SYSTEMS[name]
    grid = getattr(points, grid)
    detector = points.fold_batch_norms(seeded.fill(points.Detector(grid, units, backbone, neck, anchors, classes, code, legacy)).eval())
    levels = range(3 if neck == "fpn" else 1)

    def runner(arguments, title="regulus"):
        return runners.Regulus(options.regulus, [zoo, "--points", str(count), "--precision", options.precision, *arguments], options.threads, options.passive, title)

    if name.startswith("points_dense_"):
        outputs = ",".join(f"{head}.{level}" for head in ("cls_logits", "box_deltas", "directions") for level in levels)
        width, height = (int(side) for side in grid.cells[:2])
        canvas = seeded.picture(1, height, width, 64)
        return detector, [canvas], [runner(["--from", "canvas", "--outputs", outputs]), runner(["--from", "canvas"], "regulus boxes")], False, {"batch": 1, "height": height, "width": width}
    inputs = list(points.voxels(points.street(count), grid))
    taking_part = [runner(["--outputs", "canvas", "--steps", "voxelizer,pillar_net,scatter"]), runner(["--outputs", "pillars", "--steps", "pillar_net"], "regulus net")]
    return detector.part(0), inputs, taking_part, False, {"points": count, "pillars": inputs[0].shape[0], "slots": inputs[0].shape[1]}


def output_sum(outputs, of_scores):
    """The sum of a detector's scores; of a part, that of all outputs' magnitudes."""
    if isinstance(outputs, dict):
        return outputs["score_sum" if of_scores else "output_sum"]
    if of_scores:
        return float(outputs[1].sum())
    import numpy as np

    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return sum(float(np.abs(np.asarray(output), dtype=np.float64).sum()) for output in outputs)


def measure(name, options):
    """Builds all runners of a system, warms them, takes the rounds. Returns what goes into the JSON file."""
    from peers import runners

    import torch

    module, inputs, taking_part, of_scores, sizes = (point_system if name.startswith("points_") else picture_system)(name, options)
    module.requires_grad_(False)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "network.onnx")
        torch.set_num_threads(options.threads)
        runners.export(module, inputs, path)
        taking_part += [runners.OnnxRuntime(path, inputs, options.threads), runners.OpenVino(path, inputs, options.threads, options.precision)]
        if not options.no_eager:
            taking_part.append(runners.Torch(module, inputs, options.threads))
        if options.compile:
            taking_part.append(runners.Torch(module, inputs, options.threads, compiled=True))

        found = {}
        for runner in taking_part:  # warm
            for _ in range(2):
                _, outputs = runner.run()
            found[runner.name] = output_sum(outputs, of_scores)
        rounds = []
        for index in range(options.rounds):
            times = {}
            for step in range(len(taking_part)):  # who starts changes from round to round
                runner = taking_part[(index + step) % len(taking_part)]
                time.sleep(0.02)  # threads of the one before come to rest
                times[runner.name] = runner.run()[0]
            rounds.append(times)
    for runner in taking_part:
        if isinstance(runner, runners.Regulus):
            runner.close()

    def ratios(who):
        return [times[who] / min(times[peer] for peer in PEERS) for times in rounds]

    names = [runner.name for runner in taking_part]
    return {"system": name, **sizes, "threads": options.threads, "rounds": options.rounds,
            "median_ms": {who: statistics.median(times[who] for times in rounds) for who in names},
            "min_ms": {who: min(times[who] for times in rounds) for who in names},
            "median_ratio": {who: statistics.median(ratios(who)) for who in names},
            "score_sum" if of_scores else "output_sum": found, "ms": rounds}


def show(result):
    sizes = [f"{result[key]} {key}" for key in ("points", "pillars", "slots") if key in result]
    sizes = ", ".join(sizes) or f"{result['batch']} x {result['height']} x {result['width']}"
    sums = result.get("score_sum") or result["output_sum"]
    print(f"\n{result['system']}  {sizes}, {result['threads']} threads, {result['rounds']} rounds")
    print(f"  {'':16}{'best ms':>10}{'median ms':>11}{'ratio to the best peer':>25}{'sum of scores' if 'score_sum' in result else 'sum of outputs':>16}")
    for who in result["median_ms"]:
        print(f"  {who:16}{result['min_ms'][who]:10.1f}{result['median_ms'][who]:11.1f}{result['median_ratio'][who]:25.3f}{sums[who]:16.{4 if 'score_sum' in result else 0}f}")
    sys.stdout.flush()


def main():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--regulus", default="build/regulus", help="the tool (default: %(default)s)")
    parser.add_argument("--venv", default=os.path.join(cache, "regulus-peers"), help="virtual environment of the peers (default: %(default)s)")
    parser.add_argument("--systems", default="all", help="names separated by commas, or all: " + ", ".join(SYSTEMS))
    parser.add_argument("--size", help="HEIGHTxWIDTH of detectors instead of 800x1344, multiples of 32")
    parser.add_argument("--threads", type=int, default=2, help="of every runtime (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=10, help="(default: %(default)s)")
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32", help="bf16: of Regulus and OpenVINO, where the processor has AMX or AVX512-BF16; the others stay float32 (default: %(default)s)")
    parser.add_argument("--compile", action="store_true", help="torch.compile with freezing takes part (slow to start)")
    parser.add_argument("--no-eager", action="store_true", help="torch does not take part")
    parser.add_argument("--passive", action="store_true", help="OMP_WAIT_POLICY=passive for Regulus: its threads sleep when they wait")
    parser.add_argument("--json", metavar="OUT", help="writes all times and ratios")
    options = parser.parse_args()
    chosen = list(SYSTEMS) if options.systems == "all" else options.systems.split(",")
    unknown = [name for name in chosen if name not in SYSTEMS]
    if unknown:
        parser.error(f"unknown system {', '.join(unknown)}; known: {', '.join(SYSTEMS)}")
    if options.rounds < 1 or options.threads < 1:
        parser.error("--rounds and --threads must be at least 1")
    if not os.access(options.regulus, os.X_OK):
        parser.error(f"{options.regulus} is not a program; build the tool and name it with --regulus")
    enter_environment(options.venv)

    from importlib.metadata import version

    versions = {package: version(package) for package in PACKAGES}
    print(f"{platform.machine()}, {os.cpu_count()} CPUs; " + ", ".join(f"{package} {number}" for package, number in versions.items()))
    results = []
    for name in chosen:
        results.append(measure(name, options))
        show(results[-1])
        if options.json:
            text = json.dumps({"versions": versions, "cpus": os.cpu_count(), "passive": options.passive, "precision": options.precision, "systems": results}, indent=1)
            with open(options.json, "w") as file:
                file.write(text + "\n")


if __name__ == "__main__":
    main()
