import pytest

from hwbench.benchmark import load, save
from hwbench.testing.bundles import made_bundle, made_figures


@pytest.fixture(autouse=True)
def made(tmp_path, monkeypatch):
    save(made_bundle(), tmp_path / "made")
    monkeypatch.chdir(tmp_path)
    return load("made")


def test_the_head_says_what_it_is(hwbench, made):
    lines = hwbench("card", "made").lines
    assert lines[0].split() == ["benchmark", "made"]
    assert f"sha256     {made.sha256}" in lines
    assert "licence    none needed" in lines
    assert "cite       nobody, 2026" in lines
    assert "source     made up" in lines


def test_figures_stand_in_the_row_of_their_cell(hwbench):
    lines = hwbench("card", "made").lines
    (row,) = [line for line in lines if line.startswith("latency_s     gpu-one  ")]
    # n, R2, MAPE in per cent, tau, drift-free tau, coverage and model error in per cent.
    words = "latency_s gpu-one layerwise 100 0.9900 2.1 0.9500 - 91 2"
    assert row.split() == words.split()
    (row,) = [line for line in lines if line.startswith("params        any      ")][:1]
    assert row.split() == ["params", "any", "formula", *"-------"]


def test_protocols_are_listed_once(hwbench):
    lines = hwbench("card", "made").lines
    start = next(i for i, line in enumerate(lines) if line.startswith("metric        batch"))
    row = lines[start + 1]
    assert row.startswith("latency_s     4      1024    bf16       profiled  made up")
    assert row.endswith("gpu-one, gpu-two, cpu-one")


def test_it_ends_with_what_it_cannot_tell(hwbench):
    assert hwbench("card", "made").lines[-2:] == ["cannot tell", "- Nothing here is real."]


@pytest.mark.parametrize(
    ("arguments", "cells"),
    [
        (("--device", "CPU_one", "--metric", "latency"), ["latency_s.cpu-one"]),
        (
            ("--device", "gpu-two"),
            ["latency_s.gpu-two", "memory_bytes.bf16", "perplexity", "accuracy", "params", "flops"],
        ),
        (("--metric", "memory"), ["memory_bytes.bf16", "memory_bytes.fp32"]),
        (("--metric", "perplexity"), ["perplexity"]),
    ],
)
def test_a_part_of_it(hwbench, arguments, cells):
    found = hwbench("card", "made", *arguments, "--json").json
    assert [cell["cell"] for cell in found["cells"]] == cells


def test_json_says_everything(hwbench, made):
    found = hwbench("card", "made", "--json").json
    assert found["sha256"] == made.sha256
    assert found["limits"] == ["Nothing here is real."]
    cell = found["cells"][0]
    assert cell["figures"] == made_figures()
    assert cell["unit"] == "s"
    assert cell["model"] == "layerwise"
    assert cell["protocol"]["batch_size"] == 4
    assert cell["relative_error"] == {"model": 0.02, "session": 0.01, "repeat": 0.001}
    assert found["cells"][-1]["exact"]
    assert found["cells"][-1]["model"] == "gpt.flops"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("made", "--device", "abacus"), "unknown device 'abacus'"),
        (("made", "--metric", "beauty"), "unknown metric 'beauty'"),
        (("made", "--device", "gpu-two", "--metric", "energy"), "unknown metric of gpu-two"),
        (("gpt-x",), "unknown benchmark 'gpt-x'"),
    ],
)
def test_wrong_names(hwbench, arguments, error):
    result = hwbench("card", *arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"error: {error}")
