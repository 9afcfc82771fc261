"""What rows say, against a calculation by hand."""

import json

import pytest

from hwbench import spaces
from hwbench.errors import DataError, SchemaError, UnknownNameError
from hwbench.profiling import protocols, rows
from hwbench.profiling.jobs import Job

NANO = spaces.get("nano")


def _row(**changes):
    protocol = protocols.get("serving", NANO, "cpu")
    job = Job("nano", str(NANO.smallest()), protocol, metrics=("latency", "energy", "memory"))
    return {**rows.new(job, status="ok", started_unix_s=1.0), **changes}


def _latency(**changes):
    return {
        "samples_s": [0.2, 0.1, 0.4],
        "warmup_s": [9.0],
        "event_samples_s": None,
        "stop_reason": "time_out",
        "tokens_per_iteration": 4,
        **changes,
    }


def _energy(**changes):
    window = [(60.0, 2.0, 10), (90.0, 2.0, 10), (33.0, 1.0, 5)]
    names = ("energy_j", "duration_s", "iterations")
    return {
        "windows": [dict(zip(names, values, strict=True)) for values in window],
        "idle": {"power_w": 10.0, "duration_s": 5.0},
        "source": "replay",
        "scope": "gpu",
        "update_s": 0.1,
        **changes,
    }


def test_latency():
    found = rows.latency_of(_row(latency=_latency()))
    assert found.median_s == 0.2  # the warm-up plays no part
    assert found.per_token_s == pytest.approx(0.05)
    assert found.tokens_per_s == pytest.approx(20.0)
    assert found.event is None
    both = rows.latency_of(_row(latency=_latency(event_samples_s=[0.1, 0.1, 0.3])))
    assert both.event.median == 0.1


def test_energy_gross_and_net():
    found = rows.energy_of(_row(energy=_energy()))
    assert found.windows_j == pytest.approx((6.0, 9.0, 6.6))
    assert found.gross_j == pytest.approx(6.6)
    assert found.net_j == pytest.approx(4.6)  # (60 - 20) / 10, (90 - 20) / 10, (33 - 10) / 5
    assert found.power_w == pytest.approx(183 / 5)
    assert found.seconds_per_iteration == pytest.approx(0.2)
    assert rows.energy_of(_row(energy=_energy(idle=None))).net_j is None


def test_energy_that_is_not_there_says_why():
    row = _row(energy={"reason": "no RAPL", "fix": "chmod a+r energy_uj"})
    with pytest.raises(DataError, match="no RAPL; chmod a\\+r energy_uj"):
        rows.energy_of(row)


def test_memory_prefers_the_allocator_of_the_gpu():
    cpu = {"baseline_bytes": 100, "vm_hwm_bytes": 150, "weights_bytes": 40}
    found = rows.memory_of(_row(memory=cpu))
    assert (found.peak_bytes, found.above_baseline_bytes) == (150, 50)
    gpu = {**cpu, "peak_allocated_bytes": 44, "nvml_process_bytes": 600}
    assert rows.memory_of(_row(memory=gpu)).peak_bytes == 44
    assert rows.memory_of(_row(memory=gpu)).above_baseline_bytes == 44
    onnx = {**cpu, "nvml_process_bytes": 600}
    found = rows.memory_of(_row(memory=onnx))
    assert (found.peak_bytes, found.above_baseline_bytes) == (600, 600)


def test_value_of():
    row = _row(latency=_latency(), energy=_energy(), memory={"vm_hwm_bytes": 7})
    values = [rows.value_of(row, name) for name in ("latency_s", "energy_j", "memory_bytes")]
    assert values == pytest.approx([0.2, 6.6, 7])
    with pytest.raises(UnknownNameError):
        rows.value_of(row, "perplexity")


def test_failed_rows_say_why():
    row = _row(status="timeout", reason="killed after 3 s")
    for derive in (rows.latency_of, rows.energy_of, rows.memory_of):
        with pytest.raises(DataError, match=r"timeout\. killed after 3 s"):
            derive(row)


def test_check():
    row = _row(latency=_latency())
    assert rows.check(json.loads(json.dumps(row))) == row
    with pytest.raises(SchemaError, match="schema version 2"):
        rows.check({**row, "schema_version": 2})
    with pytest.raises(SchemaError, match="got list"):
        rows.check([])
    with pytest.raises(SchemaError, match="latency, seed missing"):
        rows.check({k: v for k, v in row.items() if k not in ("latency", "seed")})
    with pytest.raises(UnknownNameError, match="status"):
        rows.check({**row, "status": "fine"})
