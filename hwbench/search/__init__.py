"""Search: problems, evaluators, methods that ask and tell, runs that can be interrupted.

`Problem.parse` reads a problem, `run` searches with a method, `hwbench.search.exact` solves it with
a proof. Importing this package loads numpy and nothing heavier.
"""

from __future__ import annotations

from hwbench.search.evaluator import BenchmarkEvaluator, Evaluation, Evaluator
from hwbench.search.memo import Memo
from hwbench.search.problem import Limit, Objective, Problem, ProblemError
from hwbench.search.run import Run
from hwbench.search.runner import run
from hwbench.search.table_evaluator import Among, TableEvaluator

__all__ = [
    "Among",
    "BenchmarkEvaluator",
    "Evaluation",
    "Evaluator",
    "Limit",
    "Memo",
    "Objective",
    "Problem",
    "ProblemError",
    "Run",
    "TableEvaluator",
    "run",
]
