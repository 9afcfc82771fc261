"""Recompute what is asked for, and write it as a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hwbench import __version__
from hwbench.data.files import write_text
from hwbench.data.hwgptbench import COMMIT
from hwbench.errors import require
from hwbench.report.published.calibration import calibration_section
from hwbench.report.published.cells import cells, check_recipe
from hwbench.report.published.claims import claims_section
from hwbench.report.published.devices import correlations, devices_section
from hwbench.report.published.document import Page, Section, markdown
from hwbench.report.published.hypervolume import hypervolume_section, hypervolumes
from hwbench.report.published.importing import Imported, import_tables
from hwbench.report.published.page import html_page
from hwbench.report.published.pieces import Pieces
from hwbench.report.published.progress import Tell
from hwbench.report.published.quality import quality_section
from hwbench.report.published.request import Request

__all__ = ["PAGE", "TEXT", "Outcome", "compare"]

PAGE: Final = "published.html"
TEXT: Final = "published.md"

_PURPOSE: Final = (
    "The comparisons that readers want from HW-GPT-Bench (Sukthanker et al., NeurIPS 2024 Datasets "
    "and Benchmarks, arXiv 2405.10299), recomputed from its raw files with units, formulas and "
    "splits that are known. Below each comparison stand the defects of upstream that touch it; "
    "paths in them are of upstream's repository, at commit 1f43ee8 unless another is named."
)
_CAUTION: Final = (
    "No number of the paper's tables is quoted: digit by digit they are not comparable, being of "
    "other rows, other truths and other surrogates. Each section says what it answers to in the "
    "paper and its code, and what differs."
)


@dataclass(frozen=True)
class Outcome:
    """What came of a comparison.

    Attributes:
        page: The HTML page.
        text: The same as Markdown.
        troubles: Raw files that are missing or were refused.
        results: Table -> its numbers, JSON-ready.
    """

    page: Path
    text: Path
    troubles: tuple[str, ...]
    results: dict[str, Any]


def compare(request: Request, /, *, tell: Tell = lambda _: None) -> Outcome:
    """Import a checkout, compute the tables asked for and write the page.

    Each part is kept below `request.out`: stopped and called again, it goes on.

    Args:
        request: What to compute from what.
        tell: Called with each line of progress.

    Raises:
        DataError: If the checkout is none, or holds no rows of what is asked for.
        SchemaError: If the recipe cannot be read.
        UnknownNameError: If a rival is no estimator of the recipe.
        MissingExtraError: If an extra is not installed.
    """
    fitted = bool({"quality", "calibration"} & set(request.tables))
    _check(request, fitted)
    pieces = Pieces(request.out / "pieces")
    imported = import_tables(request, pieces, tell)
    results: dict[str, Any] = {}
    if "devices" in request.tables:
        results["devices"] = correlations(request, pieces, tell)
    if "hypervolume" in request.tables:
        results["hypervolume"] = hypervolumes(request, pieces, tell)
    if fitted:
        results["surrogates"] = cells(request, pieces, tell)
    page = _page(request, imported, results)
    write_text(request.out / PAGE, html_page(page))
    write_text(request.out / TEXT, markdown(page))
    return Outcome(request.out / PAGE, request.out / TEXT, imported.troubles, results)


def _check(request: Request, fitted: bool) -> None:
    """Find what would stop the work before it begins."""
    for module in ("pyarrow", "scipy"):
        require(module, "fit")
    if "hypervolume" in request.tables:
        require("moocore", "search")
    if fitted:
        check_recipe(request)


def _page(request: Request, imported: Imported, results: dict[str, Any]) -> Page:
    rows = ", ".join(f"{n} of {space}" for space, n in imported.rows.items())
    absent = ", ".join(request.absent) or "none"
    commit = imported.commit or f"not known (all raw files: {COMMIT[:7]})"
    facts = [
        ("checkout at commit", commit),
        ("files", f"{imported.files} read; ranges said to be absent: {absent}"),
        ("rows of all tables", rows),
        ("devices", ", ".join(request.devices)),
    ]
    facts += [("missing or refused", text) for text in imported.troubles]
    return Page(
        title="HW-GPT-Bench, recomputed",
        intro=(_PURPOSE, _CAUTION),
        sections=tuple(_sections(request, results)),
        footer=f"Written by hwbench {__version__} with hwbench compare-published.",
        facts=tuple(facts),
    )


def _sections(request: Request, results: dict[str, Any]) -> Iterator[Section]:
    yield claims_section(request, results.get("hypervolume", []))
    if "quality" in request.tables:
        yield quality_section(results["surrogates"], request.rivals)
    if "calibration" in request.tables:
        yield calibration_section(results["surrogates"], request.members)
    if "devices" in request.tables:
        yield devices_section(results["devices"])
    if "hypervolume" in request.tables:
        yield hypervolume_section(results["hypervolume"])
