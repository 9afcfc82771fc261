import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from hwbench.errors import SchemaError
from hwbench.search import BenchmarkEvaluator, Memo, Problem, ProblemError, Run, run
from hwbench.search.runner import JOURNAL


class Counting:
    """Counts the rows that reach the evaluator, and can be made to fail."""

    def __init__(self, evaluator, *, fail_after=None):
        self._inner, self.rows, self._fail_after = evaluator, 0, fail_after

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def evaluate(self, codes, **options):
        self.rows += len(codes)
        if self._fail_after is not None and self.rows > self._fail_after:
            raise KeyboardInterrupt
        return self._inner.evaluate(codes, **options)


def same(a, b):
    np.testing.assert_array_equal(a.codes, b.codes)
    np.testing.assert_array_equal(a.objectives, b.objectives)
    np.testing.assert_array_equal(a.violations, b.violations)
    np.testing.assert_array_equal(a.fidelity, b.fidelity)
    assert (a.calls, a.stopped, a.identity()) == (b.calls, b.stopped, b.identity())
    assert {k: v.tolist() for k, v in a.values.items()} == {
        k: v.tolist() for k, v in b.values.items()
    }


def test_memo_asks_once_and_counts(evaluator, rng):
    counting = Counting(evaluator)
    memo = Memo(counting)
    codes = evaluator.space.sample_codes(20, rng)
    doubled = np.concatenate([codes, codes[::-1]])
    found = memo.evaluate(doubled)
    np.testing.assert_array_equal(found.objectives, evaluator.evaluate(doubled).objectives)
    memo.evaluate(codes[:5])
    distinct = len(np.unique(codes, axis=0))
    assert (memo.calls, memo.distinct, counting.rows, memo.spent) == (
        45,
        distinct,
        distinct,
        distinct,
    )


def test_memo_grows_and_takes_up_what_is_stored(evaluator, rng):
    codes = np.unique(evaluator.space.sample_codes(1000, rng), axis=0)
    assert len(codes) > 600  # more than there is room for at first
    stored = {(code.tobytes(), 0): [1.0, 2.0, 0.0, 1.0, 2.0] for code in codes[::3]}
    counting = Counting(evaluator)
    memo = Memo(counting, stored=stored)
    expected = evaluator.evaluate(codes).objectives
    expected[::3] = [1.0, 2.0]
    for start in range(0, len(codes), 70):
        found = memo.evaluate(codes[start : start + 70])
        np.testing.assert_array_equal(found.objectives, expected[start : start + 70])
    assert counting.rows == len(codes) - len(stored)
    made, levels, numbers = memo.since(300)
    np.testing.assert_array_equal(made, codes[300:])
    np.testing.assert_array_equal(numbers[:, :2], expected[300:])
    assert not levels.any()


def test_memo_counts_repeats(bench, problem, rng):
    memo = Memo(BenchmarkEvaluator(bench, problem, noise="repeat", repeats=9))
    code = bench.space.sample_codes(1, rng)
    assert memo.unit == 9
    for fidelity, spent in ((1, 1), (3, 3), (3, 3), (None, 9), (1, 9)):
        memo.evaluate(code, fidelity=fidelity)
        assert memo.spent == spent


@pytest.mark.parametrize("method", ["rs", "nsga2"])
def test_a_run_spends_its_budget_and_repeats_itself(evaluator, method):
    first, again = (run(evaluator, method, budget=250, seed=3) for _ in range(2))
    same(first, again)
    assert len(first) == len(np.unique(first.codes, axis=0)) == 250
    other = run(evaluator, method, budget=250, seed=4)
    assert (other.codes != first.codes).any()


def test_the_front_is_what_nothing_dominates(evaluator):
    found = run(evaluator, "rs", budget=300)
    front = found.objectives[found.front()]
    for point in found.objectives:
        below = (front <= point).all(axis=1)
        assert below.any()
    assert (np.diff(front[:, 0]) >= 0).all()


def test_infeasible_architectures_stay_off_the_front(bench):
    problem = Problem.parse(bench, minimize=["perplexity"], max=["params=1"])
    found = run(BenchmarkEvaluator(bench, problem), "nsga2", budget=200)
    assert not len(found.front())
    assert found.closest() == int(np.argmin(found.violations))


def test_a_small_space_ends_the_run(bench):
    fix = ["embed_dim=64", "n_layer=2", "n_head=1", "bias=true"]
    problem = Problem.parse(bench, minimize=["perplexity"], fix=fix)
    for method in ("rs", "nsga2"):
        found = run(BenchmarkEvaluator(bench, problem), method, budget=1000)
        assert (len(found), found.stopped) == (problem.subspace.size(), "space")


@pytest.mark.parametrize("method", ["rs", "nsga2"])
def test_an_interrupted_run_goes_on(evaluator, tmp_path, method):
    whole = run(evaluator, method, budget=700, seed=1)
    broken = Counting(evaluator, fail_after=450)
    with pytest.raises(KeyboardInterrupt):
        run(broken, method, budget=700, seed=1, out=tmp_path)
    journal = tmp_path / JOURNAL
    with journal.open("ab") as file:
        file.write(b'[["0001')  # killed while writing
    counting = Counting(evaluator)
    same(run(counting, method, budget=700, seed=1, out=tmp_path), whole)
    assert 0 < counting.rows < 700
    finished = Counting(evaluator)
    same(run(finished, method, budget=700, seed=1, out=tmp_path), whole)
    assert finished.rows == 0


def test_a_noisy_run_goes_on_too(bench, problem, tmp_path):
    noisy = BenchmarkEvaluator(bench, problem, noise="session", repeats=2)
    whole = run(noisy, "nsga2", budget=300, seed=1, settings={"population": 50})
    with pytest.raises(KeyboardInterrupt):
        run(
            Counting(noisy, fail_after=120),
            "nsga2",
            budget=300,
            seed=1,
            settings={"population": 50},
            out=tmp_path,
        )
    same(run(noisy, "nsga2", budget=300, seed=1, settings={"population": 50}, out=tmp_path), whole)


def test_a_greater_budget_builds_on_a_smaller_one(evaluator, tmp_path):
    run(evaluator, "nsga2", budget=200, out=tmp_path)
    counting = Counting(evaluator)
    same(run(counting, "nsga2", budget=400, out=tmp_path), run(evaluator, "nsga2", budget=400))
    assert counting.rows == 200


def test_a_folder_holds_one_run(evaluator, tmp_path):
    run(evaluator, "rs", budget=20, out=tmp_path)
    with pytest.raises(ProblemError, match=r"another run .*seed"):
        run(evaluator, "rs", budget=20, seed=1, out=tmp_path)
    with pytest.raises(ProblemError, match="method"):
        run(evaluator, "nsga2", budget=20, out=tmp_path)


def test_a_run_comes_back_from_its_folder(evaluator, tmp_path):
    found = run(evaluator, "nsga2", budget=150, out=tmp_path)
    same(Run.load(tmp_path, space=evaluator.space), found)
    frame = found.to_frame()
    assert len(frame) == 150
    assert frame["front"].sum() == len(found.front())
    assert list(frame["architecture"])[:1] == [str(evaluator.space.decode(found.codes[:1])[0])]


def test_damaged_folders_are_refused(evaluator, tmp_path):
    with pytest.raises(SchemaError, match="no finished run"):
        Run.load(tmp_path)
    (tmp_path / JOURNAL).write_text("nonsense\n")
    with pytest.raises(SchemaError, match="line 1"):
        run(evaluator, "rs", budget=20, out=tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"schema": 99}))
    with pytest.raises(SchemaError, match="schema"):
        run(evaluator, "rs", budget=20, out=tmp_path)


def test_progress_is_told(evaluator):
    told: list[int] = []
    run(evaluator, "rs", budget=600, progress=told.append)
    assert told[-1] == 600
    assert told == sorted(told)


def test_impossible_budgets_are_refused(evaluator):
    with pytest.raises(ProblemError, match="budget"):
        run(evaluator, "rs", budget=0)


def test_fixed_choices_hold_in_the_whole_space(bench):
    problem = Problem.parse(bench, minimize=["perplexity"], fix=["embed_dim=128", "mlp_ratio=2,4"])
    found = run(BenchmarkEvaluator(bench, problem), "nsga2", budget=200)
    assert set(bench.space.values(found.codes, "embed_dim").tolist()) == {128}
    assert set(np.unique(bench.space.values(found.codes, "mlp_ratio"))) <= {0, 2, 4}


PROGRAM = """
import hashlib, sys
from hwbench.benchmark import Benchmark
from hwbench.search import BenchmarkEvaluator, Problem, run
from hwbench.testing.bundles import made_bundle
bench = Benchmark(made_bundle())
problem = Problem.parse(bench, minimize=["perplexity,latency@gpu-one"], max=["energy@gpu-one=1J"])
noise = "session" if sys.argv[1] == "moasha" else None
found = run(BenchmarkEvaluator(bench, problem, noise=noise), sys.argv[1], budget=80, seed=3)
print(hashlib.sha256(found.codes.tobytes() + found.objectives.tobytes()).hexdigest())
"""


@pytest.mark.parametrize("method", ["nsga2", "ls", "ehvi", "moasha", "spos-es"])
def test_every_process_finds_the_same(method):
    """Runs do not depend on the order of sets, on the process or on what ran before."""
    seen = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM, method],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1
    assert len(seen.pop().strip()) == 2 * hashlib.sha256().digest_size
