"""Our timing loop against `torch.utils.benchmark` on the same module, in turn with each other.

    python benchmarks/profiling_vs_torch.py [--rounds 10] [--threads 1] [--length 256]

Both time the same forward pass of one gpt-s-wide network, in one process, round by round in a
random order, so that drift of the machine meets both alike. Printed: the medians over all samples
of all rounds, their ratio, and the interval of the ratio from the rounds. They should agree within
2 %; ours adds one call of Python and one of the clock to a pass, torch's blocks amortise that.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch.utils.benchmark import Timer

from hwbench import spaces
from hwbench.profiling.protocols import MeasuringProtocol
from hwbench.profiling.runtimes import Request, get
from hwbench.profiling.samples import median_interval
from hwbench.profiling.sampling import sample_latency, warm_up
from hwbench.profiling.stopping import StopRule
from hwbench.profiling.workloads import Workload


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()

    space = spaces.get("gpt-s-wide")
    workload = Workload("prefill", 1, options.length)
    protocol = MeasuringProtocol("bench", "profiled", "torch-eager", "fp32", workload)
    request = Request(space.smallest(), space, protocol, threads=options.threads)
    runnable = get("torch-eager").prepare(request)
    rule = StopRule(min_s=0.5, max_s=1.0)
    timer = Timer("run()", globals={"run": runnable.run}, num_threads=options.threads)
    rng = np.random.default_rng(0)
    warm_up(runnable, rule)

    ours: list[list[float]] = []
    theirs: list[list[float]] = []
    for _ in range(options.rounds):
        for turn in rng.permutation(2):
            if turn:
                data = sample_latency(runnable, rule, warmup_s=[], tokens=workload.tokens)
                ours.append(data["samples_s"])
            else:
                theirs.append(list(timer.blocked_autorange(min_run_time=0.5).times))
    report(ours, theirs, options)


def report(ours: list[list[float]], theirs: list[list[float]], options: argparse.Namespace) -> None:
    ratios = [float(np.median(a) / np.median(b)) for a, b in zip(ours, theirs, strict=True)]
    low, high, confidence = median_interval(ratios, confidence=0.9)
    figures = {
        "threads": options.threads,
        "length": options.length,
        "rounds": options.rounds,
        "torch": torch.__version__,
        "ours_median_s": float(np.median(np.concatenate(ours))),
        "torch_median_s": float(np.median(np.concatenate(theirs))),
        "ratio_median_of_rounds": float(np.median(ratios)),
        "ratio_low": low,
        "ratio_high": high,
        "confidence": confidence,
        "samples": [sum(map(len, ours)), sum(map(len, theirs))],
    }
    text = json.dumps(figures, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
