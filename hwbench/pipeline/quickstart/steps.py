"""A quickstart, step by step; each step leaves its files in the folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from hwbench.benchmark import Benchmark
from hwbench.data.files import write_text
from hwbench.errors import MissingExtraError
from hwbench.pipeline.quickstart import learning, searching
from hwbench.pipeline.quickstart.folder import Folder
from hwbench.pipeline.quickstart.result import Check, Quickstart, Wanted
from hwbench.pipeline.quickstart.work import BUNDLE, Work
from hwbench.search import Problem

if TYPE_CHECKING:
    from hwbench.data import Table
    from hwbench.profiling.campaign import Progress
    from hwbench.profiling.plan import Plan
    from hwbench.report import Chapter
    from hwbench.search.exact import ExactResult

__all__ = ["quickstart", "ready"]

_NEEDS: Final = ("torch", "sklearn", "scipy")
_INTERVAL: Final = 0.9
_VISITS: Final = 2


def ready() -> None:
    """Check that everything is installed that will be needed.

    Raises:
        MissingExtraError: If something is missing; says what to install.
    """
    missing = [name for name in _NEEDS if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"quickstart measures this machine and needs {', '.join(missing)}: "
            "pip install '.[profile,fit]' (a CPU build of torch is enough; before that: "
            "pip install torch --index-url https://download.pytorch.org/whl/cpu)",
            name=missing[0],
        )


def quickstart(
    wanted: Wanted,
    /,
    *,
    say: Callable[[str], None] = lambda line: None,
    progress: Callable[[Progress], None] | None = None,
) -> Quickstart:
    """Measure this machine, make a benchmark of it, search it, and measure the answer.

    Args:
        wanted: What is asked for.
        say: Told what begins.
        progress: Called after each measurement.

    Raises:
        MissingExtraError: If a package is missing; nothing has happened then.
        DataError: If the folder holds something else, or too little could be measured.
        ProblemError: If no architecture keeps the limits; says what can be reached.
    """
    ready()
    from hwbench.profiling.devices import open_device

    work = Work(wanted, Folder(wanted.out), open_device(wanted.device), say, progress)
    asked = {"device": work.opened.name, "budget_s": wanted.budget_s, "seed": wanted.seed}
    work.folder.claim(asked)
    plan = learning.make_plan(work)
    bench = learning.make_bench(work, learning.measure_plan(work, plan))
    limits = wanted.limits or (searching.usual_limit(work, bench),)
    problem, best = searching.solve(work, bench, limits)
    chapter, proof = searching.find_front(work, bench)
    checks = _check(work, plan, bench, best)
    files = _write(work, limits, problem, best, chapter, checks)
    latency = learning.latency_table(work)
    return Quickstart(
        bench=bench,
        device=work.device,
        opened=work.opened.name,
        label=work.opened.label,
        architectures=len(np.unique(latency.codes, axis=0)),
        rows=len(latency),
        limits=limits,
        problem=problem,
        best=best,
        front=chapter.points(chapter.best),
        proof=proof,
        checks=checks,
        files=files,
        seconds=work.seconds,
    )


def _check(work: Work, plan: Plan, bench: Benchmark, best: ExactResult) -> tuple[Check, ...]:
    """Measure the answer in fresh processes, and hold it to its prediction."""
    from hwbench.benchmark.own_device import device_tables
    from hwbench.profiling.campaign import Campaign

    answer = replace(
        plan,
        architectures=(str(best.architecture),),
        anchors=(),
        passes=_VISITS,
        budget_s=None,
        name="the answer",
        design="found by search",
        expected={},
    )
    campaign = Campaign(answer, work.folder.check / answer.id)
    if campaign.standing(work.opened.fingerprint().id).todo:
        with work.step("check", f"measure the answer {_VISITS} times, each in a fresh process"):
            work.run(campaign)
    known = bench.query(best.architecture, work.device, interval=_INTERVAL)
    return tuple(_held_to(table, known) for table in device_tables(campaign.out, BUNDLE))


def _held_to(table: Table, known: dict[str, float]) -> Check:
    name = table.metric
    values = tuple(float(value) for value in table.center())
    return Check(name, known[name], known[f"{name}_lower"], known[f"{name}_upper"], values)


def _write(
    work: Work,
    limits: Sequence[str],
    problem: Problem,
    best: ExactResult,
    chapter: Chapter,
    checks: Sequence[Check],
) -> dict[str, Path]:
    """Write a page, a plot if matplotlib is there, and a study to go on with."""
    from hwbench.pipeline.quickstart.plot import write_plot
    from hwbench.report import Report, write_page

    folder, label = work.folder, work.opened.label
    with work.step("report", "a page that opens in any browser"):
        report = Report(f"{BUNDLE} on {label}", (chapter,), f"Measured on {label}.")
        page = write_page(report, folder.root / "report.html")
        files = {"page": page}
        if find_spec("matplotlib") is not None:
            path = folder.root / "front.png"
            files["plot"] = write_plot(
                path, chapter, problem, checks, best, learning.latency_table(work)
            )
        files["study"] = folder.root / "study.toml"
        write_text(files["study"], _study(work, limits))
    return {**files, "bundle": folder.bundle, "measurements": folder.journal}


def _study(work: Work, limits: Sequence[str]) -> str:
    """Write a study file: methods that everybody knows on the problem that was solved."""
    told = {
        "benchmarks": [str(work.folder.bundle.resolve())],
        "devices": [work.device],
        "seeds": 5,
        "budget": 300,
        "methods": ["rs", "ls", "nsga2", "spos-es"],
    }
    problem = {"name": "limit", "minimize": ["perplexity"], "max": list(limits)}
    lines = [f"{name} = {json.dumps(value)}" for name, value in told.items()]
    lines += ["", "[[problems]]", *(f"{k} = {json.dumps(v)}" for k, v in problem.items())]
    return "\n".join(lines) + "\n"
