"""Journals made up by tests: rows as the profiling room writes them, with chosen numbers."""

from hwbench import spaces
from hwbench.data import Protocol
from hwbench.data.journal import Entry, Session

SPACE = spaces.get("gpt-s")
SESSION = Session(
    number=0,
    plan="plan-1",
    plan_text="space = 'gpt-s'\n",
    shard=0,
    shards=1,
    device_id="cpu-0123",
    device={"model": "made up"},
    started_unix_s=1000.0,
)


def protocol(metric="latency_s", name="serving"):
    unit = {"latency_s": "s", "energy_j": "J", "memory_bytes": "bytes"}[metric]
    made = Protocol(name, 1, 512, "fp32", "one iteration", unit, "hwbench.profiling")
    return made.to_dict()


def make_row(architecture, samples, *, device_id="cpu-0123", status="ok", **more):
    return {
        "space": "gpt-s",
        "architecture": str(architecture),
        "device": "cpu",
        "device_id": device_id,
        "status": status,
        "reason": None if status == "ok" else "made up",
        "started_unix_s": 1000.0,
        "seconds": 1.0,
        "latency": {"samples_s": list(samples), "warmup_s": [9.0]} if samples else None,
    } | more


def make_entry(sequence, row, *, metrics=("latency_s",), **more):
    fields = {
        "key": f"key-{sequence}",
        "plan": "plan-1",
        "shard": 0,
        "session": 0,
        "sequence": sequence,
        "at_s": 10.0 * sequence,
        "pass_number": 0,
        "anchor": False,
        "protocols": {metric: protocol(metric) for metric in metrics},
        "row": row,
    }
    return Entry(**(fields | more))
