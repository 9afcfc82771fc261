"""Fit a model, and get its answers for rows it has not seen: what calibration needs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import AnyArray, FloatArray
from hwbench.errors import DataError
from hwbench.surrogates.estimator import Estimator, fit_rows, seeded_copy
from hwbench.surrogates.folds import block_folds, out_of_fold, random_folds

__all__ = [
    "HeldOut",
    "Method",
    "Plan",
    "hold_out",
]

Method = Literal["out-of-fold", "blocks", "split"]

AnyEstimator = TypeVar("AnyEstimator", bound=Estimator)


@dataclass(frozen=True)
class Plan:
    """How rows are held out.

    Attributes:
        method: "out-of-fold": random folds, the model refitted on all rows; "blocks": the same with
            blocks of the order of measurement; "split": a random share is never fitted.
        n_folds: Number of folds; fewer if there are fewer rows.
        share: Share of the rows held out by "split".
    """

    method: Method
    n_folds: int
    share: float


@dataclass(frozen=True, eq=False)
class HeldOut(Generic[AnyEstimator]):
    """A fitted model, and honest answers.

    Attributes:
        model: The model to use from now on.
        inputs: The `n` rows held out.
        measured: `(n,)` what was measured there.
        answers: What a model that had not seen a row said of it, `(n,)` or `n x k`.
    """

    model: AnyEstimator
    inputs: AnyArray
    measured: FloatArray
    answers: FloatArray


def hold_out(
    model: AnyEstimator,
    X: AnyArray,
    y: FloatArray,
    answer: Callable[[AnyEstimator, AnyArray], FloatArray],
    /,
    *,
    plan: Plan,
    position: ArrayLike | None,
    rng: np.random.Generator,
) -> HeldOut[AnyEstimator]:
    """Fit `model` in place, and collect answers for rows it, or a copy of it, has not seen.

    Raises:
        DataError: If a setting is out of range, there are too few rows, or "blocks" lacks
            positions.
    """
    n = len(y)
    if plan.method == "split":
        n_held = round(plan.share * n)
        if not 0 < n_held < n:
            raise DataError(f"share {plan.share} of n_samples={n} leaves none to fit or to hold")
        order = rng.permutation(n)
        held, seen = order[:n_held], order[n_held:]
        fit_rows(model, X, y, seen, position=position)
        return HeldOut(model, X[held], y[held], answer(model, X[held]))
    n_folds = min(plan.n_folds, n)
    if plan.method == "out-of-fold":
        fold = random_folds(n, n_folds, rng)
    elif plan.method != "blocks":
        raise DataError(f"method must be out-of-fold, blocks or split, got {plan.method!r}")
    elif position is None:
        raise DataError("method 'blocks' needs the position of each row; pass it to fit")
    else:
        fold = block_folds(position, n_folds)
    answers = out_of_fold(
        lambda rows: fit_rows(seeded_copy(model), X, y, rows, position=position),
        lambda fitted, rows: answer(fitted, X[rows]),
        fold,
    )
    model.fit(X, y, position=position)
    return HeldOut(model, X, y, answers)
