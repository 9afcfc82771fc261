import pytest

from hwbench import metrics, units
from hwbench.errors import UnknownNameError


def test_names_and_units():
    assert {name: metric.unit for name, metric in metrics.METRICS.items()} == {
        "latency_s": "s",
        "energy_j": "J",
        "memory_bytes": "bytes",
        "perplexity": "1",
        "accuracy": "1",
        "params": "1",
        "flops": "FLOP",
    }
    assert all(metric.unit in units.UNITS for metric in metrics.METRICS.values())


def test_only_accuracy_is_maximised():
    up = [m.name for m in metrics.METRICS.values() if m.direction == "maximize"]
    assert up == ["accuracy"]


@pytest.mark.parametrize(
    ("short", "name"),
    [("latency", "latency_s"), ("energy", "energy_j"), ("memory", "memory_bytes")],
)
def test_short_names(short, name):
    assert metrics.get(short) is metrics.get(name)
    assert metrics.get(name).short == short
    assert metrics.get(name).needs_device


def test_unknown_metric():
    with pytest.raises(UnknownNameError, match="did you mean 'perplexity'"):
        metrics.get("perplexty")
