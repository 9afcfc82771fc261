"""Answers of a bundle as numbers: all that `Benchmark` computes, without reading architectures.

Nothing here changes an answer: what is kept between calls (plans, factors) only saves time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, get_args

import numpy as np

from hwbench import metrics
from hwbench.arrays import Codes, FloatArray, Int64Array
from hwbench.benchmark.batch import Scorer, predict_columns
from hwbench.benchmark.bundle import Bundle, Cell
from hwbench.benchmark.closed_forms import ClosedForm
from hwbench.benchmark.single import Stack
from hwbench.benchmark.terms import Terms, terms_of
from hwbench.errors import DataError
from hwbench.surrogates.layerwise_predictor import n_combinations
from hwbench.surrogates.uncertainty import Noise, Visit

__all__ = ["Engine", "Plan"]

_MOST_KEPT: Final = 64


@dataclass(frozen=True, eq=False)
class Plan:
    """Which numbers of a query go where.

    Attributes:
        cells: Numbers of the cells that are asked for, each once, in the order of the answer.
        order: Where in the `3 x n_cells` (or `1 x n_cells`) numbers the answer's entries stand.
        common: Keys of the metrics that need no device; they come first in `order`.
        devices: For each device, in the order of the numbers, its name and its own keys.
        layouts: The keys of the devices, each combination once.
        level: Level of the intervals; None without.
        visit: Which visits they are about.
    """

    cells: tuple[int, ...]
    order: Int64Array
    common: tuple[str, ...]
    devices: tuple[tuple[str, tuple[str, ...]], ...]
    layouts: tuple[tuple[str, ...], ...]
    level: float | None
    visit: Visit


@dataclass(frozen=True, eq=False)
class Engine:
    """The cells of a bundle, ready to be asked.

    Attributes:
        bundle: The bundle.
    """

    bundle: Bundle
    _scorers: dict[int, Scorer] = field(default_factory=dict)
    _factors: dict[tuple[float | None, Visit], FloatArray] = field(default_factory=dict)

    # -- one architecture ----------------------------------------------------------------------

    def answer(
        self,
        code: Codes,
        plan: Plan,
        /,
        *,
        noise: Noise | None,
        rng: np.random.Generator | None,
    ) -> list[float]:
        """Return the numbers of one canonical code, `(n_choices,)`, in the order of a plan."""
        c = self._combinations[code[: len(self._radix)].tobytes()]
        values = self._values(code, c)
        found = self.factors(plan.level, plan.visit)[c] * values  # (3 or 1, n_cells)
        if noise is not None:
            for number in plan.cells:
                found[0, number] *= self.draw(number, 1, noise=noise, rng=rng)[0]
        lowest, highest = self._ranges
        np.maximum(found, lowest, out=found)
        np.minimum(found, highest, out=found)
        answer: list[float] = found.take(plan.order).tolist()
        return answer

    def _values(self, code: Codes, c: int) -> FloatArray:
        if self._stack is None:
            values = np.empty(0)
        else:
            values = self._stack.values(code, c)
            if len(values) == len(self.cells):
                return values
        others = [self._ask(i, code[None, :]) for i in range(len(values), len(self.cells))]
        return np.concatenate([values, *others])

    # -- many ----------------------------------------------------------------------------------

    def columns(self, codes: Codes, numbers: Sequence[int], /) -> FloatArray:
        """Return `n x len(numbers)` what the models of cells say, not yet kept within range.

        Args:
            codes: `n x n_choices` canonical codes.
            numbers: The cells.
        """
        models = [
            self._scorer(i) or (lambda rows, number=i: self._ask(number, rows)) for i in numbers
        ]
        return predict_columns(self.bundle.space, codes, models)

    def within(self, number: int, values: FloatArray, /) -> FloatArray:
        """Return values of one cell, kept within what its metric can be."""
        lowest, highest = _range(self.cells[number])
        return np.minimum(np.maximum(values, lowest), highest)

    def bounds(
        self, codes: Codes, number: int, values: FloatArray, /, *, level: float, visit: Visit
    ) -> tuple[FloatArray, FloatArray]:
        """Return the limits, `(n,)` each, around what the model of a cell says."""
        c = codes[:, : len(self._radix)].astype(np.int64) @ np.array(self._radix, dtype=np.int64)
        factors = self.factors(level, visit)[:, 1:, number][c]  # (n, 2)
        lower, upper = values * factors[:, 0], values * factors[:, 1]
        return self.within(number, lower), self.within(number, upper)

    # -- parts ---------------------------------------------------------------------------------

    def draw(
        self, number: int, n: int, /, *, noise: Noise, rng: np.random.Generator | None
    ) -> FloatArray:
        """Draw `(n,)` noise factors of one cell; ones for an exact metric.

        Raises:
            DataError: If there is no generator, or the noise is another word.
        """
        if noise not in get_args(Noise):
            raise DataError(f"noise must be one of {', '.join(get_args(Noise))}, got {noise!r}")
        if rng is None:
            raise DataError("noise needs a generator: rng=np.random.default_rng(seed)")
        uncertainty = self.cells[number].uncertainty
        return np.ones(n) if uncertainty is None else uncertainty.draw(noise, n, rng)

    def factors(self, level: float | None, visit: Visit, /) -> FloatArray:
        """Return `C x 3 x n_cells` factors on a prediction: itself, lower and upper limit.

        Without a level, `C x 1 x n_cells` ones.

        Raises:
            DataError: If the level lies outside (0, 1), or the visit is another word.
        """
        found = self._factors.get((level, visit))
        if found is None:
            if len(self._factors) >= _MOST_KEPT:
                self._factors.clear()
            found = self._factors[level, visit] = self._make_factors(level, visit)
        return found

    def _make_factors(self, level: float | None, visit: Visit) -> FloatArray:
        combinations = n_combinations(self.bundle.space)[0]
        factors = np.ones((combinations, 1 if level is None else 3, len(self.cells)))
        if level is None:
            return factors
        if not 0.0 < level < 1.0:
            raise DataError(f"an interval level must lie inside (0, 1), got {level}")
        if visit not in get_args(Visit):
            raise DataError(f"visit must be one of {', '.join(get_args(Visit))}, got {visit!r}")
        for number, cell in enumerate(self.cells):
            if cell.uncertainty is not None:
                lower, upper = cell.uncertainty.bounds(level, visit=visit)
                factors[:, 1, number] = lower[cell.uncertainty.group]
                factors[:, 2, number] = upper[cell.uncertainty.group]
        return factors

    def _ask(self, number: int, codes: Codes) -> FloatArray:
        model = self.cells[number].model
        if isinstance(model, ClosedForm):
            return model.predict(self.bundle.space, codes)
        return model.predict(codes)

    def _scorer(self, number: int) -> Scorer | None:
        terms = self._terms[self.cells[number]]
        if terms is None:
            return None
        if number not in self._scorers:
            self._scorers[number] = Scorer.of(terms)
        return self._scorers[number]

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """The cells by number: logarithmic tables first, then other tables, then other models."""
        return tuple(self._terms)

    @cached_property
    def _terms(self) -> dict[Cell, Terms | None]:
        found = {cell: terms_of(cell, self.bundle.space) for cell in self.bundle.cells}
        place = {cell: 2 if t is None else 1 - t.log for cell, t in found.items()}
        return dict(sorted(found.items(), key=lambda item: place[item[0]]))

    @cached_property
    def _stack(self) -> Stack | None:
        tables = [terms for terms in self._terms.values() if terms is not None]
        return Stack.of(self.bundle.space, tables) if tables else None

    @cached_property
    def _ranges(self) -> tuple[FloatArray, FloatArray]:
        ranges = np.array([_range(cell) for cell in self.cells]).reshape(-1, 2)
        return ranges[:, 0].copy(), ranges[:, 1].copy()

    @cached_property
    def _combinations(self) -> dict[bytes, int]:
        """Number of each combination of shared choices, by the bytes of its code."""
        sizes = [len(choice) for choice in self.bundle.space.shared]
        rows = np.indices(sizes, dtype=np.uint8).reshape(len(sizes), -1).T
        return {row.tobytes(): number for number, row in enumerate(rows)}

    @cached_property
    def _radix(self) -> tuple[int, ...]:
        """Weight of each shared choice in the number of a combination."""
        weights = [1]
        for choice in reversed(self.bundle.space.shared[1:]):
            weights.append(weights[-1] * len(choice))
        return tuple(reversed(weights))[: len(self.bundle.space.shared)]


def _range(cell: Cell) -> tuple[float, float]:
    return metrics.get(cell.metric).range
