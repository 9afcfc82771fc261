"""Import a whole HW-GPT-Bench checkout: every campaign in a worker, one report for all."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

from hwbench.data.files import write_text
from hwbench.data.folder import ANY_DEVICE
from hwbench.data.hwgptbench import workers
from hwbench.data.hwgptbench.layout import (
    DEVICES,
    PPL_FOLDER,
    RAW_FOLDER,
    SCALES,
    Campaign,
    campaigns,
    chunks,
    ignored_files,
)
from hwbench.data.hwgptbench.provenance import COMMIT, URL, describe_source, versions
from hwbench.data.hwgptbench.report import REPORT_NAME, CampaignReport, ImportReport
from hwbench.errors import DataError, UnknownNameError, require

__all__ = ["Progress", "device_names", "import_checkout"]

Progress: TypeAlias = Callable[[int, int, str], None]
"""Called with how many campaigns are done, how many there are, and the name of the last one."""

_RANGE: Final = re.compile(r"\d+_\d+")


def import_checkout(
    checkout: Path | str,
    out: Path | str,
    /,
    *,
    scales: Iterable[str] | None = None,
    devices: Iterable[str] | None = None,
    absent: Iterable[str] = (),
    jobs: int | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Turn upstream's raw files into tables.

    Missing and damaged files are reported and the rest is imported: look at
    `ImportReport.complete`. Tables are written whole or not at all, so a run can be stopped at any
    time and repeated. The report is also written to `out/import.json`.

    Args:
        checkout: Root of the checkout, at a commit that has the raw files (`COMMIT`).
        out: Folder for the tables; made if needed.
        scales: Which of "s", "m", "l"; all by default.
        devices: Which of `device_names()`; all by default.
        absent: Ranges of files that are known to be absent, such as "7500_10000": they do not
            make the import incomplete.
        jobs: Processes; by default one a core. 0 works in this process, where a hostile file
            could use up its memory.
        progress: Called after each campaign.

    Raises:
        DataError: If `checkout` is no checkout, an argument makes no sense, or a worker dies.
        UnknownNameError: If a scale or device does not exist.
        MissingExtraError: If pyarrow is not installed.
    """
    require("pyarrow", "fit")
    source, target = Path(checkout).resolve(), Path(out).resolve()
    chosen = _chosen("scale", scales, SCALES)
    names = _chosen("device", devices, device_names())
    wanted = campaigns(
        [scale for scale in SCALES if scale in chosen], [DEVICES.get(name) for name in names]
    )
    gaps = _ranges(absent)
    _check_checkout(source)
    _prepare(target)
    began = time.monotonic()
    done = _run(source, target, wanted, jobs=jobs, progress=progress)
    report = ImportReport(
        source=describe_source(source, done),
        versions=versions(),
        scales=chosen,
        devices=names,
        expected_absent=gaps,
        seconds=time.monotonic() - began,
        campaigns=[_without(campaign, gaps) for campaign in done],
        ignored=ignored_files(source),
    )
    write_text(target / REPORT_NAME, json.dumps(report.to_dict(), indent=1) + "\n")
    return report


def device_names() -> tuple[str, ...]:
    """Name what can be imported: the devices, and "any" for the metrics that need none."""
    return (*DEVICES, ANY_DEVICE)


def _chosen(kind: str, names: Iterable[str] | None, known: Iterable[str]) -> list[str]:
    there = list(known)
    wanted = there if names is None else list(names)
    for name in wanted:
        if name not in there:
            raise UnknownNameError.of(kind, name, there)
    return [name for name in there if name in wanted]


def _ranges(absent: Iterable[str]) -> list[str]:
    ranges = list(absent)
    for text in ranges:
        if not _RANGE.fullmatch(text):
            raise DataError(f"a range of files looks like 7500_10000, got {text!r}")
    return ranges


def _check_checkout(checkout: Path) -> None:
    if (checkout / RAW_FOLDER).is_dir() or any(checkout.glob(f"{PPL_FOLDER}*/")):
        return
    found = f"has neither {RAW_FOLDER} nor {PPL_FOLDER}*" if checkout.is_dir() else "is no folder"
    raise DataError(f"{checkout} {found}: clone {URL} and check out {COMMIT[:7]}")


def _prepare(out: Path) -> None:
    """Make the folder and remove drafts that a killed run left."""
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file; name a folder for the tables")
    out.mkdir(parents=True, exist_ok=True)
    for draft in out.glob("*/*/.*.tmp"):
        draft.unlink(missing_ok=True)


def _run(
    checkout: Path,
    out: Path,
    wanted: Sequence[Campaign],
    *,
    jobs: int | None,
    progress: Progress | None,
) -> list[CampaignReport]:
    """Import the campaigns, the largest first; return the reports in the order wanted."""
    size = {c: sum(chunk.path.stat().st_size for chunk in chunks(checkout, c)) for c in wanted}
    order = sorted(wanted, key=lambda campaign: -size[campaign])
    count = workers.default_jobs() if jobs is None else jobs
    reports: dict[str, CampaignReport] = {}
    for report in workers.import_all(checkout, out, order, jobs=count):
        reports[report.name] = report
        if progress is not None:
            progress(len(reports), len(wanted), report.name)
    return [reports[campaign.name] for campaign in wanted]


def _without(campaign: CampaignReport, gaps: Sequence[str]) -> CampaignReport:
    """Take files that are known to be absent off the list of missing ones."""
    endings = tuple(f"_{gap}.pkl" for gap in gaps)
    missing = [name for name in campaign.missing if not name.endswith(endings)]
    return replace(campaign, missing=missing)
