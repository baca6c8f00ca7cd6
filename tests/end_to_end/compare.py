#!/usr/bin/env python3
"""Compares a results file of `regulus detect` with that of mmdetection on the same pictures.

    compare.py [--half] ANNOTATIONS OURS THEIRS METRICS

Detections (standard library only): for each one of theirs there must be one of ours on the same picture, of the same class, with
IoU >= 0.999 and a score within 1e-3, and the other way round. Boxes below the score that both programs cut at, or pushed out of the last
places of a picture, may differ by the last bit of a float: such ties are counted, and more than 1 in 1000 fail.

Average precision (pycocotools): box AP, and mask AP where there are masks, within 0.05 points (of 100) of METRICS, which mmdetection's
detections gave. Without pycocotools this part is skipped and the last line says so.

--half: OURS comes from weights stored in half precision, which move scores by some thousandths and rounded decisions with them. The limits are then
IoU >= 0.99, scores within 5e-3, 2 in 100 unpaired, and 0.1 points of average precision.

Exit code: 0 passed, 1 failed, 2 bad input.
"""
import contextlib
import io
import json
import sys

CUT = 0.05  # both programs drop what is not above


class Limits:
    iou = 0.999
    score = 1e-3
    ties = 1e-3  # part of all detections
    points = 0.05


class HalfLimits:
    iou = 0.99
    score = 5e-3
    ties = 0.02
    points = 0.1


def iou(a, b):
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def grouped(results):
    groups = {}
    for result in results:
        groups.setdefault((result["image_id"], result["category_id"]), []).append(result)
    return groups


def pair(theirs, ours, limits):
    """Unpaired detections of both, and the largest score difference and least IoU of the pairs."""
    mine = grouped(ours)
    lost, worst_score, least_iou = [], 0.0, 1.0
    for key, group in grouped(theirs).items():
        free = list(mine.get(key, []))
        for wanted in sorted(group, key=lambda r: -r["score"]):
            best = max(free, key=lambda r: iou(r["bbox"], wanted["bbox"]) - abs(r["score"] - wanted["score"]), default=None)
            if best is None or iou(best["bbox"], wanted["bbox"]) < limits.iou or abs(best["score"] - wanted["score"]) > limits.score:
                lost.append(wanted)
                continue
            worst_score = max(worst_score, abs(best["score"] - wanted["score"]))
            least_iou = min(least_iou, iou(best["bbox"], wanted["bbox"]))
            free.remove(best)
        mine[key] = free
    return lost, [result for group in mine.values() for result in group], worst_score, least_iou


def average_precision(annotations, results, kind):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(annotations)
        evaluation = COCOeval(truth, truth.loadRes(results), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[0]


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--half"]
    limits = HalfLimits if "--half" in sys.argv else Limits
    if len(arguments) != 4:
        print(__doc__)
        return 2
    annotations, ours_path, theirs_path, metrics_path = arguments
    with open(ours_path) as file:
        ours = json.load(file)
    with open(theirs_path) as file:
        theirs = json.load(file)
    with open(metrics_path) as file:
        metrics = json.load(file)
    failures = 0

    lost, extra, worst_score, least_iou = pair([r for r in theirs if r["score"] >= CUT], [r for r in ours if r["score"] >= CUT], limits)
    print(f"{len(ours)} detections, mmdetection {len(theirs)}; pairs differ by {worst_score:.1e} in score, IoU >= {least_iou:.6f}")
    ties = len(lost) + len(extra)
    print(f"ties: {len(lost)} of theirs without partner, {len(extra)} of ours, {ties / max(1, len(theirs)):.2%} of all (limit {limits.ties:.2%})")
    for name, group in (("theirs", lost), ("ours", extra)):
        for result in group[:10]:
            print(f"  only {name}: picture {result['image_id']}, class {result['category_id']}, score {result['score']:.5f}, box {[round(v, 2) for v in result['bbox']]}")
    failures += ties > limits.ties * len(theirs)

    has_masks = any("segmentation" in result for result in ours)
    if has_masks != any("segmentation" in result for result in theirs):
        print("FAILED: only one of the two files has masks")
        failures += 1
    try:
        import pycocotools  # noqa: F401
    except ImportError:
        print("SKIPPED: average precision (pycocotools is not installed)")
        return 1 if failures else 0
    for kind in ("bbox", "segm") if has_masks else ("bbox",):
        got = average_precision(annotations, ours_path, kind)
        wanted = metrics[kind]["AP"]
        good = abs(got - wanted) * 100 <= limits.points
        failures += not good
        print(f"{kind} AP {got * 100:.2f}, mmdetection {wanted * 100:.2f}: {'ok' if good else 'FAILED'} (limit {limits.points} points)")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
