"""`hwbench compare-published`: a page from a small checkout, and mistakes in one line."""

import sys

import pytest

from tests.data.conftest import checkout, latency_row, make_arch  # noqa: F401  # a fixture


@pytest.fixture
def call(hwbench, checkout, tmp_path, monkeypatch):  # noqa: F811  # the fixture
    """Run the command on a checkout of two devices."""
    monkeypatch.chdir(tmp_path)
    rows = [latency_row(make_arch(k), "s", times=[10.0 + k, 11.0 + k]) for k in range(5)]
    for folder in ("latency_a100", "latency_h100"):
        checkout.latency(folder, 0, rows)

    def call(*options, source=None):
        fixed = ("--out", tmp_path / "out", "--jobs", "1", "--scales", "s")
        arguments = (source or checkout.root, *fixed, *options)
        return hwbench("compare-published", *map(str, arguments))

    return call


def one_line(result, *, last=False):
    """Return the message; `last`: progress may stand before it."""
    assert result.code == 2
    assert result.out == ""
    lines = result.err.splitlines()
    assert last or len(lines) == 1
    assert lines[-1].startswith("error: ")
    return lines[-1]


def test_a_page_and_what_is_missing(call, tmp_path):
    result = call("--tables", "devices", "--quick")
    assert result.code == 1  # the other files are not there
    assert result.lines[0].split() == ["page", str(tmp_path / "out" / "published.html")]
    assert (tmp_path / "out" / "published.md").read_text(encoding="utf-8").startswith("# HW-GPT")
    assert "missing: 4 files data_collection/raw_results_hw/latency_P100/" in result.err
    assert "[devices 1/1] gpt-s" in result.err


def test_json(call):
    found = call("--tables", "devices", "--json").json
    assert found["devices"]["gpt-s"]["matrices"]["latency_s"]["tau"] == [[1.0, 1.0], [1.0, 1.0]]


def test_no_checkout(call, tmp_path):
    message = one_line(call("--tables", "devices", source=tmp_path / "nowhere"))
    assert "is no folder: clone https://github.com/automl/HW-GPT-Bench" in message
    assert not (tmp_path / "out").exists()


def test_wrong_folder(call, tmp_path):
    (tmp_path / "other").mkdir()
    message = one_line(call("--tables", "devices", source=tmp_path / "other"))
    assert "has neither data_collection/raw_results_hw nor arch_ppl_bench_" in message


def test_nothing_of_a_scale(call):
    message = one_line(call("--tables", "devices", "--scales", "m"), last=True)
    assert "no raw row of scale m" in message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--tables", "speed"), "unknown table 'speed'; known: quality, calibration"),
        (("--scales", "xl"), "unknown scale 'xl'"),
        (("--tables", "quality"), "no recipe surrogates/gpt.toml: run it at the root"),
    ],
)
def test_mistakes(call, options, words):
    assert words in one_line(call(*options))


@pytest.mark.parametrize(
    ("module", "tables", "extra"),
    [("xgboost", "quality", "fit"), ("moocore", "hypervolume", "search")],
)
def test_missing_extras_show_before_the_import(call, root, monkeypatch, module, tables, extra):
    monkeypatch.setitem(sys.modules, module, None)
    recipe = root / "surrogates" / "gpt.toml"
    result = call("--tables", tables, "--recipe", recipe)
    assert f"[{extra}]" in one_line(result)


def test_interrupted_parts_are_kept(call, monkeypatch, tmp_path):
    def pressed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("hwbench.report.published.comparison.hypervolumes", pressed)
        result = call("--tables", "devices,hypervolume")
    assert result.code == 130
    assert (tmp_path / "out" / "pieces" / "devices" / "gpt-s.json").is_file()
    assert "[devices 1/1] gpt-s (kept)" in call("--tables", "devices").err
