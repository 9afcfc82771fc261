"""A small upstream checkout, made by the tests, to put defects into; and a small table."""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hwbench import spaces
from hwbench.data import Protocol, Table

RAW = "data_collection/raw_results_hw"
# From the paper's table and from what the raw files count (closed forms written out by hand).
WIDTHS = {"s": (192, 384, 768), "m": (256, 512, 1024), "l": (320, 640, 1280)}
DEPTHS = {"s": (10, 11, 12), "m": (22, 23, 24), "l": (34, 35, 36)}
HEADS = {"s": (4, 8, 12), "m": (8, 12, 16), "l": (8, 16, 20)}
RATIOS = (2, 3, 4)
BATCH = {"s": 8, "m": 4, "l": 1}
VOCABULARY, TOKENS = 50254, 1024


def make_arch(number: int, scale: str = "s") -> dict:
    """Make the architecture of a number; another number, another architecture."""
    longest = DEPTHS[scale][-1]
    digits = [number // 3**i % 3 for i in range(2 * longest)]
    return {
        "sample_embed_dim": WIDTHS[scale][number % 3],
        "sample_n_layer": longest,
        "sample_layer_indices": list(range(longest)),
        "sample_n_head": [HEADS[scale][d] for d in digits[longest:]],
        "sample_mlp_ratio": [RATIOS[d] for d in digits[:longest]],
        "sample_bias": number % 2 == 0,
    }


def count_params(arch: dict) -> int:
    d, n = arch["sample_embed_dim"], arch["sample_n_layer"]
    heads, ratios = arch["sample_n_head"][:n], arch["sample_mlp_ratio"][:n]
    total = 2 * VOCABULARY * d + 2 * d
    for h, r in zip(heads, ratios, strict=True):
        total += 256 * h * d + 3 * r * d * d + 4 * d
        if arch["sample_bias"] in (True, "True"):
            total += 192 * h + 2 * d + 2 * r * d
    return total


def count_macs(arch: dict, scale: str) -> int:
    d, n = arch["sample_embed_dim"], arch["sample_n_layer"]
    heads, ratios = arch["sample_n_head"][:n], arch["sample_mlp_ratio"][:n]
    layers = sum(256 * h * d + 3 * r * d * d for h, r in zip(heads, ratios, strict=True))
    return BATCH[scale] * TOKENS * (VOCABULARY * d + layers)


def latency_row(arch: dict, scale: str, *, times: Sequence[float], units=None, **changes) -> dict:
    """Make a row of `efficiency_observations` as upstream's GPU profiler did."""
    row = {
        "arch": arch,
        "cpu_lat": None,
        "cpu_lat_std": None,
        "gpu_lat": np.float64(np.mean(times)),
        "gpu_lat_std": np.float64(np.std(times)),
        "unit_cpu": [],
        "unit_gpu": list(units or ["ms"] * len(times)),
        "times_profiler_gpu": list(times),
        "times_profiler_cpu": [],
        "flops": 2 * count_macs(arch, scale),
        "macs": count_macs(arch, scale),
        "params": count_params(arch),
        "unit": "kgCO2",
        "unit_energy": "Wh",
        "mean_energy_cpu": None,
        "std_energy_cpu": None,
    }
    return row | changes


def cpu_row(arch: dict, scale: str, *, times, units=None, energy=(0.5, 0.01), **changes) -> dict:
    """Make a row of `efficiency_observations` of a CPU: the std of times is a copy of the mean."""
    row = latency_row(arch, scale, times=times)
    return (
        row
        | {"gpu_lat": None, "gpu_lat_std": None, "unit_gpu": [], "times_profiler_gpu": []}
        | {
            "cpu_lat": np.float64(np.mean(times)),
            "cpu_lat_std": np.float64(np.mean(times)),
            "unit_cpu": list(units or ["s"] * len(times)),
            "times_profiler_cpu": list(times),
            "mean_energy_cpu": np.float64(energy[0]),
            "std_energy_cpu": np.float64(energy[1]),
            "mean_co2_cpu": np.float64(0.0),
        }
        | changes
    )


def tracker_row(arch: dict, *, energy: Sequence[float], power: Sequence[float], **changes) -> dict:
    """Make a row of the energy tracker: watts called emissions, watt-hours called KWh."""
    row = {
        "arch": arch,
        "mean_co2_gpu": np.float64(np.mean(power)),
        "unit": "W",
        "mean_energy_gpu": np.float64(np.mean(energy)),
        "unit_energy": "KWh",
        "emissions_gpu": list(power),
        "energy_gpu": list(energy),
        "emissions_cpu": [],
        "energy_cpu": [],
    }
    return row | changes


@dataclass(frozen=True)
class Checkout:
    """A checkout to write files into."""

    root: Path

    def write(self, folder: str, name: str, rows: object, *, protocol: int = 4) -> Path:
        """Write one pickle; below `data_collection/raw_results_hw` unless it holds perplexities."""
        parent = self.root / folder if folder.startswith("arch_") else self.root / RAW / folder
        parent.mkdir(parents=True, exist_ok=True)
        path = parent / f"{name}.pkl"
        path.write_bytes(pickle.dumps(rows, protocol=protocol))
        return path

    def latency(self, folder: str, start: int, rows: object) -> Path:
        return self.write(folder, f"efficiency_observations_{start}_{start + 2500}", rows)

    def tracker(self, folder: str, start: int, rows: object) -> Path:
        name = f"efficiency_energy_observations_tracker_{start}_{start + 2500}"
        return self.write(folder, name, rows)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """An empty checkout."""
    root = tmp_path / "HW-GPT-Bench"
    (root / RAW).mkdir(parents=True)
    return Checkout(root)


SPACE = spaces.get("gpt-s")
PROTOCOL = Protocol(
    name="profiler",
    batch_size=8,
    sequence_length=1024,
    precision="bf16",
    statistic="sum of kernel times",
    unit="s",
    source="made up",
    notes=("one", "two"),
)


def make_table(repeats, /, **changes) -> Table:
    repeats = np.asarray(repeats, dtype=float)
    n = len(repeats)
    rng = np.random.default_rng(0)
    fields = {
        "space": "gpt-s",
        "device": "a100",
        "metric": "latency_s",
        "protocol": PROTOCOL,
        "codes": SPACE.sample_codes(n, rng),
        "chunk": np.arange(n) // 2,
        "position": np.arange(n) * 10,
        "repeats": repeats,
        "source": "folder",
    }
    return Table(**(fields | changes))


def assert_same(a: Table, b: Table) -> None:
    for name in ("space", "device", "metric", "protocol", "source", "schema_version"):
        assert getattr(a, name) == getattr(b, name)
    for name in ("codes", "chunk", "position", "repeats", "flags"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert getattr(a, name).dtype == getattr(b, name).dtype
    assert (a.std is None) == (b.std is None)
    if a.std is not None and b.std is not None:
        np.testing.assert_array_equal(a.std, b.std)
