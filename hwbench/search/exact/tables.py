"""A problem on a benchmark as tables of additive scores: what the exact solver works on.

Objectives come first, then limits; all are minimised or bounded from above. A metric whose score is
a logarithm stays a logarithm: it grows with the value, so bounds and optima carry over.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from hwbench import metrics
from hwbench.arrays import BoolArray, Codes, FloatArray, Int64Array
from hwbench.benchmark.terms import Terms, terms_of
from hwbench.search import limits
from hwbench.search.exact.certificate import NoCertificateError
from hwbench.search.exact.instance import Instance
from hwbench.search.problem import Limit, Objective, Problem, column_name
from hwbench.surrogates.layerwise_predictor import layer_index, n_combinations

if TYPE_CHECKING:
    from hwbench.benchmark import Benchmark
    from hwbench.spaces import Space

__all__ = [
    "Dimension",
    "Model",
    "dimensions_of",
    "limit_dimension",
    "model_of",
]


@dataclass(frozen=True, eq=False)
class Dimension:
    """One additive score: a weighted sum of layer-wise tables.

    Attributes:
        name: For messages.
        parts: Tables with their weights.
        log: Whether the score is the logarithm of a value.
        shift: `(C,)` is added, by combination of shared choices.
    """

    name: str
    parts: tuple[tuple[Terms, float], ...]
    log: bool
    shift: FloatArray | None = None

    def base(self, c: int, /) -> float:
        """Return the constant part for a combination of shared choices."""
        start = 0.0 if self.shift is None else float(self.shift[c])
        return start + sum(weight * float(terms.base[c]) for terms, weight in self.parts)

    def pairs(self) -> list[tuple[int, int]]:
        """List the pairs of layers that have a term together, the earlier layer first."""
        found = {(min(i, j), max(i, j)) for terms, _ in self.parts for i, j in terms.pairs.tolist()}
        return sorted(found)


@dataclass(frozen=True, eq=False)
class Model:
    """A problem as tables.

    Attributes:
        space: The whole space.
        dimensions: Scores: objectives first, then limits.
        n_objectives: How many are objectives.
        bounds: `C x K` greatest score of each limit, by combination of shared choices; infinite
            where a limit always holds (+) or never (-).
        shared: Combinations that the fixed choices allow.
        slots: Choices of a layer that they allow.
        depths: `(C,)` number of layers.
    """

    space: Space
    dimensions: tuple[Dimension, ...]
    n_objectives: int
    bounds: FloatArray
    shared: Int64Array
    slots: Int64Array
    depths: Int64Array
    _instances: dict[int, Instance] = field(default_factory=dict)

    def instance(self, c: int, /) -> Instance:
        """Return what is left for one combination of shared choices."""
        if c not in self._instances:
            self._instances[c] = self._make(c)
        return self._instances[c]

    def with_bounds(self, bounds: FloatArray, /) -> Model:
        """Return the same model with other bounds, `C x K`."""
        return Model(
            self.space,
            self.dimensions,
            self.n_objectives,
            bounds,
            self.shared,
            self.slots,
            self.depths,
        )

    def codes(self, c: int, p: Int64Array, /) -> Codes:
        """Return the codes of `N x D` choices (numbers among `slots`) of one combination."""
        space = self.space
        codes = np.zeros((len(p), space.n_choices), dtype=np.uint8)
        left = c
        for column in reversed(range(len(space.shared))):
            left, codes[:, column] = divmod(left, len(space.shared[column]))
        rest = self.slots[p]
        for number in reversed(range(len(space.layered))):
            start = space.layout.block(number).start
            rest, index = np.divmod(rest, len(space.layered[number]))
            codes[:, start : start + p.shape[1]] = index
        return codes

    def _make(self, c: int) -> Instance:
        depth, n, j = int(self.depths[c]), len(self.slots), len(self.dimensions)
        unary = np.zeros((depth, n, j))
        pairs = [pair for d in self.dimensions for pair in d.pairs() if pair[1] < depth]
        places = {pair: k for k, pair in enumerate(sorted(set(pairs)))}
        table = np.zeros((len(places), n, n, j))
        for number, dimension in enumerate(self.dimensions):
            for terms, weight in dimension.parts:
                if depth:
                    unary[..., number] += weight * terms.unary[:depth, c][:, self.slots]
                self._add_pairs(table[..., number], places, terms, weight, c)
        return Instance(
            c,
            np.array([dimension.base(c) for dimension in self.dimensions]),
            unary,
            np.array(sorted(places), dtype=np.int64).reshape(-1, 2),
            table,
            self.n_objectives,
            self.bounds[c],
        )

    def _add_pairs(
        self,
        table: FloatArray,
        places: dict[tuple[int, int], int],
        terms: Terms,
        weight: float,
        c: int,
    ) -> None:
        grid = np.ix_(self.slots, self.slots)
        for k, (i, j) in enumerate(terms.pairs.tolist()):
            place = places.get((min(i, j), max(i, j)))
            if place is not None:
                found = weight * terms.table[k, terms.group[c]][grid]
                table[place] += found if i < j else found.T


def dimensions_of(bench: Benchmark, goal: Objective, /) -> tuple[Dimension, ...]:
    """Return the scores whose greatest one an objective is.

    Raises:
        NoCertificateError: If it is not made of sums over layers.
        UnknownNameError: If the benchmark lacks the metric or the device.
    """
    terms = [_terms(bench, *column) for column in goal.columns]
    log = {found.log for found in terms}
    if len(terms) > 1 and (len(log) > 1 or (goal.aggregate == "mean" and True in log)):
        raise NoCertificateError(
            f"no proof for {goal}: some of its surrogates predict logarithms, whose sums over "
            f"layers cannot be put together; use a search method instead"
        )
    if goal.aggregate == "mean" or len(terms) == 1:
        parts = tuple((found, goal.sign / len(terms)) for found in terms)
        return (Dimension(str(goal), parts, log.pop()),)
    return tuple(
        Dimension(column_name(*column), ((found, goal.sign),), found.log)
        for column, found in zip(goal.columns, terms, strict=True)
    )


def limit_dimension(bench: Benchmark, limit: Limit, /) -> tuple[Dimension, FloatArray]:
    """Return the score of a limit and its greatest allowed value, `(C,)`.

    Raises:
        NoCertificateError: If the metric is not a sum over layers.
        UnknownNameError: If the benchmark lacks the metric or the device.
    """
    terms = _terms(bench, limit.metric, limit.device)
    sign = 1.0 if limit.sense == "max" else -1.0
    allowed = limits.allowed(bench, limit)
    bounds = sign * (np.log(allowed) if terms.log else allowed)
    lowest, highest = metrics.get(limit.metric).range
    always = allowed >= highest if sign > 0 else allowed <= lowest
    never = allowed < lowest if sign > 0 else allowed > highest
    bounds = np.where(never, -math.inf, np.where(always, math.inf, bounds))
    return Dimension(str(limit), ((terms, sign),), terms.log), bounds


def model_of(
    bench: Benchmark,
    problem: Problem,
    objectives: Sequence[Dimension],
    constraints: Sequence[tuple[Dimension, FloatArray]],
    /,
) -> Model:
    """Put scores together under the fixed choices of a problem."""
    space = bench.space
    combinations = n_combinations(space)[0]
    bounds = [bound for _, bound in constraints]
    allowed_c, allowed_p = _allowed(problem)
    return Model(
        space,
        (*objectives, *(dimension for dimension, _ in constraints)),
        len(objectives),
        np.stack(bounds, axis=1) if bounds else np.zeros((combinations, 0)),
        np.flatnonzero(allowed_c),
        np.flatnonzero(allowed_p),
        _depths(space),
    )


def _terms(bench: Benchmark, metric: str, device: str | None) -> Terms:
    cell = bench.cell(metric, device)
    found = terms_of(cell, bench.space)
    if found is None:
        raise NoCertificateError(
            f"no proof for {column_name(metric, device)}: its surrogate ({cell.model_name}) is "
            f"not a sum over layers; use a search method instead"
        )
    return found


def _allowed(problem: Problem) -> tuple[BoolArray, BoolArray]:
    """Mark the combinations of shared choices, and of one layer's choices, that are allowed."""
    space = problem.space
    marks = [np.ones(1, dtype=bool), np.ones(1, dtype=bool)]
    for which, choices in enumerate((space.shared, space.layered)):
        for choice in choices:
            keep = problem.fixed.get(choice.name, choice.values)
            mark = np.array([value in keep for value in choice.values])
            marks[which] = (marks[which][:, None] & mark).reshape(-1)
    return marks[0], marks[1]


def _depths(space: Space) -> Int64Array:
    """Return the number of layers of each combination of shared choices, `(C,)`."""
    sizes = [len(choice) for choice in space.shared]
    codes = np.zeros((int(np.prod(sizes)), space.n_choices), dtype=np.uint8)
    codes[:, : len(sizes)] = np.indices(sizes).reshape(len(sizes), -1).T
    c, _ = layer_index(space, codes)
    assert (c == np.arange(len(c))).all()
    return space.depths(codes)
