"""The published comparisons: numbers by hand, pages without markup from data, kept pieces."""

import numpy as np
import pytest

from hwbench import spaces
from hwbench.data.folder import table_path
from hwbench.errors import DataError, UnknownNameError
from hwbench.report.published import TABLES, Request, compare
from hwbench.report.published.calibration import calibration_section
from hwbench.report.published.cells import cells, check_recipe, gaussian_figures
from hwbench.report.published.claims import largest
from hwbench.report.published.defects import DEFECTS, touching
from hwbench.report.published.devices import agreement
from hwbench.report.published.document import Grid, Page, Section, markdown
from hwbench.report.published.hypervolume import (
    hypervolume_section,
    hypervolumes,
    scaled_volume,
    studies,
)
from hwbench.report.published.page import html_page
from hwbench.report.published.pieces import Pieces
from hwbench.report.published.progress import Progress
from hwbench.report.published.quality import quality_section
from hwbench.search.study import Study
from hwbench.surrogates.fitting import Measured, fit_cell, read_recipe
from tests.data.conftest import (  # noqa: F401  # a fixture
    DEPTHS,
    HEADS,
    WIDTHS,
    checkout,
    count_params,
    cpu_row,
    latency_row,
    make_arch,
    tracker_row,
)
from tests.report.conftest import STUDY
from tests.surrogates.fitting.made import table

RECIPE = """
folds = 3
[estimators.quick]
kind = "layerwise"
structure = "counts"
[estimators.xgboost]
kind = "xgboost"
n_trees = 20
[metrics.latency_s]
candidates = ["quick"]
rivals = ["xgboost"]
[metrics.perplexity]
candidates = ["quick"]
"""
CHUNKS = ("2500_5000", "5000_7500", "7500_10000")
ALL = ("0_2500", *CHUNKS, *(f"{n}_{n + 1000}" for n in range(0, 10_000, 1000)))
"""Ranges that say of a small checkout that nothing is missing from it."""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def request_of(tmp_path, recipe):
    def make(**changes):
        fixed = {"checkout": tmp_path / "HW-GPT-Bench", "out": tmp_path / "out", "recipe": recipe}
        return Request(**(fixed | {"scales": ("s",), "devices": ("a100", "a40")} | changes))

    return make


@pytest.fixture
def filled(checkout):  # noqa: F811  # the fixture
    """A checkout of six architectures: the A40 ranks them as the A100, but for one pair."""
    times = {"latency_a100": [1, 2, 3, 4, 5, 6], "latency_a40": [2, 1, 3, 4, 5, 6]}
    for folder, values in times.items():
        rows = [
            latency_row(make_arch(k), "s", times=[10.0 * v, 10.0 * v + 1])
            for k, v in enumerate(values)
        ]
        checkout.latency(folder, 0, rows)
    energies = [
        tracker_row(make_arch(k), energy=[9.0, 0.1 * (k + 1), 0.1 * (k + 1)], power=[60.0] * 3)
        for k in range(6)
    ]
    checkout.tracker("latency_a100", 0, energies)
    return checkout


def test_tau_between_devices_and_the_page(filled, request_of):
    lines: list[str] = []
    found = compare(request_of(tables=("devices",), absent=ALL), tell=lines.append)
    matrix = found.results["devices"]["gpt-s"]["matrices"]["latency_s"]
    assert matrix["devices"] == ["a100", "a40"]
    assert matrix["tau"][0][1] == matrix["tau"][1][0] == pytest.approx(13 / 15, abs=1e-4)
    assert matrix["tau"][0][0] == 1.0  # its two repeats rank alike
    across = found.results["devices"]["gpt-s"]["metrics"]["a100"]
    assert across["latency, energy"] == 1.0  # the cold first repeat left out
    assert across["latency, 1/perplexity"] is None
    assert found.troubles == ()
    text = found.text.read_text(encoding="utf-8")
    assert "| a100 | 1.000 | 0.867 |" in text
    assert "tau between devices (median 0.867; least 0.867, a100 and a40)" in text
    assert "rounded to two digits" in text
    assert "unseeded noise" not in text  # touches other tables
    assert "0.867" in found.page.read_text(encoding="utf-8")
    assert any(line.startswith("[devices 1/1] gpt-s") for line in lines)


def test_what_is_done_is_kept(filled, request_of):
    request = request_of(tables=("devices",), absent=ALL)
    again: list[str] = []
    first = compare(request)
    for path in filled.root.rglob("*.pkl"):
        path.unlink()
    second = compare(request, tell=again.append)
    assert second.results == first.results
    assert again == ["[import] gpt-s (kept)", "[devices 1/1] gpt-s (kept)"]


def test_missing_files_are_told_and_imported_again(filled, request_of):
    request = request_of(tables=("devices",), absent=CHUNKS)
    lines: list[str] = []
    found = compare(request)
    tracker = "latency_a40/efficiency_energy_observations_tracker"
    assert any(f"1 files data_collection/raw_results_hw/{tracker}" in t for t in found.troubles)
    compare(request, tell=lines.append)
    assert "[import] gpt-s (kept)" not in lines


def write(request, metric="latency_s", device="a100", n=90):
    made = table(spaces.get("gpt-s"), n, device=device, metric=metric)
    place = {"space": "gpt-s", "device": device, "metric": metric, "protocol": "made"}
    path = table_path(request.tables_folder, **place)
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save(path)
    return made


def test_cells_are_those_of_fit(request_of):
    request = request_of(members=2)
    made = write(request)
    write(request, metric="perplexity", device=None)
    lines: list[str] = []
    pieces = Pieces(request.out / "pieces")
    timed, quality = cells(request, pieces, lines.append)
    assert [line.partition(",")[0] for line in lines] == [
        "[surrogates 1/2] gpt-s latency_s.a100",
        "[surrogates 2/2] gpt-s perplexity",
    ]
    plans = read_recipe(request.recipe)
    data = Measured.of(made, spaces.get("gpt-s"))
    plan = plans.plan("latency_s", "gpt-s")
    assert plan is not None
    direct = fit_cell(data, plan, plans).figures
    for name in ("n", "chosen", "architectures", "calibration", "time"):
        assert timed[name] == direct[name]
    assert 0.0 <= timed["ensemble"]["coverage_90"] <= 1.0
    assert "ensemble" not in quality
    kept: list[str] = []
    assert cells(request, pieces, kept.append) == [timed, quality]
    assert all(line.endswith("(kept)") for line in kept)
    assert len(cells(request_of(members=0), pieces, kept.append)) == 2
    assert not kept[-1].endswith("(kept)")  # another question


def test_sections_show_the_figures(request_of):
    request = request_of(members=2)
    write(request)
    found = cells(request, Pieces(request.out / "pieces"), lambda _: None)
    own = found[0]["architectures"]["quick"]
    short, grid = quality_section(found, ("xgboost",)).grids
    assert short.rows[0][:3] == ("gpt-s", "latency", "1")
    assert short.rows[0][4] == grid.rows[0][5]  # the median of one tau
    row = dict(zip(grid.columns[:6], grid.rows[0][:6], strict=True))
    assert row["device"] == "a100"
    assert row["rows"] == "30"
    assert float(row["tau"]) == pytest.approx(own["kendall"], abs=1e-4)
    assert {len(line) for line in grid.rows} == {len(grid.columns)}
    short, grid = calibration_section(found, 2).grids
    assert short.rows[0][3] == grid.rows[0][4]
    assert {len(line) for line in grid.rows} == {len(grid.columns)}
    assert grid.rows[0][2] == f"{100 * found[0]['calibration']['coverage_50']:.1f}"


def test_unknown_rival(request_of):
    with pytest.raises(UnknownNameError, match="lightgbm"):
        check_recipe(request_of(rivals=("lightgbm",)))


def test_normal_intervals_of_normal_errors(rng):
    y = rng.standard_normal(40_000)
    right = gaussian_figures(y, np.zeros_like(y), np.ones_like(y))
    assert right["coverage_90"] == pytest.approx(0.9, abs=0.006)  # 4 standard errors
    assert right["miscalibration_area"] < 0.01
    # Gneiting and Raftery 2007: the mean CRPS of a right normal forecast is sigma / sqrt(pi).
    assert right["crps"] == pytest.approx(1 / np.sqrt(np.pi), rel=0.02)
    narrow = gaussian_figures(y, np.zeros_like(y), np.full_like(y, 1e-9))
    assert narrow["coverage_90"] == 0.0
    assert narrow["miscalibration_area"] == pytest.approx(0.5, abs=0.03)


def test_agreement_needs_no_order():
    codes = np.array([[0, 1], [1, 0], [1, 1], [2, 2]], dtype=np.uint8)
    values = np.array([1.0, 2.0, 3.0, 4.0])
    turned = (codes[::-1][:3], -values[::-1][:3])
    assert agreement((codes, values), turned) == -1.0
    assert agreement((codes, values), (codes, np.array([2.0, 1.0, 3.0, 4.0]))) == 0.6667
    assert agreement((codes[:1], values[:1]), (codes[1:], values[1:])) is None


def test_hypervolume_as_upstream_scales():
    low, high = np.zeros(2), np.array([2.0, 20.0])
    points = np.array([[1.0, 10.0], [0.0, 20.0]])  # 0.5, 0.5 and 0, 1 when scaled
    assert scaled_volume(points[:1], low, high, reference=2.0) == pytest.approx(2.25)
    assert scaled_volume(points, low, high, reference=2.0) == pytest.approx(2.25 + 0.5)


def test_studies_ask_eight_methods_for_two_and_three_objectives(request_of):
    made = studies(request_of(scales=("s", "l"), budget=7, seeds=2))
    assert list(made) == ["gpt-s-2d-7", "gpt-s-3d-7", "gpt-l-2d-7", "gpt-l-3d-7"]
    assert all(len(study.methods) == 8 and len(study.seeds) == 2 for study in made.values())
    assert made["gpt-l-3d-7"].problems[0].minimize == ("perplexity,latency,energy",)


def test_searches_go_on(request_of, bundle_folder, monkeypatch):
    tiny = Study.from_dict({**STUDY, "benchmarks": [str(bundle_folder)]})
    tiny = tiny.only(problems=["latency", "three"], seeds=1)
    monkeypatch.setattr("hwbench.report.published.hypervolume.studies", lambda _: {"tiny": tiny})
    request = request_of()
    lines: list[str] = []
    pieces = Pieces(request.out / "pieces")
    (first,) = hypervolumes(request, pieces, lines.append)
    share = first["problems"]["latency-gpu-one"]["share"]
    assert set(share) == {"rs", "nsga2"}
    assert all(0.0 < value <= 1.0 for value in share.values())
    assert first["problems"]["latency-gpu-one"]["best"] is None  # nothing was imported
    assert first["timed"] == len(lines) == 4
    assert hypervolumes(request, pieces, lines.append) == [first]
    assert len(lines) == 4
    shares, volumes = hypervolume_section([first]).grids
    assert [row[1] for row in shares.rows] == [
        "latency-gpu-one (exact)",
        "three-gpu-one",
        "mean rank",
    ]
    assert {len(row) for row in shares.rows} == {len(shares.columns)}
    assert volumes.rows == ()


@pytest.mark.parametrize("scale", ["s", "m", "l"])
def test_largest_network(scale):
    longest = DEPTHS[scale][-1]
    whole = {
        "sample_embed_dim": WIDTHS[scale][-1],
        "sample_n_layer": longest,
        "sample_n_head": [HEADS[scale][-1]] * longest,
        "sample_mlp_ratio": [4] * longest,
        "sample_bias": "True",
    }
    assert largest(spaces.get(f"gpt-{scale}")) == count_params(whole)


def test_every_table_has_defects_and_every_defect_a_source():
    assert all(defect.source and defect.text for defect in DEFECTS)
    assert all(touching(name) for name in TABLES)
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS)


def page(text="<b>1 | 2</b>"):
    grid = Grid(text, ("device", text), (("a100", "0.8"), ("h100", text)), shade=0.6)
    section = Section(text, text, text, text, (grid,), DEFECTS[:1])
    return Page(text, (text,), (section,), text, ((text, text),))


def test_no_text_becomes_markup():
    written = html_page(page())
    assert "<b>1" not in written
    assert "&lt;b&gt;1 | 2&lt;/b&gt;" in written
    assert "<script" not in written
    assert "default-src 'none'" in written
    assert written.count("background:rgb(") == 1  # of 0.8, half way from 0.6 to 1
    assert "0 114 178 / 0.28" in written


def test_markdown_keeps_its_columns():
    lines = markdown(page("1 | 2")).splitlines()
    assert "| h100 | 1 \\| 2 |" in lines
    assert "| --- | --: |" in lines


def test_pieces_depend_on_their_key(tmp_path):
    pieces = Pieces(tmp_path / "pieces")
    assert pieces.get("a/b", [1]) is None
    pieces.put("a/b", {"k": (1, 2)}, {"v": 3})
    assert pieces.get("a/b", {"k": (1, 2)}) == {"v": 3}
    assert pieces.get("a/b", {"k": (1, 3)}) is None
    (tmp_path / "pieces" / "a" / "b.json").write_text("{")
    assert pieces.get("a/b", {"k": (1, 2)}) is None


def test_time_left_is_that_of_what_was_worked_out():
    now = [0.0]
    lines: list[str] = []
    told = Progress("fits", 4, 10.0, lines.append, clock=lambda: now[0])
    told("kept", 3.0, fresh=False)
    now[0] = 20.0
    told("one", 2.0)  # 10 s a unit of weight, 5 units left
    now[0] = 220.0
    told("two", 4.0)  # 220 s for 6 units, 1 left
    told("three", 1.0)
    assert lines == [
        "[fits 1/4] kept (kept)",
        "[fits 2/4] one, about 50 s left",
        "[fits 3/4] two, about 37 s left",
        "[fits 4/4] three",
    ]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"scales": ("x",)}, UnknownNameError),
        ({"tables": ()}, DataError),
        ({"tables": ("quality", "quality")}, DataError),
        ({"devices": ("tpu",)}, UnknownNameError),
        ({"members": 1}, DataError),
    ],
)
def test_requests_are_checked(request_of, change, error):
    with pytest.raises(error):
        request_of(**change)
