"""Which method is better over many problems: mean ranks, a test, and what counts as a difference.

Demsar 2006, "Statistical Comparisons of Classifiers over Multiple Data Sets": a Friedman test asks
whether the methods differ at all, Wilcoxon's signed ranks with Holm's correction which pairs do,
and Nemenyi's critical difference how far mean ranks must lie apart. Needs scipy (extra `search`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import FloatArray
from hwbench.errors import ShapeError, require
from hwbench.search.indicators import IndicatorError

__all__ = ["Ranking", "critical_difference", "holm", "rank"]

_FEWEST_TO_TEST: Final = 2
_HUGE: Final = 1e300


@dataclass(frozen=True)
class Ranking:
    """Methods in order, best first.

    Attributes:
        mean_ranks: Method -> its mean rank over the problems, 1 is best; ties share a rank.
        n_problems: How many problems it is the mean of.
        friedman_p: Probability of ranks as different as these if all methods were alike; None
            with fewer than 3 methods or 2 problems.
        pairs: (Better, worse) -> Wilcoxon's p-value after Holm's correction.
        critical_difference: Mean ranks closer than this do not differ at `alpha` (Nemenyi); None
            where there is no test.
        alpha: Level of the tests.
    """

    mean_ranks: Mapping[str, float]
    n_problems: int
    friedman_p: float | None
    pairs: Mapping[tuple[str, str], float]
    critical_difference: float | None
    alpha: float

    @property
    def testable(self) -> bool:
        """Whether there are problems enough for a pair to differ at `alpha` at all.

        The smallest p-value of Wilcoxon's test with n problems is 2^(1 - n); Holm's correction
        multiplies it by the number of pairs.
        """
        return bool(self.pairs) and 2.0 ** (1 - self.n_problems) * len(self.pairs) <= self.alpha

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Largest sets of methods, neighbours in rank, that no pair test tells apart.

        Empty if the problems are too few to tell anything (see `testable`).
        """
        names = list(self.mean_ranks) if self.testable else []
        found: list[tuple[str, ...]] = []
        for start in range(len(names)):
            end = start + 1
            while end < len(names) and self._alike(names[start : end + 1]):
                end += 1
            group = tuple(names[start:end])
            if len(group) > 1 and not any(set(group) <= set(other) for other in found):
                found.append(group)
        return tuple(found)

    def _alike(self, names: Sequence[str]) -> bool:
        return all(self.pairs.get(pair, 1.0) > self.alpha for pair in combinations(names, 2))

    def to_dict(self) -> dict[str, object]:
        """Return the ranking as JSON values."""
        return {
            "mean_ranks": dict(self.mean_ranks),
            "n_problems": self.n_problems,
            "friedman_p": self.friedman_p,
            "pairs": [[better, worse, p] for (better, worse), p in self.pairs.items()],
            "critical_difference": self.critical_difference,
            "alpha": self.alpha,
            "testable": self.testable,
            "groups": [list(group) for group in self.groups],
        }


def rank(
    scores: Mapping[str, ArrayLike], /, *, higher_is_better: bool, alpha: float = 0.05
) -> Ranking:
    """Rank methods over problems.

    Args:
        scores: Method -> `(n,)`, one score a problem (the median over seeds, say), the problems
            in one order for all.
        higher_is_better: Whether a higher score is better.
        alpha: Level of the tests, inside (0, 1).

    Raises:
        ShapeError: If the methods have scores of different problems.
        IndicatorError: If there is no method, no problem, or a score is NaN.
    """
    stats = require("scipy.stats", "search")
    names = list(scores)
    columns = [np.asarray(scores[name], dtype=np.float64) for name in names]
    if len({column.shape for column in columns}) > 1:
        raise ShapeError(f"each method needs a score for each problem, got {columns}")
    if not columns or columns[0].ndim != 1 or not len(columns[0]):
        raise IndicatorError("a ranking needs a method and a problem")
    table = np.stack(columns, axis=1)  # (problems, methods)
    if np.isnan(table).any():
        raise IndicatorError("a ranking needs a score for every method and problem, got NaN")
    ranks = stats.rankdata(-table if higher_is_better else table, axis=1)
    means = ranks.mean(axis=0)
    order = np.argsort(means, kind="stable")
    n, k = table.shape
    tested = n >= _FEWEST_TO_TEST and k >= 2
    return Ranking(
        mean_ranks={names[i]: float(means[i]) for i in order},
        n_problems=n,
        friedman_p=_friedman(ranks) if tested and k > 2 else None,
        pairs=_pairs(table, names, order.tolist()) if tested else {},
        critical_difference=critical_difference(k, n, alpha=alpha) if tested else None,
        alpha=alpha,
    )


def critical_difference(n_methods: int, n_problems: int, /, *, alpha: float = 0.05) -> float:
    """Return Nemenyi's critical difference of mean ranks.

    >>> round(critical_difference(4, 14), 2)  # Demsar 2006, section 3.2.4: 2.569 * sqrt(20 / 84)
    1.25
    """
    stats = require("scipy.stats", "search")
    # The distribution for infinitely many degrees of freedom, which scipy takes as such.
    q = stats.studentized_range.ppf(1.0 - alpha, n_methods, np.inf) / np.sqrt(2.0)
    return float(q * np.sqrt(n_methods * (n_methods + 1) / (6.0 * n_problems)))


def holm(p_values: ArrayLike, /) -> FloatArray:
    """Return p-values corrected for their number by Holm's step-down method.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(raised, 1.0)
    return corrected


def _friedman(ranks: FloatArray) -> float:
    if np.all(ranks == ranks[:, :1]):  # all methods tie everywhere
        return 1.0
    return float(require("scipy.stats", "search").friedmanchisquare(*ranks.T).pvalue)


def _pairs(
    table: FloatArray, names: Sequence[str], order: Sequence[int]
) -> dict[tuple[str, str], float]:
    stats = require("scipy.stats", "search")
    found = list(combinations(order, 2))
    raw = []
    # Two methods that found nothing (infinite scores) do not differ.
    finite = np.nan_to_num(table, posinf=_HUGE, neginf=-_HUGE)
    for better, worse in found:
        difference = finite[:, better] - finite[:, worse]
        same = not np.any(difference)
        raw.append(1.0 if same else float(stats.wilcoxon(difference).pvalue))
    corrected = holm(raw)
    return {(names[a], names[b]): float(p) for (a, b), p in zip(found, corrected, strict=True)}
