"""What would stop a stage is found before the first one begins."""

from pathlib import Path

import pytest

from hwbench.errors import HwbenchError
from hwbench.pipeline.checking import check
from hwbench.pipeline.pipeline_file import read_pipeline

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "pipelines").glob("*.toml"))
NANO = ROOT / "pipelines" / "nano.toml"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
@pytest.mark.parametrize("quick", [False, True])
def test_shipped_files_hold(path, quick):
    check(read_pipeline(path, quick=quick))


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("train.stepz", 4, r"unknown key of \[train\] 'stepz'; did you mean 'steps'"),
        ("verify.stepz", 4, r"unknown key of \[verify\] 'stepz'; did you mean 'steps'"),
        ("verify.seed", 4, r"unknown key of \[verify\] 'seed'"),
        ("verify.keep", 4, r"unknown key of \[verify\] 'keep'"),
        ("verify.context", 32, r"unknown key of \[verify\] 'context'"),
        ("train.steps", "many", r"\[train\] steps must be of the kind int, got 'many'"),
        ("train.steps", -1, r"\[train\] steps must be at least 1, got -1"),
        ("train.betas", [0.9], r"\[train\] betas must be of the kind tuple"),
        ("train.precision", "fp8", "unknown precision 'fp8'"),
        ("train.method", "sos", r"\[train\] method 'sos'; did you mean 'spos'"),
        ("train.distribution", "x", r"\[train\] distribution 'x'"),
        ("train.order", 2, "1, or 2 for tanglenas, got 2"),
        ("evaluate.part", "x", r"\[evaluate\] part 'x'"),
        ("evaluate.part", "test", "the test part is for the verification alone"),
        ("text.tokenizer", "x", r"\[text\] tokenizer 'x'"),
        ("profile.metrics", [], "expected one or more"),
        ("profile.metrics", ["latency", "accuracy"], "accuracy is not measured on a device"),
        ("profile.metrics", ["memory"], None),
        ("profile.runtime", "x", "unknown runtime 'x'"),
        ("profile.precision", "x", "unknown precision 'x'"),
        ("profile.tokens", 4097, r"nano sees \d+ at once, got 4097"),
        ("profile.stop", {"max": 3}, r"unknown key of \[profile.stop\] 'max'"),
        ("profile.stop", {"max_s": -1.0}, r"\[profile.stop\] max_s"),
        ("profile.name", "a/b", r"\[profile\] name: expected letters"),
        ("name", "../x", "name: expected letters"),
        ("search.methods", ["ls", "ls"], "each once"),
        ("search.methods", ["spos-es"], "spos-es takes part in any case"),
        ("search.margin", 1.0, "from 0 to below 1, got 1.0"),
        ("search.problems", [{"name": "../x", "limits": {}}], "name of a problem"),
        ("fit.recipe", "nano.toml", "unknown key"),
    ],
)
def test_what_would_stop_a_stage(place, value, words):
    recipe = read_pipeline(NANO, changes={place: value})
    if words is None:  # latency is measured in any case
        check(recipe)
        return
    with pytest.raises(HwbenchError, match=words):
        check(recipe)


def test_a_limit_on_what_is_not_measured():
    problems = [{"name": "frugal", "limits": {"energy": 0.5}}]
    changes = {"search.problems": problems, "profile.metrics": ["latency"]}
    with pytest.raises(HwbenchError, match=r"limits energy_j, which \[profile\] lacks"):
        check(read_pipeline(NANO, changes=changes))


def test_a_limit_that_is_not_fitted(tmp_path):
    (tmp_path / "fit.toml").write_text(
        "[estimators.a]\nkind = 'layerwise'\n[metrics.perplexity]\ncandidates = ['a']\n"
    )
    recipe = read_pipeline(NANO, changes={"fit.recipe": str(tmp_path / "fit.toml")})
    with pytest.raises(HwbenchError, match=r"fit\.toml has no plan for latency_s"):
        check(recipe)
