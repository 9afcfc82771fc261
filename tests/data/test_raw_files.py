"""The importer on upstream's real files.

Expected values come from the reference notes on HW-GPT-Bench (figures of the whole 10,000 rows, so
with a tolerance for checkouts that hold a part) or from reading the pickles in another way.
"""

import pickle
from pathlib import Path

import numpy as np
import pytest

from hwbench import spaces
from hwbench.data import Flag, find, load_tables
from hwbench.data.hwgptbench import import_checkout
from tests.data.conftest import RAW, count_params

CPUS = ["cpu-xeon-silver", "cpu-xeon-gold", "cpu-amd-7452", "cpu-amd-7502", "cpu-amd-7513"]


@pytest.fixture(scope="module")
def imported(raw_checkout, tmp_path_factory):
    """The tables of a few devices, and the reports on them."""
    out = tmp_path_factory.mktemp("tables")
    asked = [
        {"scales": ["s"], "devices": ["a100", *CPUS, "cpu-unnamed", "any"]},
        {"scales": ["m"], "devices": ["a6000", "any"]},
        {"scales": ["l"], "devices": ["cpu-amd-7502", "any"]},
    ]
    reports = [
        import_checkout(raw_checkout, out, jobs=0, absent=["7500_10000"], **options)
        for options in asked
    ]
    return out, reports


@pytest.fixture(scope="module")
def table(imported):
    def table(space, device, metric, protocol=None):
        return find(imported[0], space=space, device=device, metric=metric, protocol=protocol)

    return table


def raw_rows(checkout: Path, folder: str, name: str = "efficiency_observations") -> list:
    rows = []
    for path in sorted((checkout / RAW / folder).glob(f"{name}_[0-9]*.pkl")):
        rows += pickle.loads(path.read_bytes())
    return rows


def test_nothing_is_missing_and_every_row_accounted_for(imported):
    for report in imported[1]:
        assert report.complete
        assert set(report.dropped) <= {"other-scale", "not-positive"}
    small, medium, _ = imported[1]
    (unmeasured,) = [c for c in small.campaigns if "cpu_p100" in c.name]
    rows = sum(file.rows for file in unmeasured.files)
    assert small.dropped == {"not-positive": rows}, "the unnamed CPU has no energies"
    assert set(medium.dropped) == {"other-scale"}


def test_rows_are_the_raw_rows_in_their_order(raw_checkout, table):
    """Each repeat of two devices, read by plain unpickling."""
    rows = raw_rows(raw_checkout, "latency_a100")
    latency = table("gpt-s", "a100", "latency_s")
    times = np.array([row["times_profiler_gpu"] for row in rows])
    np.testing.assert_allclose(latency.repeats, times * 1e-3, rtol=1e-15)
    np.testing.assert_array_equal(latency.position, np.arange(len(rows)))
    np.testing.assert_array_equal(latency.chunk, np.arange(len(rows)) // 2500)
    tracked = raw_rows(raw_checkout, "latency_a100", "efficiency_energy_observations_tracker")
    energy = table("gpt-s", "a100", "energy_j")
    watt_hours = np.array([row["energy_gpu"] for row in tracked])
    np.testing.assert_allclose(energy.repeats, watt_hours * 3600, rtol=1e-15)
    np.testing.assert_array_equal(energy.codes, latency.codes)


def test_codes_are_the_raw_architectures(raw_checkout, table):
    rows = raw_rows(raw_checkout, "latency_a100")
    found = table("gpt-s", "a100", "latency_s")
    of = spaces.get("gpt-s")
    for row, arch in zip(rows[::97], of.decode(found.codes[::97]), strict=True):
        n = row["arch"]["sample_n_layer"]
        assert arch["embed_dim"] == row["arch"]["sample_embed_dim"]
        assert arch["n_head"] == tuple(row["arch"]["sample_n_head"][:n])
        assert arch["mlp_ratio"] == tuple(row["arch"]["sample_mlp_ratio"][:n])
        assert arch["bias"] == row["arch"]["sample_bias"]
        assert count_params(row["arch"]) == row["params"]


def test_mixed_units_are_put_right(raw_checkout, table):
    """Where upstream's mean mixes 1.0 with 999.0, ours stays near a second (1,736 of 10,000)."""
    rows = raw_rows(raw_checkout, "latency_cpu_meta")
    mixed = np.array([len(set(row["unit_cpu"])) > 1 for row in rows])
    found = table("gpt-s", "cpu-xeon-gold", "latency_s")
    np.testing.assert_array_equal(found.flagged(Flag.MIXED_UNITS), mixed)
    only_ms = sum(set(row["unit_cpu"]) == {"ms"} for row in rows)
    assert mixed.sum() + only_ms == pytest.approx(0.1736 * len(rows), rel=0.08)
    stored = np.array([row["cpu_lat"] for row in rows])
    assert stored[mixed].min() > 50
    assert found.repeats.max() < 10
    assert found.repeats.min() > 0.5
    for row, repeats in zip(rows[::211], found.repeats[::211], strict=True):
        seconds = [
            value * {"s": 1, "ms": 1e-3}[unit]
            for value, unit in zip(row["times_profiler_cpu"], row["unit_cpu"], strict=True)
        ]
        np.testing.assert_allclose(repeats, seconds, rtol=1e-15)


def test_watt_hours(table):
    """The A100 at s: 0.4222 mWh on average as published; energy over power gives 18.4 ms."""
    energy = table("gpt-s", "a100", "energy_j")
    assert energy.repeats.mean() / 3.6 == pytest.approx(0.4222, rel=0.01)
    power = table("gpt-s", "a100", "power_w")
    assert np.median(power.center()) == pytest.approx(67, rel=0.01)
    window = np.median(energy.center() / power.center())
    assert window == pytest.approx(18.4e-3, rel=0.02)
    latency = np.median(table("gpt-s", "a100", "latency_s").center())
    assert latency == pytest.approx(15.6e-3, rel=0.01)


def test_cpu_names_agree_with_the_power_they_imply(table):
    """The folders' CPUs draw these watts; a wrong mapping would show another device's."""
    implied = {}
    for name in CPUS:
        energy = table("gpt-s", name, "energy_j").center()
        implied[name] = float(np.median(energy / table("gpt-s", name, "latency_s").center()))
    assert implied["cpu-amd-7452"] == pytest.approx(107, rel=0.02)
    assert implied["cpu-amd-7502"] == pytest.approx(288, rel=0.02)
    assert implied["cpu-xeon-gold"] == pytest.approx(57, rel=0.1)
    assert 63 <= implied["cpu-xeon-silver"] <= 76
    assert 380 <= implied["cpu-amd-7513"] <= 450


def test_one_repeat_and_cold_xeons(table):
    assert table("gpt-s", "cpu-amd-7513", "latency_s").repeats.shape[1] == 1
    for name, low, high in (("cpu-xeon-silver", 1.04, 1.10), ("cpu-xeon-gold", 1.16, 1.23)):
        found = table("gpt-s", name, "latency_s")
        assert low < np.median(found.repeats[:, 0] / found.center()) < high


def test_stray_rows_are_gone(imported, table):
    """9 + 3 + 3 (+ 2) rows of scale s stand at the heads of the A6000's files at m."""
    latency, energy = (table("gpt-m", "a6000", metric) for metric in ("latency_s", "energy_j"))
    np.testing.assert_array_equal(latency.codes, energy.codes)
    np.testing.assert_array_equal(latency.position, energy.position)
    (campaign,) = [c for c in imported[1][1].campaigns if c.dropped]
    chunks = len(campaign.files)
    assert campaign.dropped["other-scale"] == sum((9, 3, 3, 2)[:chunks])


def test_memory_is_whole_allocations(table):
    for space in ("gpt-s", "gpt-m", "gpt-l"):
        for precision in ("bf16", "fp16"):
            repeats = table(space, None, "memory_bytes", precision).repeats
            assert (repeats % 512 == 0).all()


def test_perplexity_and_accuracy(raw_checkout, table):
    for scale, fewest, lowest in (("s", 7500, 22.0), ("m", 4000, 15.0), ("l", 340, 13.0)):
        rows = []
        folder = raw_checkout / f"arch_ppl_bench_{scale}"
        for start in range(0, 10_000, 1000):
            path = folder / f"ppl_observations_tracker_{start}_{start + 1000}.pkl"
            rows += pickle.loads(path.read_bytes())
        found = table(f"gpt-{scale}", None, "perplexity")
        assert found.repeats[:, 0].tolist() == [row["perplexity"] for row in rows]
        accuracy = table(f"gpt-{scale}", None, "accuracy").repeats[:, 0]
        assert accuracy.tolist() == [row["accuracy"] for row in rows]
        assert len(found) >= fewest
        assert found.repeats.min() > lowest
        np.testing.assert_array_equal(found.chunk, found.position // 1000)
        assert len(set(found.position.tolist())) == len(found)


def test_latency_and_perplexity_have_the_same_architectures(table):
    latency, perplexity = (
        table("gpt-s", device, metric)
        for device, metric in (("a100", "latency_s"), (None, "perplexity"))
    )
    assert {c.tobytes() for c in latency.codes} == {c.tobytes() for c in perplexity.codes}


def test_tables_are_canonical_and_distinct(imported):
    for found in load_tables(imported[0]):
        of = spaces.get(found.space)
        np.testing.assert_array_equal(found.codes, of.canonical(found.codes))
        assert len({code.tobytes() for code in found.codes}) == len(found)
        assert np.isfinite(found.repeats).all()
        assert (found.repeats > 0).all()
