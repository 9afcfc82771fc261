"""Bundles as a whole: out to a folder and back, by name and by path."""

from dataclasses import replace

import numpy as np
import pytest

import hwbench
from hwbench.benchmark import closed_form, load, load_bundle, names, save
from hwbench.benchmark.loading import SHIPPED
from hwbench.errors import BundleError, UnknownNameError
from hwbench.surrogates.predictor import Predictor
from hwbench.testing.bundles import made_bundle, made_uncertainty


def test_a_bundle_reads_back(folder):
    bundle, _ = load_bundle(folder)
    made = made_bundle()
    for name in ("name", "space", "devices", "fitted", "version", "provenance", "licence"):
        assert getattr(bundle, name) == getattr(made, name)
    for name in ("citation", "limits", "card", "card_text"):
        assert getattr(bundle, name) == getattr(made, name)
    assert [cell.name for cell in bundle.cells] == [cell.name for cell in made.cells]


def test_its_cells_read_back(folder):
    bundle, _ = load_bundle(folder)
    made = made_bundle()
    codes = made.space.sample_codes(50, np.random.default_rng(0))
    for cell, expected in zip(bundle.cells, made.cells, strict=True):
        for name in ("metric", "devices", "protocol", "exact", "model_name"):
            assert getattr(cell, name) == getattr(expected, name)
        if cell.uncertainty is not None and expected.uncertainty is not None:
            assert cell.uncertainty.parts == expected.uncertainty.parts
            np.testing.assert_array_equal(
                cell.uncertainty.bounds(0.9), expected.uncertainty.bounds(0.9)
            )
        if isinstance(cell.model, Predictor) and isinstance(expected.model, Predictor):
            np.testing.assert_array_equal(cell.model.predict(codes), expected.model.predict(codes))


def test_equal_bundles_give_equal_bytes(folder, tmp_path):
    bundle, digest = load_bundle(folder)
    assert save(bundle, tmp_path / "again") == digest
    for path in folder.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_the_digest_names_the_bundle(tmp_path):
    digests = {save(made_bundle(seed=seed), tmp_path / str(seed)) for seed in (0, 1)}
    digests.add(save(replace(made_bundle(), licence="another"), tmp_path / "licence"))
    assert len(digests) == 3


@pytest.mark.parametrize("how", [str, lambda path: path, lambda path: f"{path}/"])
def test_a_path_loads(folder, how):
    assert hwbench.load(how(folder)).name == "made"


def test_a_folder_here_loads_by_its_name(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert load("made").name == "made"


def test_an_unknown_name_lists_what_ships():
    with pytest.raises(UnknownNameError, match=r"unknown benchmark 'gpt-x'.*folder"):
        load("gpt-x")


def test_a_path_that_is_none_is_named(tmp_path):
    with pytest.raises(BundleError, match=r"nowhere: no such folder"):
        load(tmp_path / "nowhere")


def test_names_are_those_of_folders_with_a_manifest():
    assert names() == tuple(sorted(path.parent.name for path in SHIPPED.glob("*/manifest.json")))


# -- what a bundle must be ---------------------------------------------------------------------


def _with(cell_name, **changes):
    bundle = made_bundle()
    return replace(
        bundle,
        cells=tuple(
            replace(cell, **changes) if cell.name == cell_name else cell for cell in bundle.cells
        ),
    )


@pytest.mark.parametrize(
    ("cell", "changes", "message"),
    [
        ("latency_s.gpu-one", {"devices": None}, "latency_s needs a device"),
        ("perplexity", {"devices": ("gpu-one",)}, "perplexity belongs to no device"),
        ("latency_s.gpu-one", {"devices": ("abacus",)}, "unknown devices: abacus"),
        ("latency_s.gpu-one", {"devices": ("gpu-two",)}, "more than one cell for latency_s on"),
        ("latency_s.gpu-one", {"name": "latency_s.gpu-two"}, "more than one cell latency_s.gpu"),
        ("latency_s.gpu-one", {"name": "../up"}, "needs a name of letters"),
        ("latency_s.gpu-one", {"metric": "latency"}, "the metric is called latency_s"),
        ("latency_s.gpu-one", {"metric": "energy_j"}, "energy_j is in J, its protocol says 's'"),
        ("latency_s.gpu-one", {"uncertainty": None}, "a surrogate needs an uncertainty"),
        ("params", {"model": closed_form("gpt.flops")}, "gpt.flops gives flops, not params"),
    ],
)
def test_cells_that_contradict_themselves_are_refused(cell, changes, message):
    with pytest.raises(BundleError, match=message):
        _with(cell, **changes)


def test_a_formula_is_certain():
    made = made_bundle()
    uncertain = made_uncertainty(made.space, np.random.default_rng(0))
    with pytest.raises(BundleError, match="a formula has none"):
        _with("params", uncertainty=uncertain)


def test_models_of_another_space_are_refused():
    bundle = made_bundle()
    with pytest.raises(BundleError, match="fitted on the space made, not on other"):
        replace(bundle, space=replace(bundle.space, name="other"))


def test_uncertainties_of_another_space_are_refused():
    uncertainty = made_bundle().cells[0].uncertainty
    assert uncertainty is not None
    short = replace(uncertainty, group=uncertainty.group[:-1])
    with pytest.raises(BundleError, match="a group for each of 12 combinations"):
        _with("latency_s.gpu-one", uncertainty=short)


def test_devices_differ_by_more_than_dashes():
    bundle = made_bundle()
    with pytest.raises(BundleError, match="more than one device gpuone"):
        replace(bundle, devices=(*bundle.devices, replace(bundle.devices[0], name="GPU_one")))
