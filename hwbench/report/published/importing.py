"""The raw files of a checkout as tables, one scale after the other, each kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hwbench.data.hwgptbench import import_checkout
from hwbench.errors import DataError
from hwbench.report.published.pieces import Pieces
from hwbench.report.published.progress import Progress, Tell
from hwbench.report.published.request import Request

__all__ = ["Imported", "import_tables"]


@dataclass(frozen=True)
class Imported:
    """What came of the import.

    Attributes:
        commit: Of the checkout; None if it does not say.
        rows: Space -> rows in all its tables.
        files: Files that were read.
        troubles: Files that are missing or were refused, in words.
    """

    commit: str | None
    rows: dict[str, int]
    files: int
    troubles: tuple[str, ...]


def import_tables(request: Request, pieces: Pieces, tell: Tell, /) -> Imported:
    """Import what is missing.

    A scale whose import was complete is not imported again.

    Raises:
        DataError: If the checkout is none, or holds no row of a scale.
    """
    found = {scale: _scale(request, scale, pieces, tell) for scale in request.scales}
    values = found.values()
    for scale, value in found.items():
        if not value["rows"]:
            places = ", ".join(request.devices)
            raise DataError(f"{request.checkout}: no raw row of scale {scale} ({places})")
    return Imported(
        commit=next((value["commit"] for value in values), None),
        rows={f"gpt-{scale}": value["rows"] for scale, value in found.items()},
        files=sum(value["files"] for value in values),
        troubles=tuple(line for value in values for line in value["troubles"]),
    )


def _scale(request: Request, scale: str, pieces: Pieces, tell: Tell) -> dict[str, Any]:
    key = {
        "checkout": str(request.checkout.resolve()),
        "places": list(request.places),
        "absent": list(request.absent),
    }
    name = f"import/gpt-{scale}"
    kept: dict[str, Any] | None = pieces.get(name, key)
    if kept is not None and (request.tables_folder / f"gpt-{scale}").is_dir():
        tell(f"[import] gpt-{scale} (kept)")
        return kept
    report = import_checkout(
        request.checkout,
        request.tables_folder,
        scales=[scale],
        devices=request.places,
        absent=request.absent,
        jobs=request.jobs,
        progress=_counted(f"import gpt-{scale}", tell),
    )
    value = {
        "commit": report.source["commit"],
        "rows": sum(table.rows for table in report.tables),
        "files": report.files_read,
        "troubles": [
            *(
                f"missing: {len(c.missing)} files {c.name}_*.pkl"
                for c in report.campaigns
                if c.missing
            ),
            *(f"refused: {file.error}" for file in report.failed),
        ],
    }
    if report.complete:
        pieces.put(name, key, value)
    return value


def _counted(title: str, tell: Tell) -> Callable[[int, int, str], None]:
    made: list[Progress] = []

    def told(done: int, total: int, name: str) -> None:
        if not made:
            made.append(Progress(title, total, float(total), tell))
        made[0](name.rpartition("/")[0].rpartition("/")[2])

    return told
