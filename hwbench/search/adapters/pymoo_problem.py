"""A problem for pymoo's algorithms; needs the extra [adapters].

from pymoo.algorithms.moo.nsga2 import NSGA2
result = minimize(to_pymoo(evaluator), NSGA2(100), ("n_eval", 10_000), seed=1)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hwbench.arrays import AnyArray
from hwbench.errors import require
from hwbench.search.evaluator import Evaluator

if TYPE_CHECKING:
    from pymoo.core.problem import (
        Problem as PymooProblem,
    )

__all__ = ["to_pymoo"]


def to_pymoo(evaluator: Evaluator, /) -> PymooProblem:
    """Write a problem as a pymoo `Problem` over whole numbers, one variable a column of a code.

    Variables may be real numbers, too, as pymoo's operators make them: they are rounded. Variables
    of absent layers play no part. Objectives are minimised. Each limit is an inequality constraint,
    a column of G: by how much it is broken, relative to its bound, 0 where it holds. The tuples
    `objective_names` and `constraint_names` of the result say what the columns of F and G are.

    Args:
        evaluator: What answers; it holds the problem. Variables count within its fixed choices,
            `evaluator.problem.lift` takes the rounded result to codes of the whole space.

    Raises:
        MissingExtraError: If pymoo is not installed.
    """
    base: Any = require("pymoo.core.problem", "adapters").Problem
    problem = evaluator.problem

    class HwbenchProblem(base):  # type: ignore[misc]  # pymoo comes without types
        def __init__(self) -> None:
            super().__init__(
                n_var=problem.subspace.n_choices,
                n_obj=len(problem.objectives),
                n_ieq_constr=len(problem.limits),
                xl=0,
                xu=problem.subspace.cardinalities - 1,
                vtype=int,
            )
            self.objective_names = tuple(map(str, problem.objectives))
            self.constraint_names = tuple(map(str, problem.limits))

        def _evaluate(
            self, x: AnyArray, out: dict[str, AnyArray], *_: object, **__: object
        ) -> None:
            codes = problem.lift(np.rint(x).astype(np.int64))
            found = evaluator.evaluate(codes)
            out["F"] = found.objectives
            if problem.limits:
                out["G"] = evaluator.broken(codes, found.values)

    made: PymooProblem = HwbenchProblem()
    return made
