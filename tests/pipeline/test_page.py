"""The page of a pipeline: what it says, also of half a pipeline, and that nothing breaks it."""

import dataclasses
import json
import re
from html.parser import HTMLParser

import matplotlib
import pytest

from hwbench.benchmark import save
from hwbench.errors import DataError, SchemaError
from hwbench.pipeline.page import is_pipeline, read_story, write_page, write_plots
from hwbench.pipeline.page.page import page
from hwbench.testing.bundles import made_bundle
from tests.pipeline import made

LIMITS = ("Latency holds for one machine.", "Perplexity is that of <one> text.")
HOSTILE = (
    "</style></svg><script>alert(1)</script><img src=x onerror=alert(1)>\"' & {{style}} $\\frac$"
)


class Reader(HTMLParser):
    """Collects texts, ids and rows of tables; complains of elements that do not close."""

    VOID = ("meta", "br", "wbr", "circle", "line", "rect", "use", "path")

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.texts, self.rows, self.names = [], [], [], [], set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "br" and {"td", "th"} & set(self.open):
            self.rows[-1][-1] += "|"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.names.add(tag)
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.texts.append(data.replace("\xa0", " "))
        if {"td", "th"} & set(self.open) and "title" not in self.open:
            self.rows[-1][-1] += self.texts[-1]

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.texts))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made_folder = made.make(tmp_path_factory.mktemp("runs") / "nano", made.results())
    save(dataclasses.replace(made_bundle(), limits=LIMITS), made_folder / "fit" / "bundle")
    return made_folder


@pytest.fixture(scope="module")
def html(folder):
    return page(read_story(folder))


@pytest.fixture(scope="module")
def read(html):
    return Reader(html)


def told(tmp_path, results, **options):
    return page(read_story(made.make(tmp_path / "run", results, **options)))


def test_the_head_sums_up(read):
    for words in (
        "Pipeline nano: what it found, and how far its predictions held",
        "One supernet of the space nano is trained",
        "14 networks – those picked for the problems, and others drawn at random –",
        "from scratch with 3 seeds (2000 steps, 1.024 M tokens each)",
        "tight (latency at most 3.1 ms): the network of the exact solver",
        "reaches a perplexity of 5.099 after retraining, the best of all that keep the limits.",
        "small (memory at most 300 kB): the network of the exact solver",
        "5.280 after retraining, 3.5 % above the best that keeps the limits. It keeps the limits.",
        "ranks 10 networks drawn at random as retraining does, with Kendall's tau 0.81",
        "two trainings with other seeds agree to 0.87.",
        "Latency is predicted with a mean error of 4.1 %; 85.7 % of the measurements lie inside",
        "Virtual x86 CPU, 2 cores (cpu-x86-2core-vm, cpu)",
        "sha256 " + made.SHA,
        "hwbench pipeline run pipelines/nano.toml --out runs/nano",
    ):
        assert words in read.text
    assert "not finished" not in read.text
    assert "quick run" not in read.text


def test_the_answer_has_a_row_a_network(read):
    head = ["found by", "network", "perplexity, predicted", "perplexity, retrained"]
    latency = ["latency, predicted", "latency, measured", "keeps limits", "regret"]
    start = read.rows.index(head + latency)
    assert read.rows[start + 1 : start + 5] == [
        [
            "exact solver|NSGA-II",
            f"{made.TIGHT}|51.23 k parameters",
            "6.910|6.780 to 7.040",
            "5.099|",
            "2.95 ms|2.8 to 3.1 ms",
            "3.04 ms|3 to 3.08 ms",
            "yes",
            "0.0 %",
        ],
        [
            "SPOS evolution",
            f"{made.SPOS}|60.12 k parameters",
            "7.000|6.850 to 7.150",
            "5.280|",
            "3.01 ms|2.87 to 3.15 ms",
            "3.045 ms|3.04 to 3.05 ms",
            "yes",
            "3.5 %",
        ],
        [
            "random feasible",
            f"{made.RANDOM}|33.21 k parameters",
            "8.400|8.200 to 8.600",
            "6.010|",
            "920 us|880 to 960 us",
            "920 us|900 to 940 us",
            "yes",
            "17.9 %",
        ],
        [
            "largest feasible",
            f"{made.LARGE}|181 k parameters",
            "6.000|5.900 to 6.100",
            "4.747|",
            "4.9 ms|4.7 to 5.1 ms",
            "5.025 ms|4.95 to 5.1 ms",
            "no",
            "-6.9 %",
        ],
    ]
    memory = ["memory, predicted", "memory, measured"]
    (row,) = [read.rows[k + 1] for k, r in enumerate(read.rows) if r == head + memory + latency]
    assert row[0] == "exact solver|local search"
    assert row[4:6] == ["285 kB|exact", "285 kB"]
    assert "Certificate of the exact solver: optimal: no network of 59,049 has" in read.text
    assert "seeds: 5.100, 5.200, 5.000" in read.text


def test_dots_stand_where_the_seeds_do(html):
    """From 4.71 to 6.07 over 100 of 110 units; 5.1 is at 5 + 100 * 0.39 / 1.36."""
    (picture,) = set(re.findall(r"<svg[^>]*><title>seeds: 5.100, 5.200, 5.000.*?</svg>", html))
    assert re.findall(r'cx="([\d.]+)"', picture) == ["33.7", "41.0", "26.3"]
    assert re.findall(r'x1="([\d.]+)" x2="\1"', picture) == ["33.6"]


@pytest.mark.parametrize(
    "row",
    [
        ["surrogate", "inherited", "10", "0.93", "0.88 to 0.97"],
        ["surrogate", "retrained", "10", "0.81", "0.64 to 0.91"],
        ["inherited", "retrained", "10", "0.78", "0.61 to 0.90"],
        ["retrained", "another seed", "10", "0.87", "0.72 to 0.95"],
        ["latency", "14", "4.1 %", "0.91", "85.7 %"],
        ["memory", "14", "0.0 %", "1.00", "100.0 %"],
        ["tight", "SPOS evolution", "5.280", "5.250 to 5.300", "yes", "3.5 %"],
        ["tight", "largest feasible", "4.747", "4.710 to 4.800", "no", "-6.9 %"],
        ["train", "5.0 min", "", "4.096 M"],
        ["profile", "7.0 min", "", "–"],
        ["verify", "1.5 h", "", "43.01 M"],
        # 300.1 + 75.5 + 420 + 12.25 + 331 + 5400 s; 4.096 + 2.048 + 8.192 + 43.008 M
        ["all", "1.8 h", "", "57.34 M"],
        ["tight", "exact solver", "–", "30 ms", "0", "0.0 %"],
        ["tight", "SPOS evolution", "1,000", "5.2 min", "8.192 M", "1.2 %"],
        ["tight", "largest feasible", "1", "0 s", "0", "–"],
    ],
)
def test_every_figure_has_its_place(read, row):
    assert row in read.rows


def test_the_rest_is_told_in_words(read):
    for words in (
        "with the first to tau 0.87. No prediction can be expected to agree better",
        "Energy was not measured: no meter: this machine shows no RAPL counters.",
        *LIMITS,
        "How alike two orders are: 1 the same, 0 unrelated, -1 reversed.",
    ):
        assert words in read.text


def test_figures_tell_what_they_show(html, read):
    for name in (
        "quality-inherited-surrogate",
        "quality-retrained-surrogate",
        "quality-retrained-inherited",
        "hardware-latency",
        "hardware-memory",
        "regret",
    ):
        assert f'aria-labelledby="{name}-title {name}-alt"' in html
        assert {f"{name}-title", f"{name}-alt"} <= set(read.ids)
    assert f"{made.TIGHT} (tight exact, tight nsga2)" in read.text
    assert "14 architectures: predicted latency (ms) up, measured latency (ms) across." in read.text
    assert "tight, largest feasible -6.9 %" in read.text


def test_figures_show_the_numbers_in_their_units(folder):
    from hwbench.pipeline.page import plots

    results = read_story(folder).results
    drawn = {item.name: item.figure.axes[0] for item in plots.hardware(results)}
    axes = drawn["hardware-latency"]
    assert axes.get_xlabel() == "measured latency (ms)"
    point = next(line for line in axes.lines if line.get_gid() == "point-0")
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (
        pytest.approx(3.04),
        pytest.approx(2.95),
    )
    bars = [sorted(line.get_ydata()) for line in axes.lines if len(line.get_ydata()) == 2]
    assert any(bar == pytest.approx([2.8, 3.1]) for bar in bars)
    assert drawn["hardware-memory"].get_ylabel() == "predicted memory (kB)"
    axes = plots.regret(results).figure.axes[0]
    heads = [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 1]
    assert heads == pytest.approx([0.0, 0.0, 3.542, 17.854, -6.919, 3.542, 3.542, 17.854])


def test_the_page_is_whole_and_asks_nobody(html, read):
    assert len(read.ids) == len(set(read.ids))
    for target in re.findall(r'(?:url\(#|href="#)([^)"]+)', html):
        assert target in read.ids
    assert not re.search(r"https?:|//[a-z]|@import|\bsrc=", html)
    assert set(re.findall(r'href="(.)', html)) == {"#"}
    assert "script" not in read.names
    assert "default-src 'none'" in html


def test_equal_pipelines_give_equal_pages(folder, html, tmp_path):
    before = dict(matplotlib.rcParams)
    again = write_page(read_story(folder), tmp_path / "deep" / "page.html")
    assert again.read_bytes() == html.encode()
    assert dict(matplotlib.rcParams) == before
    assert str(folder) not in html


def hostile(value):
    """Put a hostile text wherever a text is free."""
    if isinstance(value, dict):
        kept = ("metric", "of", "with")
        return {k: v if k in kept else hostile(v) for k, v in value.items()}
    if isinstance(value, list):
        return [hostile(item) for item in value]
    return f"{value} {HOSTILE}" if isinstance(value, str) else value


def test_no_text_becomes_markup(tmp_path, read):
    found = told(tmp_path, hostile(made.results()), name=HOSTILE)
    again = Reader(found)
    assert not {"script", "img"} & again.names
    assert "<script" not in found
    assert HOSTILE in again.text
    assert found.count("<h2>") == 7
    record = made.record("train", "failed", HOSTILE, summary={HOSTILE: HOSTILE})
    made.write(tmp_path / "run" / "train" / "stage.json", record)
    assert not {"script", "img"} & Reader(page(read_story(tmp_path / "run"))).names


def test_half_a_pipeline_says_how_far_it_got(tmp_path):
    run = made.make(tmp_path / "half", None, ("train",), quick=True)
    figures = {"n": 240, "perplexity": [6.01, 9.4321], "cells": {"latency": {"tau": 0.98765}}}
    made.write(run / "evaluate" / "stage.json", made.record("evaluate", summary=figures))
    reason = "worker ended with signal 9"
    made.write(run / "profile" / "stage.json", made.record("profile", "failed", reason))
    made.write(run / "fit" / "stage.json", made.record("fit", "running", seconds=71.0))
    read = Reader(page(read_story(run)))
    assert ["train", "done", "12 s", ""] in read.rows
    assert [
        "evaluate",
        "done",
        "12 s",
        "n 240, perplexity 6.01 to 9.432, cells latency tau 0.9877",
    ] in read.rows
    assert ["profile", "failed", "12 s", reason] in read.rows
    assert ["fit", "running or interrupted", "71 s", ""] in read.rows
    assert ["verify", "not begun", "–", ""] in read.rows
    assert "This pipeline is not finished." in read.text
    assert "A quick run: too short" in read.text
    assert "--out runs/nano --quick" in read.text
    assert read.text.count("Nothing yet: the verification has not run.") == 4
    assert "There is no bundle yet" in read.text
    assert write_plots(read_story(run), tmp_path / "plots") == []


def test_a_pipeline_that_has_not_begun_has_a_page(tmp_path):
    read = Reader(told(tmp_path, None, stages=()))
    assert "No stage has begun." in read.text
    assert read.rows[1] == ["train", "not begun", "–", ""]


def without(value, key):
    """Leave a key out, wherever it stands."""
    if isinstance(value, dict):
        return {k: without(v, key) for k, v in value.items() if k != key}
    return [without(item, key) for item in value] if isinstance(value, list) else value


def keys_of(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = set(value) if isinstance(value, dict) else set()
    return own.union(*map(keys_of, inner))


@pytest.mark.parametrize("key", sorted(keys_of(made.results()) - {"schema"}))
def test_whatever_is_missing_the_page_is_whole(tmp_path, key, monkeypatch):
    # The figures are made, but not laid out, which takes longest.
    monkeypatch.setattr("hwbench.pipeline.page.sections.picture", lambda drawn: drawn.name)
    few = made.results()
    few["architectures"] = few["architectures"][:5]
    Reader(told(tmp_path, without(few, key)))


def test_empty_results_have_a_page(tmp_path):
    empty = {"schema": 1, "architectures": [3, None], "device": [], "regret": None, "ranks": "x"}
    read = Reader(told(tmp_path, empty))
    for words in ("No problem was searched.", "There is nothing to draw.", "No network was"):
        assert words in read.text


def test_a_damaged_bundle_leaves_the_rest(tmp_path):
    run = made.make(tmp_path / "run", None)
    made.write(run / "fit" / "bundle" / "manifest.json", {"no": "bundle"})
    assert "There is no bundle yet" in page(read_story(run))


def test_energy_that_was_measured_is_not_excused(tmp_path):
    results = made.results()
    results["energy"] = None
    for item in results["architectures"]:
        item["metrics"]["energy_j"] = {"predicted": [0.4, 0.3, 0.5], "measured": [0.41]}
    results["hardware"].append(
        {"metric": "energy_j", "n": 14, "mape": 0.1, "tau": 0.5, "inside_90": 0.9}
    )
    read = Reader(told(tmp_path, results))
    assert "Energy was not measured" not in read.text
    assert ["energy", "14", "10.0 %", "0.50", "90.0 %"] in read.rows
    assert "predicted energy (mJ) up" in read.text


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_plots_are_files_too(folder, tmp_path, suffix):
    story = read_story(folder)
    first = write_plots(story, tmp_path / "a", suffix=suffix)
    again = write_plots(story, tmp_path / "b", suffix=suffix)
    assert [path.name for path in first] == [
        f"{name}.{suffix}"
        for name in (
            "quality-inherited-surrogate",
            "quality-retrained-surrogate",
            "quality-retrained-inherited",
            "hardware-latency",
            "hardware-memory",
            "regret",
        )
    ]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in again]
    if suffix == "svg":
        assert ">measured latency (ms)</text>" in first[3].read_text()


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"schema": 2})])
@pytest.mark.parametrize("name", ["pipeline.json", "verify/results.json", "fit/stage.json"])
def test_a_damaged_file_is_refused(tmp_path, name, text):
    run = made.make(tmp_path / "run", made.results())
    (run / name).write_text(text)
    with pytest.raises(SchemaError, match=re.escape(name)):
        read_story(run)


def test_another_folder_is_refused(tmp_path):
    assert not is_pipeline(tmp_path)
    with pytest.raises(DataError, match=r"pipeline\.json"):
        read_story(tmp_path)


def test_the_runner_and_the_page_agree():
    from hwbench.pipeline.page import reading
    from hwbench.pipeline.running import MARK
    from hwbench.pipeline.stages import STAGES

    assert tuple(stage.name for stage in STAGES) == reading._STAGES
    assert reading._MARK == MARK


def test_colours_are_those_of_the_sibling_page(html):
    from hwbench.report.drawing import COLOURS, EXACT

    assert f"--blue: {COLOURS[0]};" in html
    assert f"--exact: {EXACT};" in html
    assert "stroke: var(--blue)" in html
