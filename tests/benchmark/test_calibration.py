"""Designing for a new device and adding it: from a made-up bundle, through a file, to queries."""

from dataclasses import replace

import numpy as np
import pytest

from hwbench.benchmark import load, save
from hwbench.benchmark.bundle import Device
from hwbench.benchmark.calibration import calibrate, design
from hwbench.data.table import Table
from hwbench.errors import DataError, UnknownNameError
from hwbench.surrogates.fewshot.basis import Basis
from hwbench.testing.bundles import made_bundle, made_protocol

BUNDLE = made_bundle()
BARE = replace(BUNDLE, cells=tuple(c for c in BUNDLE.cells if c.metric != "energy_j"))
"""The same without energy."""

BOX = Device("box", "My box", "gpu", "bf16")


def slower():
    """The first GPU as far as the place of layers plays no part (it does for the made-up ones)."""
    basis, codes = Basis.of(BUNDLE.space), BUNDLE.space.sample_codes(500, np.random.default_rng(9))
    times = 1.7 * BUNDLE.cell("latency_s", "gpu-one").model.predict(codes)  # type: ignore[call-arg]
    effects = np.linalg.lstsq(basis.features(codes), times, rcond=None)[0]
    return basis.predictor(effects)


SLOWER = slower()


def measured(n=60, *, metric="latency_s", space="made", seed=0):
    """A device like the first GPU of the bundle, slower by a factor, as a table."""
    codes = BUNDLE.space.sample_codes(n, np.random.default_rng(seed))
    noise = np.exp(0.001 * np.random.default_rng(1).standard_normal((n, 3)))
    values = SLOWER.predict(codes)[:, None] * noise
    place = np.arange(n)
    protocol = made_protocol(metric)
    return Table(space, "gpu-0", metric, protocol, codes, 0 * place, place, values, "made")


def test_a_calibrated_device_is_saved_loaded_and_queried(tmp_path):
    found = calibrate(BUNDLE, [measured()], BOX, name="mine")
    save(found.bundle, tmp_path / "mine")
    bench = load(tmp_path / "mine")
    assert [d.name for d in bench.bundle.devices][-1] == "box"
    codes = BUNDLE.space.sample_codes(100, np.random.default_rng(5))
    truth = SLOWER.predict(codes)
    predicted = bench.bundle.cell("latency_s", "box").model.predict(codes)  # type: ignore[call-arg]
    assert np.abs(predicted / truth - 1.0).mean() < 0.01
    (learnt,) = found.learnt
    assert learnt.rows == 60
    assert learnt.held_out.mape < 0.05
    assert bench.card["cells"]["latency_s.box"]["n"] == 60


def test_other_cells_stay_as_they_are():
    found = calibrate(BUNDLE, [measured()], BOX).bundle
    assert found.cells[: len(BUNDLE.cells)] == BUNDLE.cells
    assert found.name == BUNDLE.name


def test_a_metric_that_no_device_has_is_left_out_and_said():
    found = calibrate(BARE, [measured(), measured(metric="energy_j")], BOX)
    assert list(found.skipped) == ["energy_j"]
    with pytest.raises(DataError, match="energy_j"):
        calibrate(BARE, [measured(metric="energy_j")], BOX)


@pytest.mark.parametrize(
    ("tables", "device", "match"),
    [
        ([measured()], BUNDLE.devices[0], "already"),
        ([measured(space="gpt-s")], BOX, "of gpt-s"),
        ([measured(), measured()], BOX, "choose one"),
    ],
)
def test_what_does_not_fit_is_refused(tables, device, match):
    with pytest.raises(DataError, match=match):
        calibrate(BUNDLE, tables, device)


def test_a_design_names_its_error_and_cost():
    def seconds(codes):
        return np.full(len(codes), 2.0)

    found = design(
        BUNDLE,
        ["latency", "perplexity"],
        8,
        rng=np.random.default_rng(0),
        kind="gpu",
        budget_s=10.0,
        seconds_of=seconds,
    )
    assert len(found.codes) == 5
    assert found.seconds == 10.0
    assert next(iter(found.expected)) == "latency_s"
    assert "5 architectures" in found.note


def test_a_design_needs_a_known_metric_and_a_price():
    rng = np.random.default_rng(0)
    with pytest.raises(UnknownNameError):
        design(BUNDLE, ["beauty"], 3, rng=rng)
    with pytest.raises(DataError, match="no device"):
        design(BARE, ["energy_j"], 3, rng=rng)
    with pytest.raises(DataError, match="seconds_of"):
        design(BUNDLE, ["latency_s"], 3, rng=rng, budget_s=1.0)


def test_a_device_is_replaced_as_if_it_had_never_been_there():
    once = calibrate(BUNDLE, [measured(n=20)], BOX).bundle
    other = Device("other", "Another", "gpu", "bf16")
    both = calibrate(once, [measured(n=20, seed=3)], other).bundle
    with pytest.raises(DataError, match="has a device box already"):
        calibrate(both, [measured(n=20)], BOX)
    again = calibrate(both, [measured(n=20)], BOX, replaces=True).bundle
    assert [d.name for d in again.devices] == [d.name for d in both.devices if d != BOX] + ["box"]
    assert again.card_text.count(": box\n") == both.card_text.count(": other\n") == 1
    # Devices that came from few measurements are no prior: the same box again.
    codes = BUNDLE.space.sample_codes(50, np.random.default_rng(7))
    first, second = [
        bundle.cell("latency_s", "box").model.predict(codes)  # type: ignore[call-arg]
        for bundle in (once, again)
    ]
    np.testing.assert_array_equal(first, second)
