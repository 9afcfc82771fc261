"""From fitted cells to a bundle: which cells, for which devices, and what the card says."""

from dataclasses import replace

import numpy as np
import pytest

from hwbench import spaces
from hwbench.benchmark import Benchmark, load, save
from hwbench.benchmark.build import Fitted, build_bundle, cell_name, check_about
from hwbench.errors import BundleError, SchemaError, UnknownNameError
from hwbench.spaces import gpt_costs
from hwbench.surrogates.fitting import Measured, Plan, fit_cell
from tests.surrogates.fitting.made import recipe, table

SPACE = spaces.get("gpt-s")
ABOUT = {
    "licence": "MIT",
    "citation": "Nobody, 2026",
    "limits": ["Nothing here is real."],
    "source": {"name": "made up"},
    "serves": {"memory_bytes.made": ["a100", "v100"]},
    "closed_forms": {
        "gpt.weight_bytes_fp32": ["cpu-one", "cpu-two"],
        "gpt.params": [],
        "gpt.flops": [],
    },
    "devices": {
        "v100": {"label": "V100", "kind": "gpu"},
        "a100": {"label": "A100", "kind": "gpu", "notes": ["its clock was free"]},
        "cpu-one": {"label": "One", "kind": "cpu"},
    },
}


@pytest.fixture(scope="module")
def fit():
    """Fit a cell of a few architectures by counts of layers."""
    plan = Plan(("quick",), ("rival",))
    counts = {"kind": "layerwise", "structure": "counts"}
    how = recipe({"quick": counts, "rival": counts}, plan={"latency_s": plan})

    def fit(device, metric="latency_s"):
        source = table(SPACE, device=device, metric=metric)
        cell = fit_cell(Measured.of(source, SPACE), plan, how)
        return Fitted(source, cell.predictor, cell.uncertainty, cell.figures)

    return fit


@pytest.fixture(scope="module")
def fitted(fit):
    return [
        fit("zoo"),
        fit("cpu-one"),
        fit("a100"),
        fit(None, "memory_bytes"),
        fit(None, "perplexity"),
    ]


@pytest.fixture(scope="module")
def bundle(fitted):
    return build_bundle("mine", SPACE, fitted, ABOUT)


def test_names_of_cells(fitted):
    assert [cell_name(one.table) for one in fitted] == [
        "latency_s.zoo",
        "latency_s.cpu-one",
        "latency_s.a100",
        "memory_bytes.made",
        "perplexity",
    ]


def test_devices_come_in_the_order_of_the_recipe_then_by_name(bundle):
    assert [device.name for device in bundle.devices] == ["a100", "cpu-one", "zoo"]
    a100, _, zoo = bundle.devices
    assert (a100.label, a100.kind, a100.precision) == ("A100", "gpu", "bf16")
    assert a100.notes == ("its clock was free",)
    assert (zoo.label, zoo.kind, zoo.notes) == ("zoo", "cpu", ())


def test_a_cell_serves_the_measured_devices_alone(bundle):
    served = {cell.name: cell.devices for cell in bundle.cells}
    assert served == {
        "latency_s.zoo": ("zoo",),
        "latency_s.cpu-one": ("cpu-one",),
        "latency_s.a100": ("a100",),
        "memory_bytes.made": ("a100",),
        "perplexity": None,
        "gpt.weight_bytes_fp32": ("cpu-one",),
        "gpt.params": None,
        "gpt.flops": None,
    }


def test_what_serves_no_measured_device_is_left_out(fit):
    found = build_bundle("mine", SPACE, [fit("zoo"), fit(None, "memory_bytes")], ABOUT)
    assert [cell.name for cell in found.cells] == ["latency_s.zoo", "gpt.params", "gpt.flops"]


def test_closed_forms_are_exact(bundle, rng):
    asked = Benchmark(bundle)
    codes = SPACE.sample_codes(50, rng)
    np.testing.assert_array_equal(asked.predict(codes, "params"), gpt_costs.params(SPACE, codes))
    np.testing.assert_array_equal(
        asked.predict(codes, "memory_bytes", "cpu-one"), 4 * gpt_costs.params(SPACE, codes)
    )
    assert asked.uncertainty("flops") is None


def test_surrogates_answer_as_they_were_fitted(bundle, fitted, rng):
    asked = Benchmark(bundle)
    codes = SPACE.sample_codes(50, rng)
    np.testing.assert_allclose(
        asked.predict(codes, "latency_s", "a100"), fitted[2].predictor.predict(codes), rtol=1e-12
    )


def test_it_says_where_it_comes_from(bundle):
    assert (bundle.name, bundle.licence, bundle.citation) == ("mine", "MIT", "Nobody, 2026")
    assert bundle.provenance == {"name": "made up"}
    assert bundle.limits == ("Nothing here is real.",)


def test_it_can_be_saved_and_loaded(bundle, tmp_path, rng):
    save(bundle, tmp_path / "mine")
    again, arch = load(tmp_path / "mine"), SPACE.sample(rng)
    before = Benchmark(bundle).query(arch, device="a100")
    assert again.query(arch, device="a100") == pytest.approx(before, rel=1e-6)  # float32


def test_the_card_tells_of_every_fitted_cell(bundle, fitted):
    """In figures and on every page of the text; numbers as they are in the figures."""
    names = [cell_name(one.table) for one in fitted]
    assert list(bundle.card["cells"]) == names
    sections = dict(
        zip(*[iter(bundle.card_text.split("\n\n")[2:])] * 2, strict=True)  # title, table
    )
    assert list(sections)[-1] == "## What it cannot tell"
    for title, text in list(sections.items())[:-1]:
        rows = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines()[2:]]
        assert rows == names, title
        widths = {line.count("|") for line in text.splitlines()}
        assert len(widths) == 1, title
    figures = fitted[0].figures
    tau = figures["architectures"]["quick"]["kendall"]
    coverage = figures["calibration"]["coverage_90"]
    accuracy, rivals = (sections[title] for title in list(sections)[:2])
    assert f" {tau:.4f} " in accuracy.splitlines()[2]
    assert rivals.splitlines()[0] == "| cell | quick | rival |"
    assert f" {100 * coverage:.1f} " in sections["## Intervals: observed coverage in per cent"]
    assert sections["## What it cannot tell"] == "- Nothing here is real.\n"


def test_a_card_without_limits_says_so(fitted):
    about = {**ABOUT, "limits": []}
    assert build_bundle("mine", SPACE, fitted, about).card_text.endswith("- nothing is said\n")


# -- what cannot become a bundle -----------------------------------------------------------------


def test_a_good_recipe_is_let_through(fitted):
    check_about([one.table for one in fitted], ABOUT)
    check_about([fitted[0].table], {})


def test_devices_of_a_shared_cell_must_be_said(fitted):
    tables = [one.table for one in fitted]
    about = {**ABOUT, "serves": {}}
    for attempt in (
        lambda: check_about(tables, about),
        lambda: build_bundle("mine", SPACE, fitted, about),
    ):
        with pytest.raises(SchemaError, match=r"which devices memory_bytes\.made serves"):
            attempt()


def test_one_table_a_cell(fitted):
    source = fitted[2].table
    other = replace(source, protocol=replace(source.protocol, name="other"))
    with pytest.raises(SchemaError, match=r"latency_s\.a100 .* several protocols \(made, other\)"):
        check_about([source, other], ABOUT)


def test_mistakes_of_a_recipe_show_before_the_fit(fitted):
    tables = [one.table for one in fitted]
    with pytest.raises(UnknownNameError, match=r"unknown closed form 'gpt\.parms'"):
        check_about(tables, {**ABOUT, "closed_forms": {"gpt.parms": []}})
    devices = {"a100": {"label": "A100", "kind": "tpu"}}
    with pytest.raises(BundleError, match="kind must be gpu or cpu, got 'tpu'"):
        check_about(tables, {**ABOUT, "devices": devices})
