"""Pipeline files: the shipped ones can be read, wrong ones say what is wrong."""

from pathlib import Path

import pytest

from hwbench.errors import SchemaError, UnknownNameError
from hwbench.pipeline.pipeline_file import read_pipeline

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "pipelines").glob("*.toml"))

SMALL = """
name = "x"
space = "nano"
[fit]
recipe = "fit.toml"
[[search.problems]]
name = "fast"
limits = { latency = 0.5 }
"""


@pytest.fixture
def write(tmp_path):
    (tmp_path / "fit.toml").write_text("")

    def made(text):
        path = tmp_path / "pipeline.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return made


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
@pytest.mark.parametrize("quick", [False, True])
def test_shipped_files_can_be_read(path, quick):
    recipe = read_pipeline(path, quick=quick)
    assert recipe.name == path.stem
    assert recipe.quick is quick
    assert recipe.fit_recipe.is_file()


def test_quick_changes_what_it_names_alone():
    path = ROOT / "pipelines" / "nano.toml"
    full, quick = read_pipeline(path), read_pipeline(path, quick=True)
    assert quick.train.settings["steps"] < full.train.settings["steps"]
    assert quick.train.settings["batch_size"] == full.train.settings["batch_size"]
    assert quick.profile.batch == full.profile.batch
    assert quick.search.methods == full.search.methods


def test_defaults_and_settings_of_the_loop(write):
    text = SMALL + "[train]\nmethod = 'sandwich'\nsteps = 7\n"
    recipe = read_pipeline(write(text))
    assert recipe.train.method == "sandwich"
    assert recipe.train.settings == {"steps": 7}
    assert recipe.evaluate.n == 500
    assert recipe.search.problems[0].limits == {"latency_s": 0.5}


def test_changes_win(write):
    changes = {"evaluate.n": 9, "seed": 3, "train.steps": 11}
    recipe = read_pipeline(write(SMALL), changes=changes)
    assert (recipe.evaluate.n, recipe.seed, recipe.train.settings["steps"]) == (9, 3, 11)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("name = ", SchemaError, "cannot read the pipeline"),
        (SMALL.replace('"x"', "3"), SchemaError, "name must be a word, got 3"),
        (SMALL.replace("nano", "nona"), UnknownNameError, "unknown space 'nona'"),
        ("colour = 1\n" + SMALL, UnknownNameError, "unknown key of a pipeline 'colour'"),
        (SMALL + "[evaluate]\nm = 3\n", UnknownNameError, "key of \\[evaluate\\] 'm'"),
        (SMALL + "[evaluate]\nn = 'many'\n", SchemaError, "n must be of the kind int, got 'many'"),
        (SMALL + "[evaluate]\nn = 0\n", SchemaError, "n must be positive, got 0"),
        (SMALL.replace("0.5", "1.5"), SchemaError, "quantile inside \\(0, 1\\), got 1.5"),
        (SMALL.replace("latency", "accuracy"), UnknownNameError, "metric that can be limited"),
        (SMALL.replace("fit.toml", "fat.toml"), SchemaError, "there is no file"),
        (SMALL.split("[[")[0], SchemaError, "needs one or more problems"),
        ("seed = -1\n" + SMALL, SchemaError, "seed must be a whole number of 0 or more, got -1"),
        ("train = 3\n" + SMALL, SchemaError, "'train' must be a section of its own, got 3"),
        (SMALL.replace('"fit.toml"', "3"), SchemaError, "recipe must be of the kind str, got 3"),
        (SMALL.replace("{ latency = 0.5 }", "3"), SchemaError, "metrics and quantiles, got 3"),
        (SMALL.split("[[")[0] + "[search]\nproblems = 3", SchemaError, "must be tables, got 3"),
        (SMALL + "[train]\nthreads = 'x'\n", SchemaError, "threads must be of the kind int"),
        (SMALL + "[profile]\nstop = 3\n", SchemaError, "stop must be of the kind Mapping"),
        (SMALL + "[profile]\nmetrics = [3]\n", SchemaError, "metrics must be of the kind tuple"),
        (SMALL + "[profile]\nbudget_s = -1\n", SchemaError, "budget_s must be positive, got -1"),
    ],
)
def test_what_is_wrong(write, text, error, words):
    with pytest.raises(error, match=words):
        read_pipeline(write(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("quick = 3\n" + SMALL, "'quick' must be a section"),
        (SMALL + "[quick]\ntrain = 3\n", r"'quick\.train' must be a section"),
        ("train = 3\n" + SMALL + "[quick.train]\nsteps = 3\n", "'train' must be a section"),
    ],
)
def test_what_is_wrong_with_the_quick_variant(write, text, words):
    with pytest.raises(SchemaError, match=words):
        read_pipeline(write(text), quick=True)


def test_a_count_of_zero_where_that_is_one(write):
    changes = {"verify.sample": 0, "search.margin": 0}
    recipe = read_pipeline(write(SMALL), changes=changes)
    assert (recipe.verify.sample, recipe.search.margin) == (0, 0)


def test_a_change_of_nothing(write):
    with pytest.raises(SchemaError, match=r"expected SECTION\.KEY"):
        read_pipeline(write(SMALL), changes={"evalute.n": 3})


def test_no_file(tmp_path):
    with pytest.raises(SchemaError, match="cannot read the pipeline"):
        read_pipeline(tmp_path / "none.toml")
