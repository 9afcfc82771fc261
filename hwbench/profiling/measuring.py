"""Measure one job in a fresh process; whatever happens there, a row comes back."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hwbench.errors import HwbenchError
from hwbench.profiling import rows
from hwbench.profiling.devices import Device, open_device
from hwbench.profiling.devices.cpu import CPU
from hwbench.profiling.jobs import Job
from hwbench.profiling.rows import Row, Status

__all__ = ["Failure", "failure", "measure"]

_WORKER: Final = "hwbench.profiling.worker"
_REASON_LENGTH: Final = 500
_NO_MEMORY: Final = re.compile(
    r"MemoryError|OutOfMemoryError|out of memory|can't allocate memory|bad_alloc|"
    r"Failed to allocate memory|CUDNN_STATUS_ALLOC_FAILED|CUBLAS_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a worker gave no row."""

    status: Status
    reason: str


def measure(job: Job, /, *, device: Device | None = None) -> Row:
    """Measure a job in a process of its own and return its row.

    The process gets its threads and caches through the environment, is killed with all its children
    after `job.timeout_s`, and never outlives this call.

    Args:
        job: What to measure.
        device: The job's device, already open, so that it need not be opened again here. It is not
            locked: a campaign holds the lock for as long as it runs.

    Raises:
        UnknownNameError: If the device does not exist.
        KeyboardInterrupt: If it came meanwhile; the process is gone by then.
    """
    device = device or open_device(job.device)
    started_unix_s, begin = time.time(), time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="hwbench-") as scratch:
        row = _run(job, _environment(job, Path(scratch)))
    if isinstance(row, Failure):
        row = rows.new(job, status=row.status, reason=row.reason, started_unix_s=started_unix_s)
    # A device may be gone after a crash; its id then comes from the worker, or stays empty.
    with contextlib.suppress(HwbenchError):
        row["device_id"] = device.fingerprint().id
    row["started_unix_s"] = started_unix_s
    row["seconds"] = time.perf_counter() - begin
    return row


def failure(returncode: int, stderr: str, /) -> Failure:
    """Tell from how a process ended why it gave no row.

    Args:
        returncode: As `subprocess` gives it: negative for a signal.
        stderr: What it wrote to its standard error.
    """
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    last = lines[-1][-_REASON_LENGTH:] if lines else ""
    if returncode != 0 and _NO_MEMORY.search(" ".join(lines[-5:])):
        return Failure("out_of_memory", last)
    if returncode == -signal.SIGKILL:
        return Failure(
            "out_of_memory", "killed by SIGKILL, as the kernel does when memory runs out"
        )
    if returncode < 0:
        return Failure("crash", f"killed by {_signal(-returncode)}. {last}".strip())
    if returncode == 0:
        return Failure("crash", f"the process ended without a row. {last}".strip())
    return Failure("crash", f"exit code {returncode}: {last or 'no message'}")


def _run(job: Job, environment: Mapping[str, str]) -> Row | Failure:
    process = subprocess.Popen(
        [sys.executable, "-m", _WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # its own process group, so that its children go with it
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    with process, _group_killed(process):
        try:
            out, err = process.communicate(job.to_json(), timeout=job.timeout_s)
        except subprocess.TimeoutExpired:
            return Failure("timeout", f"killed after its time-out of {job.timeout_s:g} s")
    return _row(out) or failure(process.returncode, err)


@contextlib.contextmanager
def _group_killed(process: subprocess.Popen[str]) -> Iterator[None]:
    """Leave nobody of the process's group behind, on a time-out, Ctrl-C or a forgotten child."""
    try:
        yield
    finally:
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _row(out: str) -> Row | None:
    last = out.strip().rpartition("\n")[2]
    try:
        return rows.check(json.loads(last))
    except (json.JSONDecodeError, HwbenchError):
        return None


def _environment(job: Job, scratch: Path) -> dict[str, str]:
    threads = str(job.protocol.threads or CPU().usable_cores())
    changed = {
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "TMPDIR": str(scratch),  # what a killed worker leaves there goes with the folder
        # Compiled code of an earlier measurement would hide the cost of compiling, and vary.
        "TORCHINDUCTOR_CACHE_DIR": str(scratch / "inductor"),
        "TRITON_CACHE_DIR": str(scratch / "triton"),
    }
    # Threads that spin while they wait use energy, and on a machine that others use too they wait
    # for whole slices of the scheduler: five times slower passes were seen on two busy cores.
    return {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, **changed}


def _signal(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
