"""Run a search: ask, evaluate, tell, until the budget is spent.

A run is a pure function of the evaluator (digest of the bundle), the problem, the method with its
settings, the seed and the budget. With a folder, every batch is written to a journal as soon as it
is evaluated: an interrupted run, asked for again, repeats its steps from the journal and goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from hwbench.errors import SchemaError
from hwbench.search.evaluator import Evaluator
from hwbench.search.memo import Memo
from hwbench.search.methods import registry
from hwbench.search.methods.method import Method, keys
from hwbench.search.methods.registry import Setting
from hwbench.search.problem import ProblemError
from hwbench.search.run import ARRAYS, Run, identity, read_record, write_record

__all__ = ["JOURNAL", "run"]

JOURNAL: Final = "journal.jsonl"
_PATIENCE: Final = 50  # batches in a row without anything new


def run(
    evaluator: Evaluator,
    method: str,
    /,
    *,
    budget: int,
    seed: int = 0,
    settings: Mapping[str, Setting] | None = None,
    out: str | Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> Run:
    """Search with a method.

    Args:
        evaluator: What is asked; it holds the problem.
        method: Name of a method in `METHODS`.
        budget: Distinct evaluations in full. Architectures that come again cost nothing; see
            `Memo` for evaluations at a lower fidelity.
        seed: Of all randomness.
        settings: Settings of the method that differ from its defaults.
        out: Folder of the run, for the journal and the result. If it holds this run already, what
            was evaluated is not evaluated again; it may hold the same run with another budget.
        progress: Called with the number of full evaluations spent, after each batch.

    Raises:
        UnknownNameError: If there is no such method or setting.
        ProblemError: If the budget is below 1, the method needs a fidelity that the evaluator does
            not offer, or `out` holds another run.
        SchemaError: If `out` cannot be read.
    """
    if budget < 1:
        raise ProblemError(f"a budget is 1 evaluation or more, got {budget}")
    problem = evaluator.problem
    known = registry.defaults(method)
    if evaluator.most is not None and "most" in known:
        known["most"] = evaluator.most
    used = known | dict(settings or {})
    rng = np.random.default_rng(seed)
    goals = len(problem.objectives)
    made = registry.create(method, problem.subspace, goals, rng=rng, settings=used)
    if made.needs_fidelity and evaluator.most is None:
        raise ProblemError(f"{method} needs an evaluator with fidelities: a benchmark with noise")
    what = identity(problem, evaluator.identity, method, used, seed)
    if out is None:
        memo = Memo(evaluator, seed=seed)
        stopped = _search(memo, made, budget, None, progress)
        return _result(memo, what, budget, stopped)
    folder = Path(out)
    done = _finished(folder, what, budget, evaluator)
    if done is not None:
        return done
    journal = _Journal(folder)
    with journal:
        write_record(folder, what, None)
        memo = Memo(evaluator, seed=seed, stored=journal.stored)
        stopped = _search(memo, made, budget, journal, progress)
    found = _result(memo, what, budget, stopped)
    found.save(folder)
    return found


def _search(
    memo: Memo,
    method: Method,
    budget: int,
    journal: _Journal | None,
    progress: Callable[[int], None] | None,
) -> str:
    """Ask, evaluate and tell until the end; return why it ended."""
    problem = memo.evaluator.problem
    size = memo.evaluator.size
    idle = 0
    while memo.spent < budget * memo.unit:
        if memo.distinct >= size and memo.unit == 1:
            return "space"
        left = budget - memo.spent // memo.unit
        codes = method.ask(left)
        if not len(codes):
            return "exhausted"
        before = memo.distinct
        lifted = problem.lift(codes)
        near = memo.evaluator.nearest(lifted)
        if near is not lifted:
            codes = problem.lower(near)
        found = memo.evaluate(near, fidelity=method.fidelity)
        method.tell(codes, found.objectives, found.violations)
        if journal is not None:
            journal.write(memo, before)
        idle = idle + 1 if memo.distinct == before else 0
        if idle >= _PATIENCE:
            return "exhausted"
        if progress is not None:
            progress(memo.spent // memo.unit)
    return "budget"


def _result(memo: Memo, what: Mapping[str, object], budget: int, stopped: str) -> Run:
    codes, fidelity, _ = memo.since(0)
    found = memo.all()
    settings, method, seed = what["settings"], what["method"], what["seed"]
    assert isinstance(settings, dict)
    assert isinstance(method, str)
    assert isinstance(seed, int)
    return Run(
        problem=memo.evaluator.problem,
        evaluator=memo.evaluator.identity,
        method=method,
        settings=settings,
        seed=seed,
        budget=budget,
        calls=memo.calls,
        stopped=stopped,
        codes=codes,
        objectives=found.objectives,
        violations=found.violations,
        values={name: value.copy() for name, value in found.values.items()},
        fidelity=fidelity,
    )


def _finished(
    folder: Path, what: Mapping[str, object], budget: int, evaluator: Evaluator
) -> Run | None:
    """Return the run that a folder holds already, if it has this budget.

    Raises:
        ProblemError: If the folder holds another run.
    """
    record = read_record(folder)
    if record is None:
        return None
    there = record["identity"]
    asked = json.loads(json.dumps(what))
    if there != asked:
        names = [
            name for name in asked if not isinstance(there, dict) or there.get(name) != asked[name]
        ]
        raise ProblemError(
            f"{folder} holds another run (it differs in {', '.join(names)}); name another folder"
        )
    outcome = record.get("outcome")
    if (
        isinstance(outcome, dict)
        and outcome.get("budget") == budget
        and (folder / ARRAYS).is_file()
    ):
        return Run.load(folder, space=evaluator.space)
    return None


class _Journal:
    """The evaluations of a run, one line a batch, appended as they are made.

    Args:
        folder: Where the run lies.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / JOURNAL
        self.stored: dict[tuple[bytes, int], list[float]] = {}
        whole = 0
        if self._path.is_file():
            whole = self._read(self._path.read_bytes())
        self._file = self._path.open("r+b" if self._path.is_file() else "w+b")
        self._file.truncate(whole)  # the line that was being written when the run was killed
        self._file.seek(whole)

    def __enter__(self) -> _Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _read(self, data: bytes) -> int:
        """Take the whole lines; return their length."""
        end = data.rfind(b"\n") + 1
        for number, line in enumerate(data[:end].splitlines(), start=1):
            try:
                for text, fidelity, numbers in json.loads(line):
                    self.stored[bytes.fromhex(text), int(fidelity)] = numbers
            except (ValueError, TypeError) as error:
                raise SchemaError(f"{self._path} line {number}: {error}") from None
        return end

    def write(self, memo: Memo, start: int, /) -> None:
        """Append the evaluations from number `start` on that are not there yet."""
        codes, levels, numbers = memo.since(start)
        rows = [
            (key.hex(), level, line)
            for key, level, line in zip(keys(codes), levels.tolist(), numbers.tolist(), strict=True)
            if (key, level) not in self.stored
        ]
        if rows:
            self._file.write(json.dumps(rows).encode() + b"\n")
            self._file.flush()
