"""Campaigns without hardware: a device that is played back, and a measurer that only makes rows up.

Run as a program it works on a plan until it is done or killed:
`python -m tests.profiling.campaigns PLAN OUT RECORDING`.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from hwbench import spaces
from hwbench.profiling import protocols, rows
from hwbench.profiling.campaign import Campaign
from hwbench.profiling.devices import open_device
from hwbench.profiling.plan import Plan
from hwbench.profiling.plan_file import read_plan

SPACE = spaces.get("gpt-s")
SERVING = protocols.get("serving", SPACE, "cpu")


def make_plan(n=3, **changes) -> Plan:
    codes = SPACE.sample_codes(n, np.random.default_rng(5))
    texts = tuple(str(arch) for arch in SPACE.decode(codes))
    fields = {
        "space": "gpt-s",
        "device": "replay",
        "protocols": (SERVING,),
        "architectures": texts,
        "anchors": texts[:1],
        "anchor_every": 2,
    }
    return Plan(**(fields | changes))


def record(path: Path, **changes) -> Path:
    """Write a recording; each folder has a device of its own, as tests run side by side."""
    told = {"kind": "cpu", "label": "recorded", "stable": {"model": "recorded"}} | changes
    told["stable"] = {**told["stable"], "serial": str(path.parent)}
    path.write_text(json.dumps(told))
    return path


def make_row(job, status="ok", *, device_id="", samples=(0.5, 0.51), **changes):
    """A row as a worker writes it, with chosen numbers."""
    row: dict = {
        **rows.new(job, status=status, device_id=device_id, started_unix_s=1000.0),
        "seconds": 2.0,
    }
    if status == "ok":
        latency = {
            "samples_s": list(samples),
            "warmup_s": [],
            "event_samples_s": None,
            "stop_reason": "converged",
            "tokens_per_iteration": 512,
        }
        row = {**row, "latency": latency}
    return {**row, **changes}


class Measurer:
    """Makes rows up and remembers what it was asked for.

    `faults` is architecture -> status, or a function from the number of calls so far to a status.
    """

    def __init__(self, faults=None):
        self.faults = faults or {}
        self.jobs = []

    def __call__(self, job, /, *, device):
        self.jobs.append(job)
        if callable(self.faults):
            status = self.faults(len(self.jobs))
        else:
            status = self.faults.get(job.architecture, "ok")
        return make_row(job, status, device_id=device.fingerprint().id, reason="made up")


def slow(job, /, *, device):
    time.sleep(0.002)
    return make_row(job, device_id=device.fingerprint().id, samples=[0.5] * 200)


if __name__ == "__main__":
    plan, out, recording = sys.argv[1:]
    Campaign(read_plan(plan), Path(out)).run(
        open_device(f"replay:{recording}"),
        slow,
        progress=lambda p: print(p.slot.position, flush=True),  # noqa: T201  # what the test reads
    )
