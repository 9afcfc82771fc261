"""Plots: which are drawn, that their lines show the right numbers, that nothing global changes."""

import matplotlib
import numpy as np
import pytest

from hwbench.report import Chapter
from hwbench.report.plots import PLOTS, write_plots
from hwbench.search import BenchmarkEvaluator, Problem, run


def chapter(report, label):
    return next(item for item in report.chapters if item.label == label)


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_a_study_gives_every_plot_that_says_something(study_report, tmp_path, suffix):
    before = dict(matplotlib.rcParams)
    written = write_plots(study_report, tmp_path, suffix=suffix)
    kinds = {path.stem for path in written}
    assert kinds == {
        *(f"latency-gpu-one-{name}" for name in PLOTS),
        *(f"three-gpu-one-{name}" for name in PLOTS if name != "attainment"),
        *("one-progress", "one-layers"),
    }
    assert all(path.stat().st_size > 1000 for path in written)
    assert dict(matplotlib.rcParams) == before


def test_equal_reports_give_equal_files(study_report, tmp_path):
    first = write_plots(study_report, tmp_path / "a")
    second = write_plots(study_report, tmp_path / "b")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_the_exact_front_is_drawn_in_shown_units(study_report):
    item = chapter(study_report, "latency-gpu-one")
    (axes,) = PLOTS["front"](item).axes
    line = next(line for line in axes.lines if line.get_label() == "exact")
    unit = {"ms": 1e-3, "s": 1.0, "us": 1e-6}[axes.get_xlabel().split("(")[1].rstrip(")")]
    points = item.points(item.exact)
    np.testing.assert_allclose(np.sort(line.get_xdata()) * unit, np.sort(points[:, 1]))
    np.testing.assert_allclose(np.sort(line.get_ydata()), np.sort(points[:, 0]))


def test_infeasible_points_are_greyed(run_report):
    (item,) = run_report.chapters
    (axes,) = PLOTS["front"](item).axes
    groups = {group.get_label(): len(group.get_offsets()) for group in axes.collections}
    (made,) = item.runs
    assert groups["breaks a limit"] == (made.violations > 0).sum()
    assert groups["breaks a limit"] + groups["evaluated"] == len(made)


def test_shares_by_layer_are_counted(bench):
    problem = Problem.parse(bench, minimize=["perplexity,params"])
    found = run(BenchmarkEvaluator(bench, problem), "rs", budget=50)
    item = Chapter("x", bench, problem, (found,))
    figure = PLOTS["layers"](item)
    space, front = bench.space, item.front
    choice = space.layered[0]
    shown = figure.axes[0].images[0].get_array()
    values = [arch[choice.name] for arch in space.decode(front)]
    for layer in range(space.max_depth):
        there = [own[layer] for own in values if len(own) > layer]
        for row, value in enumerate(choice.values):
            expected = there.count(value) / max(len(there), 1)
            assert shown[row, layer] == pytest.approx(expected)
