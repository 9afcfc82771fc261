"""`hwbench.pipeline.quickstart` on a machine whose latencies follow a formula."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from hwbench.benchmark import load
from hwbench.errors import DataError, MissingExtraError, SchemaError
from hwbench.pipeline import quickstart as quick
from hwbench.pipeline.quickstart import steps
from hwbench.search import ProblemError
from hwbench.search.study import Study
from tests.pipeline.quickstarts import (
    SECONDS,
    SPACE,
    TOLERANCE,
    Machine,
    latency_s,
    memory_bytes,
    simplify,
)
from tests.profiling.campaigns import record

BUDGET_S = 12 * SECONDS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished quickstart, the machine it was measured on, and what it told."""
    root, machine = tmp_path_factory.mktemp("quick"), Machine()
    told: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        simplify(patch, machine)
        wanted = quick.Wanted(root / "out", f"replay:{record(root / 'device.json')}", BUDGET_S)
        found = quick.quickstart(wanted, say=told.append)
    return wanted, machine, told, found


@pytest.fixture
def machine(monkeypatch):
    found = Machine()
    simplify(monkeypatch, found)
    return found


@pytest.fixture
def again(folder, tmp_path):
    """The same folder somewhere else, so that tests may change it."""
    wanted, *_ = folder
    shutil.copytree(wanted.out, tmp_path / "out")
    return replace(wanted, out=tmp_path / "out")


def test_the_answer_is_the_best_of_all(folder):
    found = folder[3]
    assert found.best.certificate.proven
    (limit,) = found.problem.limits
    codes = SPACE.sample_codes(20_000, np.random.default_rng(1))
    pairs = [("perplexity", None), ("latency", "my-cpu")]
    perplexity, predicted_s = found.bench.predict_many(codes, pairs).T
    holds = predicted_s <= limit.bound
    assert 0.35 < holds.mean() < 0.45
    assert found.best.values["perplexity"] <= perplexity[holds].min()
    assert found.best.values["latency_s@my-cpu"] <= limit.bound


def test_predictions_follow_the_machine(folder):
    found = folder[3]
    code = found.best.code[None, :]
    checks = {check.metric: check for check in found.checks}
    for name, formula in [("latency_s", latency_s), ("memory_bytes", memory_bytes)]:
        truth = float(formula(code)[0])
        assert checks[name].measured == pytest.approx((truth, truth))
        assert checks[name].predicted == pytest.approx(truth, rel=0.05)
        assert checks[name].inside
    assert found.errors["latency_s"] < 0.1


def test_nothing_is_better_than_the_front(folder):
    found = folder[3]
    assert (np.diff(found.front, axis=0) * [1, -1] > 0).all()
    codes = SPACE.sample_codes(5000, np.random.default_rng(2))
    pairs = [("perplexity", None), ("latency", "my-cpu")]
    others = found.bench.predict_many(codes, pairs)
    matched = (found.front[:, None] <= (1 + TOLERANCE) * others[None]).all(axis=-1)
    assert matched.any(axis=0).all()


def test_everything_lies_in_the_folder(folder):
    _, machine, told, found = folder
    assert [line.partition(":")[0] for line in told] == list(found.seconds)
    assert list(found.seconds) == [
        *("plan", "measure", "calibrate", "search", "front", "check", "report")
    ]
    assert all(path.exists() for path in found.files.values())
    assert load(found.files["bundle"]).sha256 == found.bench.sha256
    assert "<script" in found.files["page"].read_text()
    spent = sum(SECONDS for job in machine.jobs[1:-2])  # all but the pilot and the answer's two
    assert spent <= BUDGET_S + SECONDS
    assert found.rows == len(machine.jobs) - 3
    study = Study.read(found.files["study"])
    assert study.problems[0].on(found.bench, study.devices) == found.problem


def test_the_same_call_measures_nothing_again(folder, again, machine):
    found = quick.quickstart(again)
    assert machine.jobs == []
    assert found.best.architecture == folder[3].best.architecture
    assert found.checks == folder[3].checks


def test_what_is_removed_is_made_again(folder, again, machine):
    for name in ("bundle", "search"):
        shutil.rmtree(again.out / name)
    (again.out / "report.html").unlink()
    found = quick.quickstart(again)
    assert machine.jobs == []
    assert found.bench.sha256 == folder[3].bench.sha256
    assert (found.front == folder[3].front).all()
    assert found.files["page"].is_file()


def test_ctrl_c_keeps_what_was_measured(tmp_path, machine):
    recording = record(tmp_path / "device.json")
    wanted = quick.Wanted(tmp_path / "out", f"replay:{recording}", BUDGET_S)
    machine.stop_at = 4
    with pytest.raises(KeyboardInterrupt):
        quick.quickstart(wanted)
    assert len(machine.jobs) == 4
    found = quick.quickstart(wanted)
    keys = [job.key for job in machine.jobs[1:]]
    assert len(set(keys)) == len(keys) == found.rows + 2


def test_another_limit_asks_for_its_answer_only(folder, again, machine):
    (limit,) = folder[3].problem.limits
    tighter = replace(again, limits=(f"latency={0.8 * limit.bound}s",))
    found = quick.quickstart(tighter)
    assert found.best.values["latency_s@my-cpu"] <= 0.8 * limit.bound
    assert {job.architecture for job in machine.jobs} == {str(found.best.architecture)}


def test_a_short_budget_says_so_and_leaves_the_folder_free(tmp_path, machine):
    recording = record(tmp_path / "device.json")
    wanted = quick.Wanted(tmp_path / "out", f"replay:{recording}", SECONDS)
    with pytest.raises(DataError, match=r"too little time .* suffices for 0 .*; take a longer one"):
        quick.quickstart(wanted)
    machine.stop_at = 2
    with pytest.raises(KeyboardInterrupt):  # it measures now
        quick.quickstart(replace(wanted, budget_s=BUDGET_S))


def test_a_limit_beyond_reach_says_what_is_in_it(folder, again, machine):
    with pytest.raises(ProblemError, match=r"latency@my-cpu <= 1 ms \(it goes from \d.* to \d"):
        quick.quickstart(replace(again, limits=("latency=1ms",)))
    assert machine.jobs == []


def test_a_folder_of_something_else_is_refused(again, tmp_path, machine):
    with pytest.raises(DataError, match=r"holds a quickstart of .*budget_s 36"):
        quick.quickstart(replace(again, budget_s=50.0))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    with pytest.raises(DataError, match="holds something else"):
        quick.quickstart(replace(again, out=tmp_path / "full"))
    assert machine.jobs == []


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 1}', '{"schema": 9, "asked": {}}'])
def test_a_damaged_record_is_refused(again, machine, text):
    (again.out / "quickstart.json").write_text(text)
    with pytest.raises(SchemaError, match=r"quickstart.json: (damaged|of another version)"):
        quick.quickstart(again)


def test_a_missing_package_is_told_first(tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "find_spec", lambda name: None if name == "torch" else object())
    with pytest.raises(MissingExtraError, match=r"needs torch: pip install '.\[profile,fit\]'"):
        quick.quickstart(quick.Wanted(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
