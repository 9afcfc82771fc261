"""Jobs measured in processes of their own, good ones and broken ones."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from hwbench import spaces
from hwbench.profiling import rows
from hwbench.profiling.jobs import Job
from hwbench.profiling.measuring import failure, measure
from hwbench.profiling.protocols import MeasuringProtocol
from hwbench.profiling.stopping import EnergyRule, StopRule
from hwbench.profiling.workloads import Workload
from hwbench.spaces import gpt_costs

pytest.importorskip("onnxruntime", reason="needs the extra [profile]")
pytest.importorskip("onnx", reason="needs the extra [profile]")

NANO = spaces.get("nano")
QUICK = StopRule(tolerance=0.2, min_s=0.02, max_s=0.3, warmup_max_s=0.05)
PREFILL, DECODE = Workload("prefill", 2, 64), Workload("decode", 2, 32, 8)


def _job(runtime="onnx-cpu", precision="fp32", workload=PREFILL, **changes):
    protocol = MeasuringProtocol("test", "nano", runtime, precision, workload, threads=1)
    job = Job("nano", str(NANO.largest()), protocol, stop=QUICK, timeout_s=60.0, key="k1")
    return dataclasses.replace(job, **changes)


def _works(row, workload):
    assert (row["status"], row["reason"], row["key"]) == ("ok", "", "k1")
    assert rows.latency_of(row).tokens == workload.tokens
    assert row["protocol"]["threads"] == 1
    assert row["device_id"].startswith("cpu-")
    assert row["seconds"] > row["prepare_s"] + sum(row["latency"]["samples_s"])
    code = NANO.encode([NANO.largest()])[0]
    cache = gpt_costs.kv_cache_bytes(
        NANO,
        code,
        sequence_length=workload.context,
        batch_size=2,
        bytes_per_value=2 if row["protocol"]["precision"] == "bf16" else 4,
    )
    assert row["memory"]["kv_cache_bytes"] == cache
    assert rows.memory_of(row).above_baseline_bytes > row["memory"]["weights_bytes"]
    assert rows.check(json.loads(json.dumps(row))) == row


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_onnx(precision):
    row = measure(_job(precision=precision))
    _works(row, PREFILL)
    assert set(row["versions"]) == {"hwbench", "python", "numpy", "onnx", "onnxruntime"}
    assert row["settings"]["spinning"] == "True"


@pytest.mark.parametrize(
    ("precision", "workload"), [("amp-bf16", PREFILL), ("bf16", DECODE)], ids=["prefill", "decode"]
)
def test_torch(precision, workload):
    pytest.importorskip("torch", reason="needs the extra [profile]")
    _works(measure(_job("torch-eager", precision, workload)), workload)


@pytest.mark.slow
@pytest.mark.parametrize("workload", [PREFILL, DECODE], ids=["prefill", "decode"])
def test_compiled(workload):
    pytest.importorskip("torch", reason="needs the extra [profile]")
    _works(measure(_job("torch-compile", workload=workload, timeout_s=300.0)), workload)


def test_energy_from_a_recorded_meter(tmp_path):
    recording = tmp_path / "device.json"
    power = {"times_s": [0], "power_w": [40.0]}
    recording.write_text(json.dumps({"kind": "cpu", "stable": {"model": "x"}, "energy": power}))
    rule = EnergyRule(windows=2, window_s=0.1, updates=1, idle_s=0.1)
    row = measure(_job(device=f"replay:{recording}", metrics=("energy",), energy=rule))
    found = rows.energy_of(row)
    assert found.power_w == pytest.approx(40.0, rel=1e-6)
    assert found.gross_j == pytest.approx(40.0 * found.seconds_per_iteration)
    assert found.net_j == pytest.approx(0.0, abs=1e-6)  # idle draws as much
    assert row["settings"]["spinning"] == "False"


@pytest.mark.parametrize(
    ("runtime", "workload", "why"),
    [
        ("torch-graphs", PREFILL, "does not do device 'cpu'; it does gpu"),
        ("onnx-cpu", DECODE, "does not do phase 'decode'; it does prefill"),
    ],
)
def test_what_a_runtime_cannot_do(runtime, workload, why):
    row = measure(_job(runtime, workload=workload))
    assert row["status"] == "unsupported"
    assert why in row["reason"]
    assert row["latency"] is None


def test_an_architecture_that_does_not_fit():
    row = measure(_job(architecture="nano:embed_dim=5"))
    assert (row["status"], row["reason"][:10]) == ("error", "SpaceError")


@pytest.mark.parametrize(
    ("fault", "status", "why"),
    [
        ("crash", "crash", "killed by SIGABRT"),
        ("killed", "out_of_memory", "SIGKILL"),
        ("out_of_memory", "out_of_memory", "MemoryError"),
        ("garbage", "crash", "ended without a row"),
        ("noise", "ok", ""),
    ],
)
def test_faults_become_rows(fault, status, why):
    row = measure(_job(fault=fault))
    assert row["status"] == status
    assert why in row["reason"]
    assert (row["key"], row["seconds"] > 0) == ("k1", True)


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="looks processes up in /proc")
def test_a_time_out_ends_the_children_too():
    begin = time.monotonic()
    row = measure(_job(fault="hang", timeout_s=4.0, key="late"))
    assert row["status"] == "timeout"
    assert row["reason"] == "killed after its time-out of 4 s"
    assert time.monotonic() - begin < 20
    _all_gone("late")


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="looks processes up in /proc")
def test_ctrl_c_ends_the_children_too():
    code = (
        "import sys\n"
        "from hwbench.profiling.jobs import Job\n"
        "from hwbench.profiling.measuring import measure\n"
        "measure(Job.from_json(sys.stdin.read()))\n"
    )
    words = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stderr=pipe, text=True) as process:
        process.stdin.write(_job(fault="hang", key="ctrl-c").to_json())
        process.stdin.close()
        for _ in range(300):
            if _sleepers("ctrl-c"):
                break
            time.sleep(0.1)
        assert _sleepers("ctrl-c")
        process.send_signal(signal.SIGINT)
        errors = process.stderr.read()
    assert process.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in errors
    _all_gone("ctrl-c")


def _all_gone(key):
    for _ in range(50):  # a killed process takes a moment to go
        if not _sleepers(key):
            break
        time.sleep(0.1)
    assert _sleepers(key) == []


def _sleepers(key):
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
            with open(f"/proc/{entry}/stat") as file:
                state = file.read().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if f"sleeper-{key}".encode() in words and state != "Z":
            found.append(entry)
    return found


def test_how_a_process_ended():
    assert failure(1, "Traceback\nRuntimeError: CUDA out of memory. Tried") == failure(
        1, "x\nTraceback\nRuntimeError: CUDA out of memory. Tried\n\n"
    )
    assert failure(1, "torch.OutOfMemoryError: CUDA out of memory").status == "out_of_memory"
    assert failure(1, "std::bad_alloc").status == "out_of_memory"
    assert failure(-signal.SIGSEGV, "").reason == "killed by SIGSEGV."
    assert failure(3, "boom").reason == "exit code 3: boom"
    assert failure(0, "").status == "crash"


def test_memory_of_a_known_allocation():
    # The meter that rows rely on, in a fresh process: 200 MiB more must show, and no more.
    code = (
        "import numpy as np\n"
        "from hwbench.profiling.footprint import baseline\n"
        "before = baseline()['baseline_bytes']\n"
        "kept = np.ones(200 << 20, dtype=np.uint8)\n"
        "print(baseline()['baseline_bytes'] - before)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(out.stdout) == pytest.approx(200 << 20, rel=0.02)
