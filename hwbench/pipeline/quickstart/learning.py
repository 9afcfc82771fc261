"""The first half of a quickstart: plan, measure, calibrate."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from hwbench import units
from hwbench.benchmark import Benchmark, load, save
from hwbench.data.files import write_text
from hwbench.errors import DataError
from hwbench.pipeline.quickstart.work import BUNDLE, METRICS, PROTOCOL, Work

if TYPE_CHECKING:
    from hwbench.benchmark.campaign_plan import Asked
    from hwbench.data import Table
    from hwbench.profiling.plan import Plan

__all__ = ["latency_table", "make_bench", "make_plan", "measure_plan"]


def make_plan(work: Work) -> Plan:
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


def _asked(work: Work) -> Asked:
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


def measure_plan(work: Work, plan: Plan) -> int:
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


def make_bench(work: Work, rows: int) -> Benchmark:
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


def latency_table(work: Work) -> Table:
    """Return the latencies that were measured to learn from."""
    from hwbench.benchmark.own_device import device_tables

    tables = device_tables(work.folder.journal, BUNDLE)
    return next(table for table in tables if table.metric == "latency_s")
