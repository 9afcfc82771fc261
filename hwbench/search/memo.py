"""An evaluator that is asked for each architecture once, and counts.

A budget counts distinct evaluations: an architecture that comes again is answered from memory and
costs nothing. At a fidelity below the greatest it costs its share: 3 repeats of 9 are a third, and
asking for all 9 later costs the other two thirds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, final

import numpy as np

from hwbench.arrays import Codes, FloatArray, Int64Array
from hwbench.search.evaluator import Evaluation, Evaluator
from hwbench.search.methods.method import keys
from hwbench.search.problem import column_name

__all__ = ["Memo", "Stored"]

Stored = Mapping[tuple[bytes, int], list[float]]
"""Code and fidelity (0: in full) -> objectives, violation and values of an evaluation."""


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
        self._rows: dict[tuple[bytes, int], int] = {}
        self._reached: dict[bytes, int] = {}
        self._repeats = 0
        self._codes: list[Codes] = []
        self._fidelities: list[int] = []
        self._numbers = np.zeros((256, self._m + 1 + len(self._names)))

    @property
    def distinct(self) -> int:
        """Number of evaluations made: distinct pairs of an architecture and a fidelity."""
        return len(self._rows)

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
        asked = [(key, level) for key in keys(codes)]
        fresh: dict[tuple[bytes, int], int] = {}
        for row, key in enumerate(asked):
            if key not in self._rows:
                fresh.setdefault(key, row)
        if fresh:
            self._add(codes, fresh, fidelity)
        self.calls += len(codes)
        rows = [self._rows[key] for key in asked]
        return self._evaluation(self._numbers[rows])

    def since(self, start: int, /) -> tuple[Codes, Int64Array, FloatArray]:
        """Return the evaluations from number `start` on, in the order in which they were made.

        Returns:
            Codes `n x n_choices`, fidelities `(n,)` (0: in full), and numbers: objectives,
            violation and values side by side.
        """
        width = self.evaluator.space.n_choices
        rows = self._codes[start:]
        codes = np.stack(rows) if rows else np.zeros((0, width), dtype=np.uint8)
        levels = np.array(self._fidelities[start:], dtype=np.int64)
        return codes, levels, self._numbers[start : self.distinct].copy()

    def all(self) -> Evaluation:
        """Return all evaluations in the order in which they were made."""
        return self._evaluation(self._numbers[: self.distinct])

    def _add(
        self, codes: Codes, fresh: Mapping[tuple[bytes, int], int], fidelity: int | None
    ) -> None:
        start, count = self.distinct, len(fresh)
        while len(self._numbers) < start + count:
            self._numbers = np.concatenate([self._numbers, np.zeros_like(self._numbers)])
        missing = [
            (i, row) for i, (key, row) in enumerate(fresh.items()) if key not in self._stored
        ]
        for i, key in enumerate(fresh):
            if key in self._stored:
                self._numbers[start + i] = self._stored[key]
        if missing:
            places, rows = (list(column) for column in zip(*missing, strict=True))
            found = self.evaluator.evaluate(codes[rows], fidelity=fidelity, seed=self._seed)
            into = start + np.array(places)
            self._numbers[into, : self._m] = found.objectives
            self._numbers[into, self._m] = found.violations
            for k, name in enumerate(self._names):
                self._numbers[into, self._m + 1 + k] = found.values[name]
        for key, row in fresh.items():
            self._rows[key] = len(self._rows)
            self._codes.append(codes[row].copy())
            self._fidelities.append(key[1])
            before, cost = self._reached.get(key[0], 0), key[1] or self.unit
            self._repeats += max(cost - before, 0)
            self._reached[key[0]] = max(cost, before)

    def _evaluation(self, numbers: FloatArray) -> Evaluation:
        m = self._m
        values = {name: numbers[:, m + 1 + k] for k, name in enumerate(self._names)}
        return Evaluation(numbers[:, :m].copy(), numbers[:, m].copy(), values)
