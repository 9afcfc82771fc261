"""What held: ranks of surrogate, inherited and retrained; predicted against measured; regret.

Rank correlations are those of a random sample, not of what a search found: answers of a search lie
close together at the top, where every ranking is mostly noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np

from hwbench.arrays import FloatArray, Int64Array
from hwbench.surrogates.scores import kendall, mape

__all__ = ["Checked", "verdict"]

_RESAMPLES: Final = 500
_SAMPLE: Final = "sample"


@dataclass(frozen=True)
class Checked:
    """All that is known of an architecture.

    Attributes:
        arch: Its text.
        roles: Why it was checked.
        params: Weights.
        surrogate: Predicted perplexity and the ends of its 90 % interval.
        inherited: Perplexity with inherited weights, on the test part.
        retrained: Perplexity after training from scratch, one a seed, on the test part.
        predicted: Metric -> prediction and the ends of its 90 % interval.
        measured: Metric -> one median a visit.
    """

    arch: str
    roles: tuple[str, ...]
    params: int
    surrogate: tuple[float, float, float]
    inherited: float
    retrained: tuple[float, ...]
    predicted: Mapping[str, tuple[float, float, float]]
    measured: Mapping[str, tuple[float, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "arch": self.arch,
            "roles": list(self.roles),
            "params": self.params,
            "quality": {
                "surrogate": list(self.surrogate),
                "inherited": self.inherited,
                "retrained": list(self.retrained),
            },
            "metrics": {
                name: {"predicted": list(self.predicted[name]), "measured": list(values)}
                for name, values in self.measured.items()
            },
        }


def verdict(
    checked: Sequence[Checked], problems: Sequence[Mapping[str, Any]], /, *, seed: int
) -> dict[str, Any]:
    """Compare what was predicted with what came.

    Args:
        checked: The architectures.
        problems: What was searched for and found.
        seed: Of the resampling for intervals.

    Returns:
        "architectures", "ranks", "hardware" and "regret", as JSON values.
    """
    sample = [one for one in checked if _SAMPLE in one.roles]
    return {
        "architectures": [one.to_dict() for one in checked],
        "ranks": _ranks(sample, np.random.default_rng(seed)),
        "hardware": _hardware(checked),
        "regret": [line for problem in problems for line in _regret(checked, problem)],
    }


def _ranks(sample: Sequence[Checked], rng: np.random.Generator) -> list[dict[str, Any]]:
    """Kendall's tau of each pair of rankings, with a bootstrap interval over architectures."""
    if len(sample) < 2:
        return []
    values = {
        "surrogate": np.array([one.surrogate[0] for one in sample]),
        "inherited": np.array([one.inherited for one in sample]),
        "retrained": np.array([_mean(one.retrained) for one in sample]),
    }
    rows = rng.integers(len(sample), size=(_RESAMPLES, len(sample)))
    found = [
        _rank(a, b, len(sample), _between(values[a], values[b]), rows)
        for a, b in combinations(values, 2)
    ]
    seeds = np.array([one.retrained for one in sample])  # (n, seeds)
    if seeds.shape[1] > 1:
        found.append(_rank("retrained", "another seed", len(sample), _of_seeds(seeds), rows))
    return found


_Tau = Callable[[Any], float]
"""Takes numbers of architectures to the tau among them."""


def _rank(of: str, other: str, n: int, tau: _Tau, rows: Int64Array) -> dict[str, Any]:
    again = np.array([tau(row) for row in rows])
    known = again[np.isfinite(again)]
    low, high = np.quantile(known, [0.05, 0.95]) if len(known) else (np.nan, np.nan)
    numbers = {"tau": tau(np.arange(n)), "low": float(low), "high": float(high)}
    return {"of": of, "with": other, "n": n, **{k: _rounded(v, 4) for k, v in numbers.items()}}


def _between(a: FloatArray, b: FloatArray) -> _Tau:
    return lambda row: kendall(a[row], b[row])


def _of_seeds(seeds: FloatArray) -> _Tau:
    """Mean over the pairs of seeds."""
    pairs = list(combinations(range(seeds.shape[1]), 2))
    return lambda row: float(np.mean([kendall(seeds[row, i], seeds[row, j]) for i, j in pairs]))


def _hardware(checked: Sequence[Checked]) -> list[dict[str, Any]]:
    """Compare predictions with medians over visits, intervals with each single visit."""
    found = []
    for metric in dict.fromkeys(name for one in checked for name in one.measured):
        known = [one for one in checked if one.measured.get(metric)]
        if not known:
            continue
        truth = np.array([np.median(one.measured[metric]) for one in known])
        predicted = np.array([one.predicted[metric][0] for one in known])
        inside = [
            one.predicted[metric][1] <= visit <= one.predicted[metric][2]
            for one in known
            for visit in one.measured[metric]
        ]
        found.append(
            {
                "metric": metric,
                "n": len(known),
                "mape": _rounded(mape(truth, predicted), 5),
                "tau": _rounded(kendall(truth, predicted), 4),
                "inside_90": _rounded(float(np.mean(inside)), 4),
            }
        )
    return found


def _regret(checked: Sequence[Checked], problem: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Distance of each answer from the best retrained architecture that keeps the limits."""
    by_arch = {one.arch: one for one in checked}
    kept = [one for one in checked if _keeps(one, problem)]
    best = min((_mean(one.retrained) for one in kept), default=float("nan"))
    lines = []
    for found in problem["found"]:
        one = by_arch[found["arch"]]
        mean = _mean(one.retrained)
        lines.append(
            {
                "problem": problem["name"],
                "by": found["by"],
                "perplexity": round(mean, 5),
                "low": round(min(one.retrained), 5),
                "high": round(max(one.retrained), 5),
                "kept_limits": _keeps(one, problem),
                "from_best": None if np.isnan(best) else round(mean / best - 1.0, 5),
            }
        )
    return lines


def _keeps(one: Checked, problem: Mapping[str, Any]) -> bool | None:
    """Whether what was measured, or counted, keeps all limits; None if that is not known."""
    known = {m: float(np.median(values)) for m, values in one.measured.items() if values}
    known["params"] = one.params
    limits = {limit["metric"]: limit["bound"] for limit in problem["limits"]}
    if any(known[metric] > bound for metric, bound in limits.items() if metric in known):
        return False
    return True if set(limits) <= set(known) else None


def _rounded(value: float, digits: int) -> float | None:
    """Round a number for JSON, which knows no NaN."""
    return round(value, digits) if np.isfinite(value) else None


def _mean(perplexities: Sequence[float]) -> float:
    """Geometric mean: the perplexity of the mean loss."""
    return float(np.exp(np.mean(np.log(perplexities))))
