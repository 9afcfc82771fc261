"""The page in a real Chromium: open, move a slider, click a point, download. Offline."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from hwbench import units
from hwbench.benchmark import load
from hwbench.report import read, write_page
from hwbench.search import BenchmarkEvaluator, Problem, run

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
FRONT = "circle.point:not(.off):not(.behind)"


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("needs Chromium on the path (Debian: apt install chromium)")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser, tmp_path):
    """Open a report; fails the test if the page logs an error or asks the network."""
    opened, complaints = [], []

    def show(report, **options):
        path = write_page(report, tmp_path / "report.html")
        view = {"width": 1360, "height": 900}
        tab = browser.new_page(viewport=view, accept_downloads=True, **options)
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("dialog", lambda dialog: complaints.append(dialog.message))
        tab.on(
            "request",
            lambda asked: (
                None
                if asked.url.startswith(("file:", "blob:", "data:"))
                else complaints.append(asked.url)
            ),
        )
        tab.goto(path.as_uri())
        opened.append(tab)
        return tab

    yield show
    keep = os.environ.get("HWBENCH_SCREENSHOTS")
    for tab in opened:
        if keep:
            name = os.environ.get("PYTEST_CURRENT_TEST", "page").split("::")[-1].split(" ")[0]
            tab.screenshot(path=Path(keep) / f"{name}.png", full_page=True)
        tab.close()
    assert complaints == []


def kept(tab):
    """Return how many architectures keep the limits, and of how many."""
    found = re.search(r"(\d+) of (\d+) architectures keep", tab.locator("#status").inner_text())
    return int(found[1]), int(found[2])


def test_it_opens_with_the_front_and_names_as_text(open_page, run_report):
    tab = open_page(run_report)
    assert tab.locator(FRONT).count() >= len(run_report.chapters[0].fronts["nsga2"]) - 1
    assert tab.locator("path.exact").count() == 1
    assert tab.locator("h1").inner_text() == run_report.title
    assert tab.locator("img").count() == 0


def test_infeasible_points_are_grey_until_the_limit_is_lifted(open_page, run_report):
    tab = open_page(run_report)
    some, whole = kept(tab)
    assert 0 < some < whole
    assert tab.locator("circle.off").count() == whole - some
    slider = tab.locator("#limits input").first
    slider.press("End")
    assert kept(tab) == (whole, whole)
    assert tab.locator("circle.off").count() == 0


def test_a_slider_greys_what_it_forbids(open_page, run_report):
    tab = open_page(run_report)
    before = kept(tab)[0]
    slider = tab.locator('#limits input[data-key="perplexity"]')
    for _ in range(10):
        slider.press("PageDown")
    assert kept(tab)[0] < before
    assert "≤" in tab.locator("#limits output").nth(1).inner_text()
    tab.locator("#reset").click()
    assert kept(tab)[0] == before


def test_a_click_shows_the_architecture_with_all_metrics_on_all_devices(
    open_page, run_report, bench
):
    tab = open_page(run_report)
    point = tab.locator(FRONT).nth(2)
    point.click(force=True)
    assert tab.locator("circle.ring").count() == 1
    command = tab.locator("#detail code").inner_text()
    arch = bench.space.parse(command.split("--arch ")[1])
    rows = tab.locator("#devices tbody tr").all_inner_texts()
    assert [row.split("\t")[0] for row in rows] == list(bench.devices)
    answer = bench.query_devices(arch, interval=None)
    for row, device in zip(rows, bench.devices, strict=True):
        latency = float(f"{answer[device]['latency_s']:.5g}")
        shown = units.parse(row.split("\t")[1], "s")
        assert shown == pytest.approx(latency, rel=1e-3)
    assert tab.locator("#table tr.chosen").count() <= 1


def test_all_layers_of_a_deep_network_are_in_sight(open_page, tmp_path):
    bench = load("gpt-l")
    problem = Problem.parse(bench, minimize=["perplexity", "params"], fix=["n_layer=36"])
    folder = tmp_path / "deep"
    run(BenchmarkEvaluator(bench, problem), "rs", budget=40, seed=0, out=folder)
    tab = open_page(read(folder, prove=False))
    tab.locator(FRONT).first.click(force=True)
    numbers = tab.locator("#detail .layers .layer-numbers th").all_inner_texts()
    assert [text for text in numbers if text != "layer"] == [str(k + 1) for k in range(36)]
    assert tab.locator("#detail .layers td").count() == 2 * 36
    box = "node => [node.scrollWidth - node.clientWidth, node.scrollHeight - node.clientHeight]"
    assert tab.locator("#detail .scroll").first.evaluate(box) == [0, 0]


def test_the_legend_draws_the_exact_front_as_the_chart_does(open_page, run_report):
    tab = open_page(run_report)
    style = "node => getComputedStyle(node, '::before')"
    mark = tab.locator("#legend .line")
    assert mark.evaluate(f"{style}.borderTopStyle") == "dashed"
    assert mark.evaluate(f"{style}.backgroundColor") == "rgba(0, 0, 0, 0)"
    dashes = tab.locator("path.exact").evaluate("node => getComputedStyle(node).strokeDasharray")
    assert dashes != "none"


def test_the_chosen_architecture_can_be_downloaded(open_page, run_report, bench):
    tab = open_page(run_report)
    tab.locator(FRONT).nth(1).click(force=True)
    with tab.expect_download() as waiting:
        tab.locator("#download-one").click()
    found = json.loads(Path(waiting.value.path()).read_text(encoding="utf-8"))
    assert found["architecture"] in tab.locator("#detail code").inner_text()
    answer = bench.query(found["architecture"], "gpu-two")
    for key, name in (("params", "params"), ("latency_s@gpu-two", "latency_s")):
        assert found["values"][key] == pytest.approx(answer[name], rel=1e-4)


def test_hover_tells_the_metrics(open_page, run_report):
    tab = open_page(run_report)
    assert tab.locator("#tip").is_hidden()
    tab.locator(FRONT).nth(1).hover(force=True)
    assert "perplexity:" in tab.locator("#tip").inner_text()
    tab.mouse.move(5, 5)
    assert tab.locator("#tip").is_hidden()


def test_a_row_of_the_table_selects_with_the_keyboard(open_page, run_report):
    tab = open_page(run_report)
    row = tab.locator("#table tbody tr").first
    row.focus()
    row.press("Enter")
    assert tab.locator("#table tr.chosen").count() == 1
    assert tab.locator("#devices").count() == 1


def test_axes_can_be_chosen(open_page, run_report):
    tab = open_page(run_report)
    tab.locator("#x-axis").select_option(label="parameters")
    assert tab.locator("path.exact").count() == 0
    assert any("parameters" in text for text in tab.locator(".axis-title").all_text_contents())
    tab.locator("#x-log").check()
    assert tab.locator(FRONT).count() > 0


def test_quantities_read_as_on_the_command_line(open_page, run_report, bench):
    tab = open_page(run_report)
    tab.locator("#table tbody tr").first.click()
    arch = bench.space.parse(tab.locator("#detail code").inner_text().split("--arch ")[1])
    shown = dict(
        zip(
            tab.locator("#detail dt").all_inner_texts(),
            tab.locator("#detail dd").all_inner_texts(),
            strict=True,
        )
    )
    params = bench.query(arch)["params"]
    assert shown["parameters"] == units.format(float(f"{params:.5g}"), "1")


def test_the_download_is_the_front(open_page, run_report, bench):
    tab = open_page(run_report)
    with tab.expect_download() as waiting:
        tab.locator("#download").click()
    record = json.loads(Path(waiting.value.path()).read_text(encoding="utf-8"))
    rows = tab.locator("#table tbody tr").count()
    assert len(record["front"]) == rows
    first = record["front"][0]
    arch = bench.space.parse(first["architecture"])
    assert first["values"]["perplexity"] == pytest.approx(bench.query(arch)["perplexity"], rel=1e-4)
    assert record["limits"][0]["sense"] == "max"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_study_shows_its_methods(open_page, study_report, scheme):
    tab = open_page(study_report, color_scheme=scheme)
    assert tab.locator("#curves path").count() == 2 * 2
    assert tab.locator("#methods tbody tr").count() == 2
    tab.locator("#problem").select_option(label="one")
    assert tab.locator("#subtitle").inner_text().startswith("max accuracy")
    tab.locator("#problem").select_option(label="three-gpu-one")
    assert tab.locator("#limits input").count() == 3


def test_a_narrow_window_needs_no_sideways_scrolling(open_page, run_report):
    tab = open_page(run_report)
    tab.set_viewport_size({"width": 420, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 421
