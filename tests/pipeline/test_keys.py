"""What a stage depends on: its key changes with it, and with nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest

from hwbench.pipeline.pipeline_file import read_pipeline
from hwbench.pipeline.recipe import Text
from hwbench.pipeline.stage import Record, Work, key_of
from hwbench.pipeline.stages import STAGES, fitting, profiling, training

FILE = Path(__file__).resolve().parents[2] / "pipelines" / "nano.toml"


@pytest.fixture
def text(tmp_path, monkeypatch):
    monkeypatch.setenv("HWBENCH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "text.txt"
    path.write_text("the cat sat on the mat, the dog on the log. " * 400)
    return path


@pytest.fixture
def recipe(text):
    words = Text(source=str(text), vocab_size=512, tokenizer="bytes")
    return replace(read_pipeline(FILE), text=words)


def key(stage, recipe, **needs):
    return key_of(stage, Work(recipe, Path("nowhere"), lambda line: None), needs)


def test_a_text_counts_by_its_content(recipe, text):
    before = key(training.STAGE, recipe)
    assert key(training.STAGE, recipe) == before
    words = text.read_text()
    text.write_text(words.replace("cat", "cow"))
    assert key(training.STAGE, recipe) != before
    text.write_text(words)
    assert key(training.STAGE, recipe) == before


def test_training_depends_on_its_settings_alone(recipe):
    before = key(training.STAGE, recipe)
    longer = replace(recipe.train, settings={**recipe.train.settings, "steps": 9})
    assert key(training.STAGE, replace(recipe, train=longer)) != before
    assert key(training.STAGE, replace(recipe, seed=1)) != before
    others = replace(recipe, evaluate=replace(recipe.evaluate, n=9), name="other")
    assert key(training.STAGE, others) == before


def test_a_fit_depends_on_the_contents_of_its_recipe(recipe, tmp_path):
    made = {name: Record(name, "k", "done", outputs={"a": "1"}) for name in fitting.STAGE.needs}
    (tmp_path / "fit.toml").write_text("seed = 0")
    recipe = replace(recipe, folder=tmp_path, fit=replace(recipe.fit, recipe="fit.toml"))
    before = key(fitting.STAGE, recipe, **made)
    (tmp_path / "fit.toml").write_text("seed = 1")
    assert key(fitting.STAGE, recipe, **made) != before
    (tmp_path / "fit.toml").write_text("seed = 0")
    again = {**made, "profile": replace(made["profile"], outputs={"a": "2"})}
    assert key(fitting.STAGE, recipe, **again) != before
    assert key(fitting.STAGE, recipe, **made) == before


def test_measuring_depends_on_the_device(recipe, monkeypatch):
    before = key(profiling.STAGE, recipe)

    class Other:
        def fingerprint(self):
            return type("Print", (), {"id": "cpu-000000000000"})

    monkeypatch.setattr(profiling, "open_device", lambda name: Other())
    assert key(profiling.STAGE, recipe) != before


def test_stages_need_only_earlier_ones():
    earlier: list[str] = []
    for stage in STAGES:
        assert set(stage.needs) <= set(earlier)
        earlier.append(stage.name)
