"""Stages: what is done stays done, what changed is done again, failures leave the rest whole."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hwbench.errors import DataError, SchemaError, UnknownNameError
from hwbench.pipeline import keeping, running
from hwbench.pipeline.pipeline_file import read_pipeline
from hwbench.pipeline.running import PipelineError, read_mark, run_pipeline, standing
from hwbench.pipeline.stage import Outcome, Record, Stage, file_digest

FILE = Path(__file__).resolve().parents[2] / "pipelines" / "nano.toml"


class Chain:
    """Three stages that count how often they run: add reads a number, double and triple follow."""

    def __init__(self):
        self.ran = []
        self.broken = ""
        self.interrupted = ""
        self.stages = (
            self._stage("first", (), lambda work: work.recipe.seed + 1),
            self._stage("second", ("first",), lambda work: 2 * self._read(work, "first")),
            self._stage("third", ("second",), lambda work: 3 * self._read(work, "second")),
            self._stage("aside", (), lambda work: 7, settings=lambda recipe: {}),
        )

    @staticmethod
    def _read(work, name):
        return int((work.folder(name) / "number").read_text())

    def _stage(self, name, needs, number, settings=lambda recipe: {"n": recipe.evaluate.n}):
        def run(work):
            self.ran.append(name)
            if self.interrupted == name:
                raise KeyboardInterrupt
            if self.broken == name:
                raise DataError("broken on purpose")
            (work.folder(name) / "number").write_text(str(number(work)))
            return Outcome(("number",), {"number": number(work)}, tokens=10)

        return Stage(name, f"does {name}", needs, settings, run)


@pytest.fixture
def chain(monkeypatch):
    made = Chain()
    monkeypatch.setattr(running, "STAGES", made.stages)
    return made


@pytest.fixture
def recipe():
    return read_pipeline(FILE)


def states(found):
    return {one.stage.name: one.state for one in found}


def number(folder, stage):
    return int((folder / stage / "number").read_text())


def test_runs_all_in_order_and_keeps_records(chain, recipe, tmp_path):
    found = run_pipeline(recipe, tmp_path / "run")
    assert chain.ran == ["first", "second", "third", "aside"]
    assert set(states(found).values()) == {"done"}
    assert number(tmp_path / "run", "third") == (0 + 1) * 2 * 3
    record = Record.load(tmp_path / "run" / "third")
    assert record.tokens == 10
    assert record.outputs == {"number": file_digest(tmp_path / "run" / "third" / "number")}
    assert read_mark(tmp_path / "run")["name"] == "nano"


def test_what_is_done_is_not_done_again(chain, recipe, tmp_path):
    run_pipeline(recipe, tmp_path)
    run_pipeline(recipe, tmp_path)
    assert chain.ran == ["first", "second", "third", "aside"]


def test_a_changed_setting_touches_what_depends_on_it_alone(chain, recipe, tmp_path):
    run_pipeline(recipe, tmp_path)
    other = replace(recipe, evaluate=replace(recipe.evaluate, n=7))
    assert states(standing(other, tmp_path))["aside"] == "done"
    assert states(standing(other, tmp_path))["first"] == "changed"
    chain.ran.clear()
    run_pipeline(other, tmp_path)
    assert chain.ran == ["first", "second", "third"]


def test_a_stage_whose_input_came_out_the_same_is_not_done_again(chain, recipe, tmp_path):
    """Keys hold contents: doing the first stage again gives the second the same input."""
    run_pipeline(recipe, tmp_path)
    chain.ran.clear()
    run_pipeline(recipe, tmp_path, redo=["first"])
    assert chain.ran == ["first"]


def test_old_results_come_back_with_their_settings(chain, recipe, tmp_path):
    run_pipeline(recipe, tmp_path)
    other = replace(recipe, seed=4)
    run_pipeline(other, tmp_path)
    assert number(tmp_path, "third") == (4 + 1) * 2 * 3
    chain.ran.clear()
    run_pipeline(recipe, tmp_path)
    assert chain.ran == []
    assert number(tmp_path, "third") == 6


def test_what_was_done_again_comes_back_as_it_was_last(chain, recipe, tmp_path):
    run_pipeline(recipe, tmp_path)
    run_pipeline(recipe, tmp_path, redo=["aside"], only=["aside"])
    (tmp_path / "first" / "mine").write_text("before")
    run_pipeline(recipe, tmp_path, redo=["first"], only=["first"])
    (tmp_path / "first" / "mine").write_text("after")
    other = replace(recipe, seed=4)
    run_pipeline(other, tmp_path, only=["first"])
    run_pipeline(recipe, tmp_path, only=["first"])
    assert (tmp_path / "first" / "mine").read_text() == "after"
    run_pipeline(other, tmp_path, only=["first"])  # and once more: none is lost
    run_pipeline(recipe, tmp_path, only=["first"])
    assert (tmp_path / "first" / "mine").read_text() == "after"


def test_a_folder_without_a_record_is_not_taken_for_work_of_these_settings(chain, recipe, tmp_path):
    run_pipeline(recipe, tmp_path)
    (tmp_path / "second" / "stage.json").unlink()
    (tmp_path / "second" / "half").write_text("of what?")
    run_pipeline(recipe, tmp_path)
    assert not (tmp_path / "second" / "half").exists()
    assert (tmp_path / "old" / "second-unknown" / "half").is_file()


def test_a_changed_output_is_noticed(chain, recipe, tmp_path):
    run_pipeline(recipe, tmp_path)
    (tmp_path / "second" / "number").write_text("99")
    found = states(standing(recipe, tmp_path))
    assert found == {"first": "done", "second": "changed", "third": "changed", "aside": "done"}
    chain.ran.clear()
    run_pipeline(recipe, tmp_path)
    assert chain.ran == ["second"]
    assert number(tmp_path, "second") == 2


def test_a_failed_stage_leaves_the_others_whole(chain, recipe, tmp_path):
    chain.broken = "second"
    with pytest.raises(PipelineError, match="stage second failed: broken on purpose"):
        run_pipeline(recipe, tmp_path)
    assert chain.ran == ["first", "second", "aside"]  # third needs second, aside does not
    found = states(standing(recipe, tmp_path))
    assert found == {"first": "done", "second": "failed", "third": "waiting", "aside": "done"}
    assert Record.load(tmp_path / "second").reason == "broken on purpose"
    chain.broken = ""
    chain.ran.clear()
    run_pipeline(recipe, tmp_path)
    assert chain.ran == ["second", "third"]


def test_an_interrupted_stage_goes_on(chain, recipe, tmp_path):
    chain.interrupted = "second"
    with pytest.raises(KeyboardInterrupt):
        run_pipeline(recipe, tmp_path)
    assert states(standing(recipe, tmp_path))["second"] == "interrupted"
    (tmp_path / "second" / "half").write_text("kept")
    chain.interrupted = ""
    run_pipeline(recipe, tmp_path)
    assert (tmp_path / "second" / "half").read_text() == "kept"  # the same folder, not a new one
    assert number(tmp_path, "third") == 6


def test_one_stage_alone(chain, recipe, tmp_path):
    run_pipeline(recipe, tmp_path, only=["aside"])
    assert chain.ran == ["aside"]
    with pytest.raises(DataError, match="second needs first, which is not done"):
        run_pipeline(recipe, tmp_path, only=["second"])


def test_doing_a_stage_again_that_was_not_asked_for(chain, recipe, tmp_path):
    with pytest.raises(DataError, match="second is to be done again, but only first is asked for"):
        run_pipeline(recipe, tmp_path, only=["first"], redo=["second"])
    assert chain.ran == []


def test_going_on_after_doing_again_does_not_begin_anew(chain, recipe, tmp_path):
    chain.broken = "third"
    with pytest.raises(PipelineError, match="the same command without --redo goes on"):
        run_pipeline(recipe, tmp_path, redo=["first"])


def test_an_error_of_the_system_is_a_failed_stage(chain, recipe, tmp_path):
    def full(work):
        raise OSError(28, "No space left on device")

    running.STAGES = (replace(chain.stages[0], run=full), *chain.stages[1:])
    with pytest.raises(PipelineError, match=r"stage first failed: .*No space left on device"):
        run_pipeline(recipe, tmp_path)
    assert chain.ran == ["aside"]
    assert Record.load(tmp_path / "first").status == "failed"


def test_a_killed_stage_keeps_its_time(chain, recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(keeping, "_EVERY_S", 0.01)
    seen = []

    def slow(work):
        time.sleep(0.05)
        work.say("half")
        seen.append(Record.load(tmp_path / "aside"))  # what a kill would leave
        return Outcome((), {})

    running.STAGES = (replace(chain.stages[3], run=slow),)
    run_pipeline(recipe, tmp_path)
    assert seen[0].status == "running"
    assert seen[0].seconds >= 0.05
    assert Record.load(tmp_path / "aside").seconds >= seen[0].seconds


def test_unknown_stage(chain, recipe, tmp_path):
    with pytest.raises(UnknownNameError, match=r"frist.*did you mean 'first'"):
        run_pipeline(recipe, tmp_path, only=["frist"])


def test_a_folder_of_something_else_is_left_alone(chain, recipe, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(DataError, match="holds no pipeline"):
        run_pipeline(recipe, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_of_another_pipeline_is_left_alone(chain, recipe, tmp_path):
    run_pipeline(recipe, tmp_path)
    with pytest.raises(DataError, match="holds the pipeline nano"):
        run_pipeline(replace(recipe, name="other"), tmp_path)


def test_a_damaged_record(chain, recipe, tmp_path):
    run_pipeline(recipe, tmp_path)
    path = tmp_path / "first" / "stage.json"
    whole = json.loads(path.read_text())
    wrong: dict[str, object] = {
        "outputs": [],
        "seconds": "1",
        "status": "half",
        "summary": None,
        "tokens": "9",
    }
    for text in ("", "{", "3", *(json.dumps({**whole, k: v}) for k, v in wrong.items())):
        path.write_text(text)
        with pytest.raises(SchemaError, match=r"stage\.json: damaged"):
            standing(recipe, tmp_path)
        with pytest.raises(PipelineError, match="damaged"):
            run_pipeline(recipe, tmp_path)
        assert number(tmp_path, "aside") == 7


def test_two_runs_in_one_folder(chain, recipe, tmp_path):

    def again(work):
        run_pipeline(recipe, tmp_path)

    running.STAGES = (replace(chain.stages[0], run=again),)
    with pytest.raises(PipelineError, match="another process runs the pipeline"):
        run_pipeline(recipe, tmp_path)


def test_what_cannot_be_read_any_more_has_changed(chain, recipe, tmp_path):
    """Such as the device of another machine: the standing still can be told."""
    run_pipeline(recipe, tmp_path)

    def gone(work):
        raise DataError("no such device")

    running.STAGES = (*chain.stages[:3], replace(chain.stages[3], beside=gone))
    assert states(standing(recipe, tmp_path))["aside"] == "changed"
    with pytest.raises(PipelineError, match="no such device"):
        run_pipeline(recipe, tmp_path)
    assert number(tmp_path, "aside") == 7  # what was there is whole
