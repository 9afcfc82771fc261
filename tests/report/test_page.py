"""The page: what its data say, that they cannot break out, that it is small and asks nobody."""

import json
import re

import numpy as np
import pytest

from hwbench.errors import DataError
from hwbench.report import Chapter, Report, read, write_page
from hwbench.report.columns import Columns
from hwbench.report.drawing import COLOURS
from hwbench.report.html import MOST_BYTES, page, safe_json
from hwbench.search import BenchmarkEvaluator, Problem, exact, indicators, limits, run


def data_of(text):
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    return json.loads(found)


@pytest.fixture(scope="module")
def text(run_report):
    return page(run_report)


@pytest.mark.parametrize(
    "value",
    ["</script><script>alert(1)</script>", "<!--", "]]>", "a & b", "\u2028\u2029", 'q"\\', "é"],
)
def test_escaped_json_means_the_same_and_holds_no_markup(value):
    found = safe_json({value: [value]})
    assert json.loads(found) == {value: [value]}
    assert not set(found) & set("<>&\u2028\u2029")


def test_names_cannot_break_out(run_report, run_folder):
    title = "</script><script>alert(1)</script><img src=x>"
    text = page(Report(title, run_report.chapters, title, title))
    assert data_of(text)["title"] == title
    assert text.count("</script>") == 2
    assert "<img" not in text
    assert run_folder.name not in text


def test_placeholders_in_the_data_stay_text(bench, problem, run_report):
    (chapter,) = run_report.chapters
    report = Report("{{script}} {{style}}", (chapter,))
    assert data_of(page(report))["title"] == "{{script}} {{style}}"


def test_the_page_names_no_other_place(text):
    # The one address is the name space of SVG, which nobody loads.
    assert set(re.findall(r"https?://[^\s\"']+", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<[^>]*\b(src|href)=", text)
    assert "default-src 'none'" in text
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|eval|innerHTML)\b", text)


def test_every_architecture_has_every_metric_on_every_device(text, bench):
    data = data_of(text)
    codes = np.array([[int(sign, 36) for sign in code] for code in data["codes"]])
    assert len(np.unique(codes, axis=0)) == len(codes)
    for column, values in zip(data["columns"], data["values"], strict=True):
        if "(" in column["key"]:
            continue
        expected = bench.predict(codes, column["metric"], column["device"])
        np.testing.assert_allclose(values, expected, rtol=5e-5)
    keys = [column["key"] for column in data["columns"]]
    wanted = {f"{name}@{device}" for device in bench.devices for name in bench.metrics(device)}
    assert {key for key in wanted if "perplexity" not in key} & set(keys)
    assert len(set(keys)) == len(keys)


def test_limits_at_a_confidence_bound_a_column_of_their_own(text, bench, problem):
    data = data_of(text)
    (limit,) = data["problems"][0]["limits"]
    column = data["columns"][limit["column"]]
    assert column["label"].endswith("(at 90 %)")
    codes = np.array([[int(sign, 36) for sign in code] for code in data["codes"]])
    tightened = np.array(data["values"][limit["column"]])
    factors = limits.tightening(bench, problem.limits[0])[limits.shared_number(bench.space, codes)]
    np.testing.assert_allclose(
        tightened, bench.predict(codes, "latency", "gpu-two") * factors, rtol=5e-5
    )
    violations = BenchmarkEvaluator(bench, problem).evaluate(codes).violations
    sure = np.abs(tightened / limit["bound"] - 1) > 1e-4
    np.testing.assert_array_equal((tightened > limit["bound"])[sure], (violations > 0)[sure])


def test_the_exact_front_is_in_the_page(text, bench, problem):
    found = data_of(text)
    codes = {found["codes"][point] for point in found["problems"][0]["exact"]}
    expected = exact.pareto(bench, problem).codes
    assert codes == {"".join(str(i) for i in code) for code in expected}


def test_the_exact_line_keeps_the_jumps(text, bench, problem):
    line = np.array(data_of(text)["problems"][0]["line"])
    points = exact.pareto(bench, problem).objectives
    extent = np.ptp(points, axis=0)
    for point in points:  # each is near one that is drawn
        assert (np.abs(line - point) <= extent * 0.003).all(axis=1).any()
    # Hypervolume of what is drawn: nothing is promised that is not there, little is missing.
    scaled, drawn = (points - points.min(axis=0)) / extent, (line - points.min(axis=0)) / extent
    volumes = [indicators.hypervolume(found, ref=[1.1, 1.1]) for found in (scaled, drawn)]
    assert volumes[1] == pytest.approx(volumes[0], rel=2e-3)


def test_page_and_plots_share_their_colours(text):
    (found,) = re.findall(r"const COLOURS = (\[.*?\]);", text, re.S)
    assert tuple(json.loads(found)) == COLOURS


def test_the_space_is_told_with_texts(text, bench):
    space = data_of(text)["space"]
    assert space["layers"] == bench.space.max_depth
    assert {"name": "bias", "values": ["false", "true"]} in space["shared"]


def test_a_worst_of_devices_is_a_column(bench):
    problem = Problem.parse(bench, minimize=["perplexity,latency"], devices=["gpu-one", "gpu-two"])
    found = run(BenchmarkEvaluator(bench, problem), "rs", budget=20)
    columns = Columns(bench, found.codes)
    number = columns.objective(problem.objectives[1])
    both = [bench.predict(found.codes, "latency", d) for d in ("gpu-one", "gpu-two")]
    np.testing.assert_array_equal(columns.values[number], np.maximum(*both))
    assert columns.objective(problem.objectives[1]) == number


def test_a_study_shows_methods_and_ranks(study_report):
    data = data_of(page(study_report))
    labels = ["latency-gpu-one", "three-gpu-one", "one"]
    assert [problem["label"] for problem in data["problems"]] == labels
    first, three, one = data["problems"]
    assert first["methods"] == ["rs", "nsga2"]
    assert (len(first["exact"]) > 0, three["exact"]) == (True, [])
    assert {curve["method"] for curve in first["curves"]} == {0, 1}
    assert first["figures"]["titles"] == ["hypervolume %", "IGD+", "epsilon", "regret %"]
    assert "Mean rank" in data["ranking"]
    assert one["measure"] == "distance to the optimum"
    assert "Two <b>methods</b>." in data["footer"]


def test_a_page_stays_below_its_limit(study_report, monkeypatch):
    assert len(page(study_report).encode()) < MOST_BYTES
    monkeypatch.setattr("hwbench.report.html.MOST_BYTES", 60_000)
    small = page(study_report)
    assert len(small.encode()) < 60_000
    assert data_of(small)["problems"][0]["points"]


def test_equal_reports_give_equal_pages(run_report, text, tmp_path):
    assert write_page(run_report, tmp_path / "deep" / "a.html").read_text() == text


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(DataError, match="neither a run"):
        read(tmp_path)


def test_another_bundle_is_refused(run_folder, tmp_path):
    from hwbench.benchmark import save
    from hwbench.testing.bundles import made_bundle

    save(made_bundle(seed=1), tmp_path / "other")
    with pytest.raises(DataError, match="--bundle"):
        read(run_folder, bundle=tmp_path / "other")


def test_a_run_that_found_nothing_has_a_page(bench, tmp_path):
    problem = Problem.parse(bench, minimize=["perplexity,params"], max=["params=1"])
    found = run(BenchmarkEvaluator(bench, problem), "rs", budget=20)
    report = Report("nothing", (Chapter("x", bench, problem, (found,)),))
    assert data_of(page(report))["problems"][0]["points"]
