"""Import campaigns in processes of their own, so that no file can use up the machine's memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from hwbench.data.hwgptbench.campaign import import_campaign
from hwbench.data.hwgptbench.layout import Campaign
from hwbench.data.hwgptbench.report import CampaignReport
from hwbench.errors import DataError
from hwbench.processes import WorkerDiedError, unordered

__all__ = ["default_jobs", "import_all"]

_WORKER_BYTES: Final = 2 * 2**30  # address space a worker may add; a real campaign needs 0.2 GB
_MOST_JOBS: Final = 8


def default_jobs() -> int:
    """Return one process a usable core, eight at most."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return min(cores, _MOST_JOBS)


def import_all(
    checkout: Path, out: Path, order: Sequence[Campaign], /, *, jobs: int
) -> Iterator[CampaignReport]:
    """Import campaigns and yield their reports as they are done.

    Args:
        checkout: Root of the checkout.
        out: Folder of the tables.
        order: Campaigns, those that take longest first.
        jobs: Processes; 0 works in this one.

    Raises:
        DataError: If a worker process dies.
    """
    if jobs < 0:
        raise DataError(f"jobs must not be negative, got {jobs}")
    if jobs == 0 or not order:
        yield from (import_campaign(checkout, out, campaign) for campaign in order)
        return
    left = dict(enumerate(order))
    calls = [(checkout, out, campaign) for campaign in order]
    try:
        for number, report in unordered(import_campaign, calls, jobs=jobs, setup=_limit_memory):
            del left[number]
            yield report
    except WorkerDiedError as error:
        names = ", ".join(campaign.name for campaign in left.values())
        raise DataError(f"{error}; unfinished: {names}") from error


def _limit_memory() -> None:
    """Let a worker run out of memory before the machine does, where the system offers that."""
    try:
        import resource

        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = used + _WORKER_BYTES
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
