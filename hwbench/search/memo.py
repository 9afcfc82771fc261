"""An evaluator that is asked for each architecture once, and counts.

A budget counts distinct evaluations: an architecture that comes again is answered from memory and
costs nothing. At a fidelity below the greatest it costs its share: 3 repeats of 9 are a third, and
asking for all 9 later costs the other two thirds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar, final

import numpy as np

from hwbench.arrays import Codes, FloatArray, Int64Array
from hwbench.search.evaluator import Evaluation, Evaluator
from hwbench.search.methods.method import first_rows, keys
from hwbench.search.problem import column_name

__all__ = ["Memo", "Stored"]

Stored = Mapping[tuple[bytes, int], list[float]]
"""Code and fidelity (0: in full) -> objectives, violation and values of an evaluation."""

_ROOM: Final = 256
_Array = TypeVar("_Array", Codes, Int64Array, FloatArray)


@final
class Memo:
    """Evaluations by canonical code, each made once.

    Args:
        evaluator: Who answers.
        seed: Of the noise, where there is some.
        stored: Evaluations made before, taken as they are where they are asked for.
    """

    def __init__(
        self, evaluator: Evaluator, /, *, seed: int = 0, stored: Stored | None = None
    ) -> None:
        self.evaluator: Final = evaluator
        self.calls = 0
        self._seed: Final = seed
        self._stored: Final = stored or {}
        self._names: Final = tuple(column_name(*c) for c in evaluator.problem.columns)
        self._m: Final = len(evaluator.problem.objectives)
        self._rows: dict[int, dict[bytes, int]] = {}  # fidelity -> code -> number
        self._reached: dict[bytes, int] = {}
        self._repeats = 0
        self._distinct = 0
        # One row an evaluation, with room for more.
        self._codes: Codes = np.zeros((_ROOM, evaluator.space.n_choices), dtype=np.uint8)
        self._fidelities: Int64Array = np.zeros(_ROOM, dtype=np.int64)
        self._numbers: FloatArray = np.zeros((_ROOM, self._m + 1 + len(self._names)))

    @property
    def distinct(self) -> int:
        """Number of evaluations made: distinct pairs of an architecture and a fidelity."""
        return self._distinct

    @property
    def unit(self) -> int:
        """What one evaluation in full costs: the greatest fidelity, 1 without fidelities."""
        return self.evaluator.most or 1

    @property
    def spent(self) -> int:
        """What the evaluations cost so far, in parts of `unit`."""
        return self._repeats

    def evaluate(self, codes: Codes, /, *, fidelity: int | None = None) -> Evaluation:
        """Evaluate `n x n_choices` canonical codes, those that are new only once.

        Raises:
            SpaceError: As `Evaluator.evaluate`.
            ProblemError: As `Evaluator.evaluate`.
        """
        level = fidelity or 0
        known = self._rows.setdefault(level, {})
        asked = keys(codes)
        fresh = first_rows(asked, known)
        if fresh:
            names = [asked[row] for row in fresh]
            numbers = range(self._distinct, self._distinct + len(fresh))
            self._add(codes[fresh], names, fidelity)
            known.update(zip(names, numbers, strict=True))
            self._repeats += self._cost(names, level or self.unit)
        self.calls += len(codes)
        return self._evaluation(self._numbers[[known[key] for key in asked]])

    def since(self, start: int, /) -> tuple[Codes, Int64Array, FloatArray]:
        """Return the evaluations from number `start` on, in the order in which they were made.

        Returns:
            Codes `n x n_choices`, fidelities `(n,)` (0: in full), and numbers: objectives,
            violation and values side by side.
        """
        rows = slice(start, self._distinct)
        return self._codes[rows].copy(), self._fidelities[rows].copy(), self._numbers[rows].copy()

    def all(self) -> Evaluation:
        """Return all evaluations in the order in which they were made."""
        return self._evaluation(self._numbers[: self._distinct])

    def _add(self, codes: Codes, names: Sequence[bytes], fidelity: int | None) -> None:
        """Evaluate distinct new architectures, or take up what is stored, and number them."""
        rows = slice(self._distinct, self._distinct + len(codes))
        while len(self._numbers) < rows.stop:
            self._codes, self._fidelities = _twice(self._codes), _twice(self._fidelities)
            self._numbers = _twice(self._numbers)
        self._codes[rows], self._fidelities[rows] = codes, fidelity or 0
        numbers = self._numbers[rows]
        stored = [self._stored.get((name, fidelity or 0)) for name in names] if self._stored else []
        for row, found in enumerate(stored):
            if found is not None:
                numbers[row] = found
        missing = [row for row, found in enumerate(stored) if found is None]
        if missing or not stored:
            asked = missing if stored else slice(None)
            numbers[asked] = self._ask(codes[asked], fidelity)
        self._distinct = rows.stop

    def _ask(self, codes: Codes, fidelity: int | None) -> FloatArray:
        """Return objectives, violation and values side by side."""
        found = self.evaluator.evaluate(codes, fidelity=fidelity, seed=self._seed)
        values = [found.values[name] for name in self._names]
        return np.column_stack([found.objectives, found.violations, *values])

    def _cost(self, names: Sequence[bytes], level: int) -> int:
        """Return what is to be paid for new evaluations: what lies beyond those at less."""
        if self.evaluator.most is None:
            return len(names)
        total = 0
        for name in names:
            before = self._reached.get(name, 0)
            self._reached[name] = max(level, before)
            total += max(level - before, 0)
        return total

    def _evaluation(self, numbers: FloatArray) -> Evaluation:
        m = self._m
        values = {name: numbers[:, m + 1 + k] for k, name in enumerate(self._names)}
        return Evaluation(numbers[:, :m].copy(), numbers[:, m].copy(), values)


def _twice(array: _Array) -> _Array:
    """Return a copy with as much room again."""
    return np.concatenate([array, np.zeros_like(array)])
