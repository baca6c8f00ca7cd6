#!/usr/bin/env python3
"""Prints the README's table of models: parameters, work, planned memory, time, parity with the program that made the golden cases.

    bench/table.py [--tool build/regulus] [--cases ../shared/golden/detection2d] [--size 800x1344] [--threads 2] [--peers peers.json]

Everything in it is measured by this run: `regulus summary`, `regulus bench` and `regulus verify`; the ratio to the best peer comes
from the file that bench/peers.py wrote, where it is given.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys


def tool_output(tool, *arguments, accept=(0,)):
    result = subprocess.run([tool, *arguments], capture_output=True, text=True)
    if result.returncode not in accept:
        sys.exit(f"{' '.join([tool, *arguments])}: {result.stderr.strip()}")
    return result.stdout


def parity(report):
    """Worst share of a limit that any check used, and the largest error of a box in pixels."""
    worst, worst_node, boxes = 0.0, "", None
    for line in report.splitlines():
        match = re.match(r"\s+(\S+)\s+([\d.e+-]+)\s+([\d.e+-]+)\s", line)
        if not match:
            continue
        node, error, limit = match[1], float(match[2]), float(match[3])
        share = error / limit if limit else (0.0 if error == 0 else float("inf"))
        if share > worst:
            worst, worst_node = share, node
        if node.startswith("boxes."):
            boxes = max(boxes or 0.0, error)
    return worst, worst_node, boxes, report.rstrip().splitlines()[-1].startswith("passed")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", default="build/regulus")
    parser.add_argument("--cases", default="../shared/golden/detection2d")
    parser.add_argument("--size", default="800x1344")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--seconds", default="3")
    parser.add_argument("--peers")
    options = parser.parse_args()
    systems = json.loads(pathlib.Path(options.peers).read_text())["systems"] if options.peers else []
    ratios = {system["system"]: system["median_ratio"] for system in systems}

    print("| model | parameters | G multiply-adds | arena MB | ms | to best peer | verify | largest box error |")
    print("|---|---|---|---|---|---|---|---|")
    cases = {case.parent.name for case in pathlib.Path(options.cases).glob("*/case.json")}
    known = set(tool_output(options.tool, "zoo", "list", "--names").split())
    for case in sorted(pathlib.Path(options.cases).glob("*/case.json")):
        name = json.loads(case.read_text())["zoo"]
        if name not in known or "empty" in case.parent.name or ("batch" in case.parent.name and case.parent.name.replace("_batch2", "") in cases):
            continue
        summary = tool_output(options.tool, "summary", name, "--size", options.size).rstrip().splitlines()[-1]
        parameters, macs = re.findall(r"([\d,]+) (?:parameters|multiply-adds)", summary)
        bench = json.loads(tool_output(options.tool, "bench", name, "--size", options.size, "--threads", options.threads, "--seconds", options.seconds, "--json"))
        worst, node, boxes, passed = parity(tool_output(options.tool, "verify", str(case.parent), accept=(0, 1)))
        measured = ratios.get(name.split("/")[-1].removesuffix("_fpn_1x_coco"), {})
        ratio = measured.get("regulus+paste", measured.get("regulus"))
        same_tail = sum(other.split("/")[-1] == name.split("/")[-1] for other in known) > 1
        print(f"| {'/'.join(name.split('/')[-2 if same_tail else -1:])} | {parameters} | {int(macs.replace(',', '')) / 1e9:.0f} | {bench['arena_bytes'] / 1e6:.0f} | {bench['median_ms']:.0f} | "
              f"{f'{ratio:.2f}' if isinstance(ratio, (int, float)) else '-'} | {'passed' if passed else 'FAILED'}, at most {100 * worst:.0f} % of a limit ({node}) | "
              f"{'none found' if boxes is None else f'{boxes:.4f} px'} |", flush=True)


if __name__ == "__main__":
    main()
