"""`hwbench compare-published`: the published comparisons of HW-GPT-Bench, recomputed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hwbench.cli._output import command, json_option, write_fields, write_json
from hwbench.errors import DataError

if TYPE_CHECKING:
    from hwbench.report.published import Request

__all__ = ["compare_published"]

_INCOMPLETE: Final = 1
_RECIPE: Final = "surrogates/gpt.toml"


@command(
    "compare-published",
    examples=[
        "hwbench compare-published HW-GPT-Bench --out published --quick",
        "hwbench compare-published HW-GPT-Bench --out published --jobs 2",
        "hwbench compare-published HW-GPT-Bench --out published --scales s --tables devices",
    ],
)
@click.argument("checkout", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for tables, pieces and the page; what is done there is kept.",
)
@click.option("--scales", help="Some of s,m,l.  [default: s,m,l; with --quick: s]")
@click.option(
    "--tables", help="Some of quality,calibration,devices,hypervolume.  [default: all of them]"
)
@click.option(
    "--rivals", default=None, help="Estimators of the recipe beside ours.  [default: xgboost]"
)
@click.option(
    "--recipe",
    default=_RECIPE,
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Which estimators compete for which metric (TOML).",
)
@click.option("--seeds", type=click.IntRange(min=1), help="Of each method.  [default: 3]")
@click.option("--budget", type=click.IntRange(min=1), help="Evaluations a run.  [default: 300]")
@click.option("--jobs", type=click.IntRange(min=1), help="Processes.  [default: one a core]")
@click.option(
    "--absent",
    multiple=True,
    metavar="RANGE",
    help="Files of this range are known to be absent (7500_10000); may be given again.",
)
@click.option("--quick", is_flag=True, help="Three devices of s, no ensemble, two short seeds.")
@json_option
@click.pass_context
def compare_published(
    ctx: click.Context,
    checkout: Path,
    out: Path,
    scales: str | None,
    tables: str | None,
    rivals: str | None,
    recipe: Path,
    seeds: int | None,
    budget: int | None,
    jobs: int | None,
    absent: tuple[str, ...],
    quick: bool,
    as_json: bool,
) -> None:
    """Recompute the published tables of HW-GPT-Bench as one page.

    CHECKOUT is a clone of github.com/automl/HW-GPT-Bench at commit c730d4b, the last with all raw
    files. Imports them, fits and scores surrogates, checks their intervals, compares devices and
    runs the eight search methods; then writes published.html and published.md, with upstream's
    known defects beside the tables they touch. Interrupt it and run it again: it goes on.

    Files that are missing or damaged are named on stderr, and the exit code is 1.
    """
    from hwbench.report.published import TABLES, Request, compare
    from hwbench.report.published.request import QUICK_DEVICES

    request = Request(
        checkout=checkout,
        out=out,
        recipe=recipe,
        scales=_names(scales, ("s",) if quick else ("s", "m", "l")),
        tables=_names(tables, TABLES),
        rivals=_names(rivals, ("xgboost",)),
        seeds=seeds or (2 if quick else 3),
        budget=budget or (100 if quick else 300),
        jobs=jobs or os.cpu_count() or 1,
        absent=absent,
        **({"devices": QUICK_DEVICES, "members": 0} if quick else {}),  # type: ignore[arg-type]
    )
    _check(request)
    found = compare(request, tell=lambda line: click.echo(line, err=True))
    if as_json:
        write_json({"page": str(found.page), "text": str(found.text), **found.results})
    else:
        write_fields({"page": str(found.page), "text": str(found.text)})
    for line in found.troubles:
        click.echo(line, err=True)
    if found.troubles:
        ctx.exit(_INCOMPLETE)


def _names(text: str | None, default: tuple[str, ...]) -> tuple[str, ...]:
    if text is None:
        return default
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _check(request: Request) -> None:
    needed = {"quality", "calibration"} & set(request.tables)
    if needed and not request.recipe.is_file():
        raise DataError(
            f"no recipe {request.recipe}: run it at the root of the repository, or name the file "
            "with --recipe"
        )
