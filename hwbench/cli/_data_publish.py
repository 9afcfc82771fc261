"""`hwbench data publish`: tables and bundles as a dataset that others can host."""

from collections.abc import Sequence
from pathlib import Path

import click

from hwbench import units
from hwbench.benchmark.publishing import Published, Said
from hwbench.benchmark.publishing import publish as write
from hwbench.cli._output import Column, command, json_option, write_fields, write_json, write_table

__all__ = ["publish"]


@command(
    "publish",
    examples=[
        "hwbench data publish tables --bundle gpt-s --out hw-gpt-bench-si",
        "hwbench data publish mine --out my-dataset --licence mit --creator ME --homepage URL",
        "hwbench data publish --bundle gpt-s --bundle gpt-m --bundle gpt-l --out surrogates --json",
    ],
)
@click.argument("tables", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--bundle",
    "bundles",
    multiple=True,
    metavar="NAME",
    help="A benchmark that ships, or a bundle's folder; may be given again.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write.",
)
@click.option("--name", help="Name of the dataset.  [default: that of the folder]")
@click.option(
    "--licence", metavar="ID", help="Licence, such as cc-by-4.0.  [default: what all sources say]"
)
@click.option("--citation", metavar="TEXT", help="What to cite.  [default: what the sources say]")
@click.option(
    "--homepage", metavar="URL", help="Page of the dataset.  [default: that of its one source]"
)
@click.option(
    "--creator",
    "creators",
    multiple=True,
    metavar="NAME",
    help="Group or project that made it; may be given again.  [default: the sources]",
)
@click.option(
    "--date", metavar="YYYY-MM-DD", help="Day of publishing.  [default: newest of the sources]"
)
@click.option("--version", default="1.0.0", show_default=True, help="Version of the dataset.")
@json_option
def publish(
    tables: tuple[Path, ...],
    bundles: tuple[str, ...],
    out: Path,
    name: str | None,
    licence: str | None,
    citation: str | None,
    homepage: str | None,
    creators: tuple[str, ...],
    date: str | None,
    version: str,
    as_json: bool,
) -> None:
    """Write tables and bundles as a dataset to be hosted.

    TABLES are folders that `data import-hw-gpt-bench`, `profile compact` or `supernet evaluate
    --tables` wrote. The layout is that of a Hugging Face dataset: README.md is its card, data/ has
    flat Parquet files, bundles/ the surrogates, and croissant.json describes every file and column
    with checksums. All of it is checked before it is put in place; nothing is uploaded.

    What the sources do not say (licence, page, creator, date) must be said here: nothing is made
    up. A dataset that this command wrote is replaced, any other folder is left alone.
    """
    said = Said(licence, citation, homepage, creators, date, version)
    done = write(out, tables=tables, bundles=bundles, name=name, said=said)
    if as_json:
        write_json(_record(done))
        return
    _write(done, out)


def _write(done: Published, out: Path) -> None:
    checked, about = done.checked, done.about
    write_fields(
        {
            "dataset": f"{about.name} {about.version} in {out}",
            "files": f"{checked.files + 2}, {units.format(done.bytes, 'bytes')}",
            "bundles": ", ".join(done.bundles) or None,
            "licence": about.licence.hub,
            "page": about.url,
            "creators": ", ".join(about.creators),
            "date": about.date,
            "checked": _how(checked.validator, checked.warnings),
        }
    )
    if done.rows:
        click.echo()
        write_table([Column("config"), Column("measurements", "right")], done.rows.items())


def _how(validator: str | None, warnings: Sequence[str]) -> str:
    own = "files, columns and references"
    if validator is None:
        return f"{own}; mlcroissant is not installed"
    found = f", which warns: {'; '.join(warnings)}" if warnings else ""
    return f"{own}; {validator}{found}"


def _record(done: Published) -> dict[str, object]:
    about, checked = done.about, done.checked
    return {
        "folder": str(done.folder),
        "name": about.name,
        "version": about.version,
        "licence": about.licence.hub,
        "citation": about.citation,
        "page": about.url,
        "creators": about.creators,
        "date": about.date,
        "rows": dict(done.rows),
        "bundles": dict(done.bundles),
        "bytes": done.bytes,
        "files": checked.files + 2,
        "validator": checked.validator,
        "warnings": checked.warnings,
    }
