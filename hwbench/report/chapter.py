"""What a report tells: for each problem the runs, their fronts and the exact front."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np

from hwbench.arrays import Codes, FloatArray
from hwbench.benchmark import Benchmark
from hwbench.errors import DataError
from hwbench.search import BenchmarkEvaluator, Problem
from hwbench.search.dominance import non_dominated
from hwbench.search.run import Run

__all__ = ["Chapter", "Report", "spread"]

_SEED: Final = 20240516


@dataclass(frozen=True, eq=False)
class Chapter:
    """One problem on one benchmark.

    Attributes:
        label: A short name, such as "latency-h100".
        bench: Predicts all other metrics.
        problem: What was searched for.
        runs: One or more; they may differ in method and seed.
        exact: Codes of the exact front, `n x n_choices`; None if there is no proof.
    """

    label: str
    bench: Benchmark
    problem: Problem
    runs: tuple[Run, ...]
    exact: Codes | None = None

    def __post_init__(self) -> None:
        if not self.runs:
            raise DataError(f"there is no run of {self.label}")

    @cached_property
    def evaluator(self) -> BenchmarkEvaluator:
        """What tells objectives and violations, without noise."""
        return BenchmarkEvaluator(self.bench, self.problem)

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """The methods, in the order in which their runs come."""
        return tuple(dict.fromkeys(run.method for run in self.runs))

    @property
    def several(self) -> bool:
        """Whether runs are compared, rather than one looked at."""
        return len(self.runs) > 1

    def of(self, method: str, /) -> tuple[Run, ...]:
        """Return the runs of a method."""
        return tuple(run for run in self.runs if run.method == method)

    def points(self, codes: Codes, /) -> FloatArray:
        """Return the minimised objectives of codes, `n x m`."""
        return self.evaluator.evaluate(codes).objectives

    @cached_property
    def fronts(self) -> Mapping[str, Codes]:
        """Method -> the front of all its runs together, by ascending first objective."""
        return {name: self._front(self.of(name)) for name in self.methods}

    @cached_property
    def front(self) -> Codes:
        """The front of all runs together, by ascending first objective."""
        return self._front(self.runs)

    @cached_property
    def best(self) -> Codes:
        """The exact front if it is known, else what all runs found."""
        return self.front if self.exact is None else self.exact

    def others(self, most: int, /) -> Codes:
        """Return up to `most` evaluated architectures drawn at random, each once."""
        found = np.unique(np.concatenate([run.codes for run in self.runs]), axis=0)
        if len(found) <= most:
            return found
        rows = np.random.default_rng(_SEED).choice(len(found), most, replace=False)
        chosen: Codes = found[np.sort(rows)]
        return chosen

    def _front(self, runs: tuple[Run, ...]) -> Codes:
        codes = np.unique(np.concatenate([run.codes[run.front()] for run in runs]), axis=0)
        found = self.evaluator.evaluate(codes)
        kept = np.flatnonzero(found.violations <= 0.0)
        kept = kept[non_dominated(found.objectives[kept])]
        best: Codes = codes[kept[np.lexsort(found.objectives[kept].T[::-1])]]
        return best


@dataclass(frozen=True, eq=False)
class Report:
    """Chapters under one title.

    Attributes:
        title: Headline.
        chapters: One or more, all on one search space.
        note: Where it comes from, in a sentence.
        ranking: Who is better over all problems, in a sentence; empty if nobody asked.
        figures: Label of a chapter -> method -> title -> figure as text.
    """

    title: str
    chapters: tuple[Chapter, ...]
    note: str = ""
    ranking: str = ""
    figures: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.chapters:
            raise DataError("a report needs a run")
        if len({chapter.problem.space for chapter in self.chapters}) > 1:
            raise DataError("a report is about one search space; report each of them alone")


def spread(codes: Codes, most: int, /) -> Codes:
    """Return up to `most` rows, evenly spread, the first and the last among them."""
    if len(codes) <= most:
        return codes
    rows = np.unique(np.linspace(0, len(codes) - 1, max(most, 2)).round().astype(np.intp))
    chosen: Codes = codes[rows]
    return chosen
