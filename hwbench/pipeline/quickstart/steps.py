"""The steps of a quickstart, each of which leaves its files in the folder."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from hwbench import metrics, units
from hwbench.benchmark import Benchmark, load, save
from hwbench.data.files import write_text
from hwbench.errors import DataError, MissingExtraError
from hwbench.pipeline.quickstart.folder import Folder
from hwbench.pipeline.quickstart.result import Check, Quickstart, Wanted
from hwbench.search import BenchmarkEvaluator, Problem, ProblemError, exact, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwbench.benchmark.campaign_plan import Asked
    from hwbench.data import Table
    from hwbench.profiling.campaign import Campaign, Progress
    from hwbench.profiling.devices import Device
    from hwbench.profiling.plan import Plan
    from hwbench.report import Chapter
    from hwbench.search.exact import ExactResult

__all__ = ["BUNDLE", "METRICS", "PROTOCOL", "quickstart", "ready"]

BUNDLE: Final = "gpt-s"
PROTOCOL: Final = "serving"
METRICS: Final = ("latency", "memory")
_NEEDS: Final = ("torch", "sklearn", "scipy")
_INTERVAL: Final = 0.9
_SHARE: Final = 0.4  # of random architectures keep the limit that nobody chose
_DRAWN: Final = 2000
_METHOD, _EVALUATIONS = "nsga2", 1000
_VISITS: Final = 2
_PATIENCE_S: Final = 60.0


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

    work = _Work(wanted, Folder(wanted.out), open_device(wanted.device), say, progress)
    asked = {"device": work.opened.name, "budget_s": wanted.budget_s, "seed": wanted.seed}
    work.folder.claim(asked)
    plan = _plan(work)
    bench = _calibrate(work, _measure(work, plan))
    limits = wanted.limits or (_usual_limit(work, bench),)
    problem, best = _solve(work, bench, limits)
    chapter, proof = _front(work, bench)
    checks = _check(work, plan, bench, best)
    files = _write(work, limits, problem, best, chapter, checks)
    latency = _latency(work)
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


@dataclass(frozen=True, eq=False)
class _Work:
    """What all steps share.

    Attributes:
        wanted: What is asked for.
        folder: Where.
        opened: The device, open.
        say: Told what begins.
        progress: Called after each measurement.
        seconds: Step -> time it took.
    """

    wanted: Wanted
    folder: Folder
    opened: Device
    say: Callable[[str], None]
    progress: Callable[[Progress], None] | None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def device(self) -> str:
        """What the device is called in the benchmark."""
        return f"my-{self.opened.kind}"

    @contextmanager
    def step(self, name: str, what: str) -> Iterator[None]:
        """Say what begins, and time it."""
        self.say(f"{name}: {what}")
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began

    def run(self, campaign: Campaign) -> None:
        """Measure."""
        from hwbench.profiling import measuring

        campaign.run(self.opened, measuring.measure, progress=self.progress)


def _plan(work: _Work) -> Plan:
    """Choose what to measure, or read what was chosen."""
    from hwbench.benchmark.campaign_plan import make
    from hwbench.profiling import measuring
    from hwbench.profiling.campaign import PLAN
    from hwbench.profiling.plan_file import read_plan, to_text

    path = work.folder.journal / PLAN
    if path.is_file():
        return read_plan(path)
    with work.step("plan", "time one architecture, then choose those that tell most"):
        try:
            plan = make(_asked(work), measuring.measure).plan
        except DataError as error:
            reason = str(error).partition(";")[0]
            raise DataError(f"too little time to measure: {reason}; take a longer one") from error
        write_text(path, to_text(plan))
    return plan


def _asked(work: _Work) -> Asked:
    from hwbench.benchmark.campaign_plan import Asked
    from hwbench.profiling.stopping import StopRule

    return Asked(
        bundle=BUNDLE,
        device=work.opened,
        metrics=METRICS,
        protocol=PROTOCOL,
        phases=("prefill",),
        batch=1,
        runtime="torch-eager",
        precision=None,
        threads=None,
        n=None,
        # More architectures tell more than more passes, and those than more samples of each.
        passes=1,
        anchor_every=4,
        budget_s=work.wanted.budget_s,
        seed=work.wanted.seed,
        name=f"quickstart on {work.opened.label}",
        stop=StopRule(max_s=4.0, warmup_max_s=1.0),
    )


def _measure(work: _Work, plan: Plan) -> int:
    """Measure until the plan is done or the time is up; return how many rows there are."""
    from hwbench.profiling.campaign import Campaign

    campaign = Campaign(plan, work.folder.journal)
    here = work.opened.fingerprint().id
    now = campaign.standing(here)
    if now.todo and now.spent_s < work.wanted.budget_s:
        n, most = len(plan.architectures), units.format(work.wanted.budget_s, "s")
        with work.step(
            "measure", f"{n} architectures, one of them again and again, at most {most}"
        ):
            work.run(campaign)
        now = campaign.standing(here)
    return now.done


def _calibrate(work: _Work, rows: int) -> Benchmark:
    """Make the benchmark, or load it if nothing was measured since."""
    from hwbench.benchmark.calibration import calibrate
    from hwbench.benchmark.own_device import device_tables, measured_device

    folder, state = work.folder, work.folder.state()
    made = state.get("calibrated")
    if made is not None and made["rows"] == rows and folder.bundle.is_dir():
        bench = load(folder.bundle)
        if bench.sha256 == made["sha256"]:
            return bench
    with work.step("calibrate", f"{rows} measurements, with the published devices as prior"):
        shutil.rmtree(folder.search, ignore_errors=True)  # it asked the bundle before
        tables = device_tables(folder.journal, BUNDLE)
        opened = work.opened
        device = measured_device(work.device, tables, kind=opened.kind, label=opened.label)
        found = calibrate(load(BUNDLE).bundle, tables, device)
        digest = save(found.bundle, folder.bundle)
        folder.keep({**state, "calibrated": {"rows": rows, "sha256": digest}})
    return load(folder.bundle)


def _solve(work: _Work, bench: Benchmark, limits: Sequence[str]) -> tuple[Problem, ExactResult]:
    """Find the best architecture within the limits, and prove it."""
    problem = Problem.parse(bench, minimize=["perplexity"], devices=[work.device], max=limits)
    usual = (
        "" if work.wanted.limits else f", which {100 * _SHARE:.0f} % of random architectures keep"
    )
    with work.step("search", f"{problem}{usual}"):
        best = exact.solve(bench, problem, time_limit=_PATIENCE_S)
    if not best.feasible:
        raise ProblemError(_beyond(problem, best))
    return problem, best


def _usual_limit(work: _Work, bench: Benchmark) -> str:
    rng = np.random.default_rng(work.wanted.seed)
    codes = bench.space.sample_codes(_DRAWN, rng)
    latency_s = bench.predict_many(codes, [("latency", work.device)])[:, 0]
    bound_s = float(f"{np.quantile(latency_s, _SHARE):.2g}")
    return f"latency={units.format(bound_s, 's').replace(' ', '')}"


def _beyond(problem: Problem, best: ExactResult) -> str:
    """Say that limits cannot be kept, and what can be reached."""
    parts = []
    for limit in best.binding or problem.limits:
        unit, span = metrics.get(limit.metric).unit, best.reachable[str(limit)]
        low, high = (units.format(value, unit) for value in span)
        parts.append(f"{limit} (it goes from {low} to {high})")
    return f"no architecture keeps {' and '.join(parts)}; nothing measured is lost"


def _front(work: _Work, bench: Benchmark) -> tuple[Chapter, str]:
    """Work out the exact front, and how near a common method comes to it."""
    from hwbench.report import Chapter
    from hwbench.search.study.proof import Proof

    problem = Problem.parse(bench, minimize=["perplexity,latency"], devices=[work.device])
    path = work.folder.search / "front.npz"
    with work.step("front", f"{problem}; and {_EVALUATIONS} evaluations of {_METHOD} beside it"):
        found = run(
            BenchmarkEvaluator(bench, problem),
            _METHOD,
            budget=_EVALUATIONS,
            seed=work.wanted.seed,
            out=work.folder.search,
        )
        proof = Proof.load(path, problem) if path.is_file() else Proof.of(bench, problem)
        proof.save(path, problem)
    return Chapter(work.device, bench, problem, (found,), proof.codes), proof.words


def _check(work: _Work, plan: Plan, bench: Benchmark, best: ExactResult) -> tuple[Check, ...]:
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
    work: _Work,
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
            files["plot"] = write_plot(path, chapter, problem, checks, best, _latency(work))
        files["study"] = folder.root / "study.toml"
        write_text(files["study"], _study(work, limits))
    return {**files, "bundle": folder.bundle, "measurements": folder.journal}


def _latency(work: _Work) -> Table:
    from hwbench.benchmark.own_device import device_tables

    tables = device_tables(work.folder.journal, BUNDLE)
    return next(table for table in tables if table.metric == "latency_s")


def _study(work: _Work, limits: Sequence[str]) -> str:
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
