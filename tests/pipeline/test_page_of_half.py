"""The page of a pipeline that is half done, damaged or hostile: nothing breaks it or out of it."""

import json
import re
import shutil

import pytest

from hwbench.errors import DataError, SchemaError
from hwbench.pipeline.page import is_pipeline, read_story, write_page, write_plots
from hwbench.pipeline.page.page import page
from tests.pipeline import made
from tests.pipeline.reader import Reader, told

HOSTILE = (
    "</style></svg><script>alert(1)</script><img src=x onerror=alert(1)>\"' & {{style}} $\\frac$"
)


def hostile(value):
    """Put a hostile text wherever a text is free."""
    if isinstance(value, dict):
        kept = ("metric", "of", "with")
        return {k: v if k in kept else hostile(v) for k, v in value.items()}
    if isinstance(value, list):
        return [hostile(item) for item in value]
    return f"{value} {HOSTILE}" if isinstance(value, str) else value


def test_no_text_becomes_markup(tmp_path):
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
        "n 240, perplexity 6.01 to 9.432, cells (latency (tau 0.9877))",
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


def test_what_the_searches_found_is_shown_before_it_is_verified(tmp_path):
    run = made.make(tmp_path / "run", None, ("train", "evaluate", "profile", "fit", "search"))
    made.write(run / "search" / "found.json", made.results()["problems"])
    read = Reader(page(read_story(run)))
    start = read.rows.index(["found by", "network"])
    assert read.rows[start + 1] == ["exact solver|NSGA-II", made.TIGHT]
    assert ["tight", "SPOS evolution", "1,000", "5.2 min", "8.192 M", "1.2 %"] in read.rows
    assert read.text.count("Nothing yet: the verification has not run.") == 3


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it_without_complaint(tmp_path, scheme):
    api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("needs Chromium on the path (Debian: apt install chromium)")
    run = made.make(tmp_path / "run", made.results())
    path = write_page(read_story(run), run / "report.html")
    complaints, asked = [], []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--headless", "--no-sandbox"]
        )
        tab = browser.new_page(viewport={"width": 400, "height": 800}, color_scheme=scheme)
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(path.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") == 400
        ink = tab.locator("#quality figure text").last.evaluate("e => getComputedStyle(e).fill")
        browser.close()
    assert (complaints, asked) == ([], [path.as_uri()])
    assert ink == {"light": "rgb(27, 31, 36)", "dark": "rgb(231, 234, 238)"}[scheme]
