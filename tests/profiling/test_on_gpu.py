"""What only a GPU shows: event times, graphs, the allocator. Run with `pytest -m gpu`."""

import dataclasses

import pytest

from hwbench import spaces
from hwbench.profiling import rows
from hwbench.profiling.jobs import Job
from hwbench.profiling.measuring import measure
from hwbench.profiling.protocols import MeasuringProtocol, get
from hwbench.profiling.stopping import EnergyRule, StopRule
from hwbench.profiling.workloads import Workload

pytestmark = pytest.mark.gpu

NANO = spaces.get("nano")
PREFILL, DECODE = Workload("prefill", 2, 64), Workload("decode", 2, 32, 8)
TORCH = ("torch-eager", "torch-compile", "torch-graphs", "torch-compile-graphs")


@pytest.fixture(autouse=True)
def _cuda():
    torch = pytest.importorskip("torch", reason="needs the extra [profile]")
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")


def _job(runtime, precision, workload, **changes):
    protocol = MeasuringProtocol("test", "nano", runtime, precision, workload)
    stop = StopRule(tolerance=0.1, min_s=0.1, max_s=2.0)
    job = Job("nano", str(NANO.largest()), protocol, device="cuda:0", stop=stop, timeout_s=300.0)
    return dataclasses.replace(job, **changes)


@pytest.mark.parametrize("workload", [PREFILL, DECODE], ids=["prefill", "decode"])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16", "amp-bf16"])
@pytest.mark.parametrize("runtime", TORCH)
def test_torch(runtime, precision, workload):
    row = measure(_job(runtime, precision, workload))
    assert row["status"] == "ok", row["reason"]
    found = rows.latency_of(row)
    assert found.event is not None
    assert 0 < found.event.median <= found.wall.median * 1.05
    memory = row["memory"]
    assert memory["peak_allocated_bytes"] <= memory["peak_reserved_bytes"]
    stored = 4 if precision.startswith("amp") or precision == "fp32" else 2
    parameters = memory["weights_bytes"] // stored
    assert rows.memory_of(row).peak_bytes > (parameters * stored) / 2


@pytest.mark.parametrize("workload", [PREFILL, DECODE], ids=["prefill", "decode"])
def test_graphs_compute_what_eager_computes(workload):
    import torch

    from hwbench.profiling.runtimes import Request
    from hwbench.profiling.runtimes._networks import network, steps
    from hwbench.profiling.runtimes.torch_graphs import captured

    protocol = MeasuringProtocol("test", "nano", "torch-graphs", "fp32", workload)
    request = Request(NANO.largest(), NANO, protocol, torch_name="cuda:0")
    found = []
    with torch.no_grad():
        begin, step = steps(request, network(request))
        for run in (step, captured(begin, step)):
            begin()
            results = [run().clone() for _ in range(max(workload.new_tokens, 1))]
            found.append(torch.stack(results).cpu())
    assert torch.allclose(found[0].float(), found[1].float(), atol=1e-5)


def test_energy_and_memory_of_a_real_network():
    space = spaces.get("gpt-s")
    protocol = get("hw-gpt-bench", space, "gpu")
    rule = EnergyRule(windows=1, idle_s=2.0)
    row = measure(
        Job(
            "gpt-s",
            str(space.largest()),
            protocol,
            device="cuda:0",
            metrics=("latency", "energy", "memory"),
            energy=rule,
        )
    )
    assert row["status"] == "ok", row["reason"]
    energy = rows.energy_of(row)
    assert energy.net_j is not None
    assert energy.gross_j > energy.net_j > 0
    assert energy.seconds_per_iteration == pytest.approx(rows.latency_of(row).median_s, rel=0.2)
    # Weights, their half-precision copies and all logits are a floor of the peak.
    logits = 2 * 8 * 1024 * 50254
    assert rows.memory_of(row).peak_bytes > row["memory"]["weights_bytes"] + logits


def test_out_of_memory_is_a_row():
    space = spaces.get("gpt-s")
    protocol = get("hw-gpt-bench", space, "gpu", batch=100_000)
    job = Job("gpt-s", str(space.largest()), protocol, device="cuda:0", timeout_s=300.0)
    assert measure(job)["status"] == "out_of_memory"
