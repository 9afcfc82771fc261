"""Run a study: every run on its own, in parallel, finished ones kept.

A run is a pure function of the bundle, the problem, the method and the seed, so the number of jobs
and the backend change nothing but the time. All backends but "processes" are reached through
joblib, which comes with the extra `search`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import numpy as np

from hwbench.benchmark import Benchmark, load
from hwbench.errors import UnknownNameError, require
from hwbench.processes import unordered
from hwbench.search.evaluator import BenchmarkEvaluator
from hwbench.search.methods import registry
from hwbench.search.methods.registry import Setting
from hwbench.search.problem import Problem, ProblemError
from hwbench.search.run import ARRAYS, Run, read_record
from hwbench.search.runner import run
from hwbench.search.study import layout
from hwbench.search.study.plan import Posed, Study, Task
from hwbench.search.study.proof import Proof

if TYPE_CHECKING:
    from hwbench.surrogates.uncertainty import Noise

__all__ = ["BACKENDS", "Progress", "execute"]

BACKENDS: Final = ("processes", "dask", "ray", "loky", "threading")
"""Who may run the runs: our processes, which an interrupt ends for certain; a Dask or Ray cluster
that shares the folder; workers of joblib. Any other name registered with joblib will do, too."""

_Call: TypeAlias = tuple[Callable[..., str], tuple[Any, ...]]
_GROWING: Final = frozenset({"seeds", "methods", "devices", "problems", "description"})
# Fields of a study that may change between two calls: what is there stays valid.


@dataclass(frozen=True)
class Progress:
    """How far a study is.

    Attributes:
        done: Runs that are finished, those found finished included.
        total: All runs.
        kept: Runs that were finished before.
        last: The run that just ended, in words.
    """

    done: int
    total: int
    kept: int
    last: str


def execute(
    study: Study,
    out: str | Path,
    /,
    *,
    jobs: int = 1,
    backend: str = "processes",
    progress: Callable[[Progress], None] | None = None,
) -> None:
    """Run what is missing of a study.

    Args:
        study: What to run.
        out: Folder of the study. If it holds this study already, its finished runs are kept.
        jobs: Runs at a time.
        backend: Who runs them: one of `BACKENDS`, or a name registered with joblib. The workers of
            "dask" and "ray" must see `out` and the bundles.
        progress: Called after each run.

    Raises:
        ProblemError: If `out` holds another study, or a problem cannot be posed.
        UnknownNameError: If a benchmark, device, metric or backend does not exist.
        MissingExtraError: If joblib or the backend is not installed.
    """
    _register(backend)
    folder = Path(out)
    benches = {name: load(name) for name in study.benchmarks}
    posed = study.posed(benches)
    _claim(folder, study, benches)
    tasks = list(study.tasks(posed))
    waiting = [task for task in tasks if not _finished(folder, study, task)]
    kept = len(tasks) - len(waiting)
    told = progress or (lambda _: None)
    told(Progress(kept, len(tasks), kept, "solving exactly"))
    proofs: list[_Call] = [(_prove, (problem, str(folder))) for problem in posed]
    for last in _parallel(proofs, jobs=jobs, backend=backend):
        told(Progress(kept, len(tasks), kept, last))
    runs: list[_Call] = [(_make, (study, task, str(folder))) for task in waiting]
    for done, last in enumerate(_parallel(runs, jobs=jobs, backend=backend), start=kept + 1):
        told(Progress(done, len(tasks), kept, last))


def _claim(folder: Path, study: Study, benches: Mapping[str, Benchmark]) -> None:
    """Write `study.json`, or check that it is this study's."""
    asked: dict[str, object] = {
        "study": study.to_dict(),
        "bundles": {name: bench.sha256 for name, bench in benches.items()},
    }
    path = folder / layout.STUDY
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        layout.write_json(path, asked)
        return
    there = layout.read_json(path)
    for name in ("study", "bundles"):
        wanted = asked[name]
        assert isinstance(wanted, dict)
        found = there.get(name, {})
        differs = [k for k, v in wanted.items() if k not in _GROWING and found.get(k) != v]
        if differs:
            raise ProblemError(
                f"{folder} holds another study (it differs in {', '.join(differs)}); "
                "name another folder"
            )
    layout.write_json(path, asked)


def _finished(folder: Path, study: Study, task: Task) -> bool:
    """Say whether the folder holds a run already.

    Raises:
        ProblemError: If another problem, or other settings, stand under its name.
    """
    place = layout.run_folder(folder, task.posed.label, task.method, task.seed)
    record = read_record(place)
    if record is None or not (place / ARRAYS).is_file():
        return False
    what, outcome = record["identity"], record["outcome"]
    assert isinstance(what, dict)
    wanted = registry.defaults(task.method) | dict(study.settings.get(task.method, {}))
    found = what["settings"] | ({"most": wanted["most"]} if "most" in wanted else {})
    same = what["fingerprint"] == task.posed.problem.fingerprint() and found == wanted
    if not same or not isinstance(outcome, dict) or outcome["budget"] != study.budget:
        raise ProblemError(f"{place} holds another run than the study asks for; remove it")
    return True


def _parallel(calls: list[_Call], *, jobs: int, backend: str) -> Iterator[str]:
    """Yield the outcome of each call as it ends."""
    if backend == "processes" and jobs == 1:
        yield from (function(*arguments) for function, arguments in calls)
        return
    if backend == "processes":
        yield from (last for _, last in unordered(_do, calls, jobs=jobs))
        return
    joblib = require("joblib", "search")
    with joblib.parallel_config(backend=backend, n_jobs=jobs):
        pool = _pool(joblib)
        yield from pool(joblib.delayed(function)(*arguments) for function, arguments in calls)


def _register(backend: str) -> None:
    """Make a backend known to joblib.

    Raises:
        UnknownNameError: If there is none of that name.
        MissingExtraError: If joblib or the backend is not installed.
    """
    if backend == "processes":
        return
    joblib = require("joblib", "search")
    if backend == "dask":
        require("distributed", "dask")
    elif backend == "ray":
        require("ray.util.joblib", "ray").register_ray()
    else:
        try:
            with joblib.parallel_config(backend=backend):
                pass
        except ValueError:
            raise UnknownNameError.of("backend", backend, BACKENDS) from None


def _pool(joblib: ModuleType) -> Any:
    """Make a pool of the active backend that gives results as they come, or all at the end."""
    try:
        return joblib.Parallel(return_as="generator_unordered")
    except ValueError:  # such is Ray's backend, and that of multiprocessing
        return joblib.Parallel(return_as="list")


def _do(function: Callable[..., str], arguments: tuple[Any, ...]) -> str:
    return function(*arguments)


def _prove(posed: Posed, out: str) -> str:
    """Solve a problem exactly and keep the proof; return what it was."""
    Proof.obtain(Path(out), posed, _bench(posed.bundle))
    return f"solved {posed.label}"


def _make(study: Study, task: Task, out: str) -> str:
    """Make one run and save it; return what it was."""
    folder = layout.run_folder(Path(out), task.posed.label, task.method, task.seed)
    _search(study, task).save(folder)
    return f"{task.posed.label} {task.method} seed {task.seed}"


def _search(study: Study, task: Task) -> Run:
    problem = task.posed.problem
    settings = study.settings.get(task.method, {})
    noise = study.noise or ("session" if _needs_fidelity(problem, task.method, settings) else None)
    evaluator = BenchmarkEvaluator(
        _bench(task.posed.bundle), problem, noise=cast("Noise | None", noise), repeats=study.repeats
    )
    return run(evaluator, task.method, budget=study.budget, seed=task.seed, settings=settings)


def _needs_fidelity(problem: Problem, method: str, settings: Mapping[str, Setting]) -> bool:
    goals, rng = len(problem.objectives), np.random.default_rng(0)
    made = registry.create(method, problem.subspace, goals, rng=rng, settings=settings)
    return made.needs_fidelity


@lru_cache(maxsize=4)
def _bench(name: str) -> Benchmark:
    return load(name)
