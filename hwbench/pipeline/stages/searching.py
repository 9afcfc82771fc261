"""Stage "search": the best architectures under limits, and what they are compared with.

Each problem is solved exactly, by heuristics on the surrogate, and by SPOS + ES on the supernet,
which may run as many subnets as the surrogate was fitted to. Baselines are a random architecture
and the largest one, both within the limits.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from hwbench import metrics
from hwbench.arrays import Codes
from hwbench.benchmark import Benchmark, load
from hwbench.data.files import write_text
from hwbench.errors import DataError
from hwbench.pipeline.keeping import Watch
from hwbench.pipeline.recipe import PipelineRecipe, ProblemRecipe
from hwbench.pipeline.stage import Outcome, Stage, Work
from hwbench.pipeline.stages import evaluating, fitting, training
from hwbench.search import BenchmarkEvaluator, Limit, Objective, Problem, Run, exact
from hwbench.search import run as run_search
from hwbench.spaces import Space
from hwbench.spaces.gpt_costs import params

__all__ = ["FOUND", "NAME", "STAGE", "read_found"]

NAME: Final = "search"
FOUND: Final = "found.json"
_SPACE: Final = 20_000
"""Architectures that stand for the space where it has more."""


@dataclass(frozen=True)
class _Asked:
    """A problem, and what to search it with."""

    recipe: ProblemRecipe
    problem: Problem
    bench: Benchmark
    candidates: Codes


@dataclass(frozen=True)
class _Found:
    """An answer: contract of `verify/results.json`."""

    by: str
    arch: str
    evaluations: int | None
    seconds: float
    tokens: int
    predicted_regret: float


def read_found(work: Work, /) -> list[dict[str, Any]]:
    """Return the problems and their answers as this stage wrote them."""
    text = (work.folder(NAME) / FOUND).read_text(encoding="utf-8")
    found: list[dict[str, Any]] = json.loads(text)
    return found


def _settings(recipe: PipelineRecipe) -> Mapping[str, Any]:
    return {"search": asdict(recipe.search), "evaluations": recipe.evaluate.n}


def _run(work: Work) -> Outcome:
    bench = load(work.folder(fitting.NAME) / fitting.BUNDLE)
    candidates = _candidates(bench.space, work.recipe.seed)
    found = []
    for one in work.recipe.search.problems:
        problem = _problem(work, bench, one, candidates)
        work.say(f"{one.name}: {problem}")
        found.append(_solved(work, _Asked(one, problem, bench, candidates)))
    write_text(work.folder(NAME) / FOUND, json.dumps(found, indent=1) + "\n")
    summary = {
        problem["name"]: {one["by"]: one["predicted_regret"] for one in problem["found"]}
        for problem in found
    }
    tokens = sum(one["tokens"] for problem in found for one in problem["found"])
    return Outcome(outputs=(FOUND,), summary=summary, tokens=tokens)


def _candidates(space: Space, seed: int) -> Codes:
    """Return all codes of a small space, a uniform sample of a large one."""
    if space.size() <= _SPACE:
        return space.encode(list(space.enumerate()))
    return space.sample_codes(_SPACE, np.random.default_rng(seed))


def _problem(work: Work, bench: Benchmark, one: ProblemRecipe, candidates: Codes) -> Problem:
    measured = str(fitting.device_of(work)["name"])
    limits = []
    for metric, share in one.limits.items():
        device = measured if metrics.get(metric).needs_device else None
        if metric not in bench.metrics(device):
            raise DataError(f"the problem {one.name} limits {metric}, which the bundle lacks")
        bound = float(f"{np.quantile(bench.predict(candidates, metric, device), share):.4g}")
        margin = work.recipe.search.margin if device else 0.0
        limits.append(Limit(metric, device, bound, margin=margin))
    return Problem(bench.space, (Objective("perplexity"),), tuple(limits))


def _solved(work: Work, asked: _Asked) -> dict[str, Any]:
    """Search one problem with everything."""
    recipe, problem, bench = work.recipe, asked.problem, asked.bench
    began = time.perf_counter()
    best = exact.solve(bench, problem)
    if not best.feasible:
        raise DataError(
            f"the problem {asked.recipe.name} has no solution: {best.certificate.proof}"
        )
    spent = time.perf_counter() - began
    optimum = best.optimum
    found = [_Found("exact", str(best.architecture), None, spent, 0, 0.0)]
    for method in recipe.search.methods:
        place = work.folder(NAME) / f"{asked.recipe.name}-{method}"
        watch = Watch(_seconds(place))
        run = run_search(
            BenchmarkEvaluator(bench, problem),
            method,
            budget=recipe.search.budget,
            seed=recipe.seed,
            out=place,
        )
        found.append(_answer(method, run, asked, optimum, watch.look(), 0))
    found.append(_by_supernet(work, asked, optimum))
    found += _baselines(work, asked, optimum)
    for one in found:
        work.say(
            f"{asked.recipe.name} {one.by}: {100 * one.predicted_regret:.2f} % from the optimum"
        )
    return {
        "name": asked.recipe.name,
        "text": str(problem),
        "limits": [{"metric": limit.metric, "bound": limit.bound} for limit in problem.limits],
        "certificate": best.certificate.proof,
        "found": [asdict(one) for one in found],
    }


def _by_supernet(work: Work, asked: _Asked, optimum: float) -> _Found:
    """Search the supernet itself; it may run as many subnets as the surrogate learned from."""
    from hwbench.search.supernet_evaluator import SupernetEvaluator

    recipe, name = work.recipe, asked.recipe.name
    place = work.folder(NAME) / f"{name}-spos-es"
    watch = Watch(_seconds(place))

    def told(done: int) -> None:
        watch.look()
        work.say(f"{name} spos-es: {done}/{recipe.evaluate.n} subnets")

    with training.computing(recipe) as own:
        evaluator = SupernetEvaluator(
            training.open_supernet(work, own),
            asked.problem,
            rows=recipe.evaluate.rows,
            bench=asked.bench,
        )
        run = run_search(
            evaluator,
            "spos-es",
            budget=recipe.evaluate.n,
            seed=recipe.seed,
            out=place,
            progress=told,
        )
    tokens = len(run) * evaluator.tokens
    return _answer("spos-es", run, asked, optimum, watch.look(), tokens)


def _seconds(place: Path) -> Path:
    """Name the file that keeps the time of a search."""
    return place.with_name(f"{place.name}.seconds")


def _answer(
    by: str, run: Run, asked: _Asked, optimum: float, seconds: float, tokens: int
) -> _Found:
    front = run.front()
    code = run.codes[[front[0] if len(front) else run.closest()]]
    return _of(by, code, asked, optimum, evaluations=len(run), seconds=seconds, tokens=tokens)


def _baselines(work: Work, asked: _Asked, optimum: float) -> list[_Found]:
    """Draw a random architecture that keeps the limits, and take the largest of all that do."""
    evaluator = BenchmarkEvaluator(asked.bench, asked.problem)
    kept = asked.candidates[evaluator.evaluate(asked.candidates).violations <= 0.0]
    if not len(kept):
        raise DataError(f"no baseline keeps the limits of {asked.recipe.name}; loosen them")
    rng = np.random.default_rng([work.recipe.seed, len(kept)])
    choose: Mapping[str, Callable[[Codes], int]] = {
        "random": lambda codes: int(rng.integers(len(codes))),
        "largest": lambda codes: int(np.argmax(params(asked.bench.space, codes))),
    }
    return [
        _of(by, kept[[pick(kept)]], asked, optimum, evaluations=None, seconds=0.0, tokens=0)
        for by, pick in choose.items()
    ]


def _of(
    by: str,
    code: Codes,
    asked: _Asked,
    optimum: float,
    *,
    evaluations: int | None,
    seconds: float,
    tokens: int,
) -> _Found:
    predicted = float(asked.bench.predict(code, "perplexity")[0])
    arch = str(asked.bench.space.decode(code)[0])
    regret = predicted / optimum - 1.0
    return _Found(by, arch, evaluations, round(seconds, 4), tokens, round(regret, 8))


def answers(found: Sequence[Mapping[str, Any]], /) -> list[tuple[str, str, str]]:
    """List problem, method and architecture of all answers."""
    return [
        (problem["name"], one["by"], one["arch"]) for problem in found for one in problem["found"]
    ]


STAGE: Final = Stage(
    NAME,
    "search the bundle and the supernet under limits",
    (training.NAME, evaluating.NAME, fitting.NAME),
    _settings,
    _run,
)
