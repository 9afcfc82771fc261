"""`hwbench report`: one HTML page of a search, a study or a pipeline, and plots for papers."""

from __future__ import annotations

from pathlib import Path

import click

from hwbench.cli._output import command, json_option, write_fields, write_json
from hwbench.errors import DataError

__all__ = ["report"]


@command(
    "report",
    examples=[
        "hwbench report run/",
        "hwbench report study/ --out page.html --plots plots/",
        "hwbench report run/ --plots plots/ --format pdf",
        "hwbench report runs/nano",
    ],
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The page.  [default: report.html in FOLDER]",
)
@click.option(
    "--plots",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write plots to this folder, too (extra [report]).",
)
@click.option(
    "--format",
    "suffix",
    type=click.Choice(["png", "pdf", "svg"]),
    default="png",
    show_default=True,
    help="Of the plots.",
)
@click.option("--bundle", help="Name or folder of the benchmark, if it has moved.")
@click.option(
    "--exact/--no-exact", "prove", default=True, help="Work out the exact front of a run."
)
@json_option
def report(
    folder: Path,
    out: Path | None,
    plots: Path | None,
    suffix: str,
    bundle: str | None,
    prove: bool,
    as_json: bool,
) -> None:
    """Show a search, a study or a pipeline as one HTML page and plots.

    FOLDER is what `hwbench search --out`, `hwbench study run --out` or `hwbench pipeline run --out`
    wrote. The page is one file that loads nothing from the network. Of a search or a study: the
    front on axes of your choice, limits as sliders, every architecture with its metrics on all
    devices. Of a pipeline, finished or not: what was found, as predicted and as measured.
    """
    from hwbench.pipeline.page import is_pipeline

    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder; a search, a study or a pipeline writes one (--out)"
        )
    page = out or folder / "report.html"
    if is_pipeline(folder):
        title, written = _pipeline(folder, page, plots, suffix)
    else:
        title, written = _search(folder, page, plots, suffix, bundle=bundle, prove=prove)
    if as_json:
        write_json({"title": title, "files": [str(path) for path in written]})
        return
    write_fields({"page": str(written[0])})
    if written[1:]:
        write_fields({"plots": ", ".join(str(path) for path in written[1:])})


def _search(
    folder: Path, page: Path, plots: Path | None, suffix: str, *, bundle: str | None, prove: bool
) -> tuple[str, list[Path]]:
    from hwbench.report import read, write_page, write_plots

    found = read(folder, bundle=bundle, prove=prove)
    written = [write_page(found, page)]
    if plots is not None:
        written += write_plots(found, plots, suffix=suffix)
    return found.title, written


def _pipeline(folder: Path, page: Path, plots: Path | None, suffix: str) -> tuple[str, list[Path]]:
    from hwbench.pipeline.page import read_story, write_page, write_plots

    story = read_story(folder)
    written = [write_page(story, page)]
    if plots is not None:
        written += write_plots(story, plots, suffix=suffix)
    return story.title, written
