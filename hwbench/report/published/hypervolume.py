"""The eight search methods on the shipped benchmarks: hypervolumes in two and three objectives."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from hwbench.arrays import FloatArray
from hwbench.data import find
from hwbench.errors import DataError, UnknownNameError
from hwbench.report.published.defects import touching
from hwbench.report.published.document import Grid, Section
from hwbench.report.published.pieces import Pieces
from hwbench.report.published.progress import Progress, Tell
from hwbench.report.published.request import Request
from hwbench.search.study import Outcome, Study, execute
from hwbench.search.study import Progress as Runs
from hwbench.search.study.outcome import Judge
from hwbench.search.study.traces import truth

__all__ = ["METHODS", "hypervolume_section", "hypervolumes", "scaled_volume", "studies"]

METHODS: Final = ("rs", "ls", "nsga2", "morea", "moasha", "lsbo", "rsbo", "ehvi")
"""The methods of the paper."""

_TWO: Final = ("h100", "cpu-xeon-silver")
"""Devices of the searches of two objectives: two of those of upstream's launch scripts."""

_THREE: Final = ("p100",)
"""That of three objectives: upstream's."""

_REFERENCES: Final = {2: 2.0, 3: 1.5}
"""Upstream's reference points, in every scaled objective."""


def hypervolumes(request: Request, pieces: Pieces, tell: Tell, /) -> list[dict[str, Any]]:
    """Run what is missing of the studies; return what came of each.

    Raises:
        ProblemError: If the folder holds other studies under their names.
        MissingExtraError: If the extra `search` is not installed.
    """
    found = []
    for name, study in studies(request).items():
        folder = request.out / "studies" / name
        began, runs = time.monotonic(), _Runs(name, tell)
        execute(study, folder, jobs=request.jobs, progress=runs)
        spent = _spent(pieces, name, runs.fresh, time.monotonic() - began)
        found.append(_judged(request, study, folder) | spent)
    return found


def _spent(pieces: Pieces, name: str, runs: int, seconds: float) -> dict[str, float]:
    """Return how many runs of a study were timed, and their seconds; those of earlier calls too."""
    spent: dict[str, float] = pieces.get(f"hypervolume/{name}", name) or {
        "timed": 0,
        "seconds": 0.0,
    }
    if runs:
        spent = {"timed": spent["timed"] + runs, "seconds": round(spent["seconds"] + seconds, 2)}
        pieces.put(f"hypervolume/{name}", name, spent)
    return spent


def studies(request: Request, /) -> dict[str, Study]:
    """Name the studies of a comparison: two and three objectives in each space."""
    found = {}
    for space in request.spaces:
        for kind, devices, problems in (
            ("2d", _TWO, {"latency": "perplexity,latency", "energy": "perplexity,energy"}),
            ("3d", _THREE, {"latency-energy": "perplexity,latency,energy"}),
        ):
            name = f"{space}-{kind}-{request.budget}"
            found[name] = Study.from_dict(
                {
                    "name": name,
                    "benchmarks": [space],
                    "devices": list(devices),
                    "seeds": request.seeds,
                    "budget": request.budget,
                    "methods": list(METHODS),
                    "problems": [{"name": key, "minimize": text} for key, text in problems.items()],
                }
            )
    return found


def scaled_volume(
    points: FloatArray, low: FloatArray, high: FloatArray, /, *, reference: float
) -> float:
    """Return the hypervolume as upstream scales it: `low` becomes 0 and `high` 1.

    Args:
        points: `n x m` minimised objectives.
        low: `(m,)` least values.
        high: `(m,)` greatest values.
        reference: In every scaled objective.
    """
    from hwbench.search.indicators import hypervolume

    scaled = (points - low) / (high - low)
    return hypervolume(scaled, ref=np.full(len(low), reference))


class _Runs:
    """Tells of a study's runs and counts those that were not there."""

    def __init__(self, name: str, tell: Tell) -> None:
        self.name, self.tell, self.fresh = name, tell, 0
        self.told: Progress | None = None
        self.seen = 0

    def __call__(self, at: Runs, /) -> None:
        if self.told is None:
            self.told = Progress(self.name, at.total, float(at.total), self.tell)
            self.seen = at.kept
        if at.done > self.seen:
            self.seen, self.fresh = at.done, self.fresh + 1
            self.told(at.last)


def _judged(request: Request, study: Study, folder: Path) -> dict[str, Any]:
    outcome = Outcome.load(folder)
    results = outcome.results()
    results = results[results["seed"].isin(study.seeds)]
    summary = outcome.summary(results)
    problems: Any = summary["problems"]
    found = {}
    for judge in outcome.judges:
        label = judge.posed.label
        methods = problems[label]["methods"]
        found[label] = {
            "text": problems[label]["text"],
            "proven": problems[label]["proven"],
            "share": {name: own["hypervolume"][1] for name, own in methods.items()},
            **_as_upstream(request, study, judge),
        }
    ranking: Any = summary["ranking"]
    return {
        "space": study.benchmarks[0],
        "objectives": len(outcome.judges[0].posed.problem.objectives),
        "problems": found,
        "ranks": (ranking or {}).get("mean_ranks"),
        "seeds": len(study.seeds),
        "budget": study.budget,
    }


def _as_upstream(request: Request, study: Study, judge: Judge) -> dict[str, Any]:
    """Return hypervolumes on the scale of the measured rows; none where they are not there."""
    space, columns = study.benchmarks[0], judge.posed.problem.columns
    try:
        measured = [
            find(request.tables_folder, space=space, metric=metric, device=device).center()
            for metric, device in columns
        ]
    except (DataError, UnknownNameError):
        return {"volume": {}, "best": None}
    low = np.array([np.nanmin(y) for y in measured])
    high = np.array([np.nanmax(y) for y in measured])
    reference = _REFERENCES[len(columns)]
    found: dict[str, list[float]] = {}
    for run in judge.runs:
        if run.seed in study.seeds:
            objectives, violations = truth(run, judge.evaluator)
            rows = run.full[violations[run.full] <= 0.0]
            volume = scaled_volume(objectives[rows], low, high, reference=reference)
            found.setdefault(run.method, []).append(volume)
    best = scaled_volume(judge.best, low, high, reference=reference)
    medians = {name: float(np.median(values)) for name, values in found.items()}
    return {"volume": medians, "best": best}


def hypervolume_section(found: Sequence[Mapping[str, Any]], /) -> Section:
    """Return the section on searches.

    Args:
        found: What `hypervolumes` returned.
    """
    first = found[0]
    return Section(
        title="Hypervolume of the eight methods",
        paper="Hypervolume and attainment of eight methods over the time of a search, two "
        "objectives with reference point (2, 2), three with (1.5, 1.5, 1.5), each objective scaled "
        "to 0 and 1 by its least and greatest value (plotting/eaf/plot_surface.py, "
        "plotting/get_3d_pareto_fronts.py); 4 or 5 seeds, one in three objectives.",
        ours=f"The shipped benchmarks, {first['seeds']} seeds, {first['budget']} distinct "
        "evaluations a run, medians over the seeds. 'Share of the best front' is the hypervolume "
        "relative to the exact front's where there is a proof (two objectives), else to that of "
        "all runs together, on the front's own scale. 'As upstream scales' takes least and "
        "greatest measured medians of the checkout, and upstream's reference points.",
        differs="Budgets are evaluations, not hours; predictions are without noise; ours have no "
        "fidelities but noisy repeats (moasha). Far from the front, as upstream's reference points "
        "are, most of the volume is what every method finds: the first table tells them apart "
        "better.",
        grids=tuple(_grids(found)),
        defects=touching("hypervolume"),
    )


def _grids(found: Sequence[Mapping[str, Any]]) -> Iterator[Grid]:
    for objectives in (2, 3):
        own = [one for one in found if one["objectives"] == objectives]
        if not own:
            continue
        words = {2: "two objectives", 3: "three objectives"}[objectives]
        rows = [*_rows(own, "share", 100.0, 2), *_ranks(own)]
        yield Grid(f"{words}: share of the best front, %", _heads(), tuple(rows), words=2)
        volumes = tuple(_rows(own, "volume", 1.0, 4, best=True))
        title = f"{words}: hypervolume as upstream scales, reference {_REFERENCES[objectives]:g}"
        yield Grid(title, (*_heads(), "best front"), volumes, words=2)


def _heads() -> tuple[str, ...]:
    return ("space", "problem", *METHODS)


def _rows(
    found: Sequence[Mapping[str, Any]], what: str, factor: float, digits: int, *, best: bool = False
) -> Iterator[tuple[str, ...]]:
    for one in found:
        for label, problem in one["problems"].items():
            if not problem[what]:  # its device was not imported
                continue
            proven = " (exact)" if problem["proven"] and what == "share" else ""
            values = [problem[what].get(name) for name in METHODS]
            values += [problem["best"]] if best else []
            texts = ("-" if v is None else f"{v * factor:.{digits}f}" for v in values)
            yield (one["space"], f"{label}{proven}", *texts)


def _ranks(found: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for one in found:
        if one["ranks"] and len(one["problems"]) > 1:
            texts = (f"{rank:.2f}" if rank else "-" for rank in map(one["ranks"].get, METHODS))
            yield (one["space"], "mean rank", *texts)
