"""The process that measures one job: `python -m hwbench.profiling.worker`, the job on its input.

It is started anew for each measurement, so that nothing is left of the one before: no allocator, no
compiled code, no memory. The last line of its output is the row. What it cannot foresee (a crash,
memory that runs out) ends the process; `hwbench.profiling.measuring` makes the row of that.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import TextIO

import numpy as np

import hwbench
from hwbench import spaces
from hwbench.errors import HwbenchError, MissingExtraError
from hwbench.profiling import footprint, rows
from hwbench.profiling.devices import Device, open_device
from hwbench.profiling.devices.cpu import CPU
from hwbench.profiling.jobs import Job
from hwbench.profiling.meters.energy import Unavailable
from hwbench.profiling.rows import EnergyData, IdleData, NoEnergyData, Row
from hwbench.profiling.runtimes import Request, Runnable, Runtime, UnsupportedError, get
from hwbench.profiling.sampling import idle_power, meter_energy, sample_latency, warm_up

__all__ = ["main", "measure_here"]


def main() -> int:
    """Read a job, measure it, write its row; return the exit code."""
    with _own_output() as out:
        job = Job.from_json(sys.stdin.read())
        _break(job, out)
        row = measure_here(job, open_device(job.device))
        out.write("\n" + json.dumps(row, allow_nan=False) + "\n")
    return 0


def measure_here(job: Job, device: Device, /) -> Row:
    """Measure a job in this process.

    Args:
        job: What to measure.
        device: Where; it is not locked here.

    Returns:
        Its row; with status "unsupported" or "error" if hwbench itself refuses or loses the device.
    """
    begin = time.perf_counter()
    row = rows.new(
        job,
        status="ok",
        device_id=device.fingerprint().id,
        started_unix_s=time.time(),
    )
    try:
        _fill(row, job, device)
    except (UnsupportedError, MissingExtraError) as error:
        row["status"], row["reason"] = "unsupported", str(error)
    except HwbenchError as error:
        row["status"], row["reason"] = "error", f"{type(error).__name__}: {error}"
    row["seconds"] = time.perf_counter() - begin
    return row


def _fill(row: Row, job: Job, device: Device) -> None:
    runtime = get(job.protocol.runtime)
    request = _request(job, device)
    runtime.check(request)
    row["protocol"]["threads"] = request.threads
    row["versions"] = _versions(runtime)
    baseline = footprint.baseline()
    begin = time.perf_counter()
    with contextlib.closing(runtime.prepare(request)) as runnable:
        row["prepare_s"] = time.perf_counter() - begin
        _measure(row, job, device, runnable)
        row["settings"] = runnable.settings()
        row["memory"] = {
            **baseline,
            **footprint.peaks(device, runnable),
            **footprint.closed_forms(request),
        }
    _judge(row)


def _measure(row: Row, job: Job, device: Device, runnable: Runnable) -> None:
    metered = "energy_j" in job.metrics
    idle = _idle(device, job) if metered else None
    warmup_s = warm_up(runnable, job.stop)
    runnable.reset_memory()
    before = row["state_before"] = device.state()
    row["latency"] = sample_latency(
        runnable, job.stop, warmup_s=warmup_s, tokens=job.protocol.workload.tokens
    )
    if metered:
        row["energy"] = _energy(runnable, device, job, idle)
    after = row["state_after"] = device.state()
    row["warnings"] = list(device.disturbed(before, after))


def _idle(device: Device, job: Job) -> IdleData | None:
    meter = device.energy_meter()
    if isinstance(meter, Unavailable):
        return None
    with meter:  # closed while iterations are timed: some meters read in the background
        return idle_power(meter, job.energy)


def _energy(
    runnable: Runnable, device: Device, job: Job, idle: IdleData | None
) -> EnergyData | NoEnergyData:
    meter = device.energy_meter()
    if isinstance(meter, Unavailable):
        return NoEnergyData(reason=meter.reason, fix=meter.fix)
    with meter:
        return meter_energy(runnable, meter, job.energy, idle=idle)


def _judge(row: Row) -> None:
    latency = rows.latency_of(row)
    row["warnings"].extend(latency.wall.flags)
    if latency.stop_reason == "time_out":
        half = (latency.wall.high - latency.wall.low) / 2 / latency.median_s
        row["warnings"].append(
            f"time-out of the sampling: the median is known to {100 * half:.1f} %, "
            f"{latency.wall.n} samples"
        )
    row["warnings"].extend(_dead_windows(row["energy"]))


def _dead_windows(energy: EnergyData | NoEnergyData | None) -> list[str]:
    if energy is None or "reason" in energy:
        return []
    dead = sum(window["energy_j"] == 0 for window in energy["windows"])
    return [f"{dead} energy windows read 0 J: the meter stands still"] if dead else []


def _request(job: Job, device: Device) -> Request:
    space = spaces.get(job.space).with_network(job.protocol.network)
    return Request(
        arch=space.parse(job.architecture),
        space=space,
        protocol=job.protocol,
        torch_name=device.torch_name,
        threads=job.protocol.threads or CPU().usable_cores(),
        seed=job.seed,
        quiet="energy_j" in job.metrics,
    )


def _versions(runtime: Runtime) -> dict[str, str]:
    return {
        "hwbench": hwbench.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        **runtime.load(),
    }


@contextlib.contextmanager
def _own_output() -> Iterator[TextIO]:
    """Keep the standard output for the row; what libraries print goes to the standard error."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(kept, "w", encoding="utf-8") as out:
        yield out


def _break(job: Job, out: TextIO) -> None:
    """Do what a test asks for."""
    if job.fault == "crash":
        os.kill(os.getpid(), signal.SIGABRT)
    elif job.fault == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif job.fault == "out_of_memory":
        np.ones(1 << 60, dtype=np.uint8)
    elif job.fault == "hang":
        words = [sys.executable, "-c", "import time; time.sleep(600)", f"sleeper-{job.key}"]
        subprocess.run(words, check=False)
    elif job.fault == "noise":
        os.write(1, b"a library says hello\n")
    elif job.fault == "garbage":
        out.write("[1, 2\n")
        out.flush()
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
