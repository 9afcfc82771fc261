"""What a run had reached after how many evaluations, in noise-free numbers.

A run on a noisy evaluator is judged by the predictions of what it evaluated in full, not by the
lucky draws it saw.
"""

from __future__ import annotations

import numpy as np

from hwbench.arrays import BoolArray, FloatArray, Int64Array
from hwbench.search.evaluator import Evaluator
from hwbench.search.indicators import Scale, hypervolume_trace, regret_trace
from hwbench.search.run import Run

__all__ = ["costs", "run_regret", "run_trace", "truth"]


def costs(run: Run, /) -> FloatArray:
    """Return what was spent up to and with each evaluation, in evaluations in full, `(n,)`.

    An evaluation at fidelity 3 of 9 costs a third; asking for all 9 later the other two thirds.
    """
    if not run.fidelity.any():
        return np.arange(1.0, len(run) + 1.0)
    most = run.evaluator.get("most")
    unit = most if isinstance(most, int) else int(run.fidelity.max())
    reached: dict[bytes, int] = {}
    spent = np.zeros(len(run))
    for k, (code, level) in enumerate(zip(run.codes, run.fidelity.tolist(), strict=True)):
        key, cost = code.tobytes(), level or unit
        before = reached.get(key, 0)
        spent[k] = max(cost - before, 0) / unit
        reached[key] = max(cost, before)
    total: FloatArray = np.cumsum(spent)
    return total


def truth(run: Run, evaluator: Evaluator, /) -> tuple[FloatArray, FloatArray]:
    """Return objectives `n x m` and violations `(n,)` without noise.

    Args:
        run: A run.
        evaluator: Its problem, without noise.
    """
    if "noise" not in run.evaluator:
        return run.objectives, run.violations
    found = evaluator.evaluate(run.codes)
    return found.objectives, found.violations


def run_trace(run: Run, evaluator: Evaluator, scale: Scale, at: Int64Array, /) -> FloatArray:
    """Return the hypervolume on a scale after `at` evaluations, `(k,)`.

    Raises:
        MissingExtraError: If moocore is not installed.
    """
    objectives, violations = truth(run, evaluator)
    full = _in_full(run)
    return hypervolume_trace(
        scale(objectives[full]), violations[full], ref=scale.ref, at=at, spent=costs(run)[full]
    )


def run_regret(run: Run, evaluator: Evaluator, optimum: float, at: Int64Array, /) -> FloatArray:
    """Return the regret to the exact optimum of one objective after `at` evaluations, `(k,)`."""
    objectives, violations = truth(run, evaluator)
    full = _in_full(run)
    return regret_trace(
        objectives[full, 0], violations[full], optimum=optimum, at=at, spent=costs(run)[full]
    )


def _in_full(run: Run) -> BoolArray:
    kept = np.zeros(len(run), dtype=bool)
    kept[run.full] = True
    return kept
