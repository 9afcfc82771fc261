"""`hwbench fit`: from tables to a bundle with its report card."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from hwbench import metrics
from hwbench.benchmark import Bundle, save
from hwbench.benchmark.build import Fitted, cell_name
from hwbench.cli._output import Column, command, json_option, write_json, write_table
from hwbench.data import Table, load_tables
from hwbench.errors import DataError, UnknownNameError, require

__all__ = ["fit"]


@command(
    "fit",
    examples=[
        "hwbench fit tables --recipe surrogates/gpt.toml --out bundles",
        "hwbench fit tables --recipe surrogates/gpt.toml --out my-s --space gpt-s --no-rivals",
    ],
)
@click.argument("tables", type=click.Path(path_type=Path))
@click.option(
    "--recipe",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Which estimators compete for which metric (TOML).",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The bundle's folder; with several spaces, a folder of bundles named after them.",
)
@click.option(
    "--space", "names", metavar="NAME", multiple=True, help="Only this space; may be given again."
)
@click.option(
    "--device",
    "devices",
    metavar="NAME",
    multiple=True,
    help="Only this device; may be given again.",
)
@click.option(
    "--metric",
    "chosen",
    metavar="NAME",
    multiple=True,
    help="Only this metric; may be given again.",
)
@click.option("--name", help="Name of the bundle.  [default: the space's]")
@click.option("--rivals/--no-rivals", default=True, help="Score rivals for the card.")
@click.option("--jobs", type=click.IntRange(min=1), help="Processes.  [default: one a core]")
@json_option
def fit(
    tables: Path,
    recipe: Path,
    out: Path,
    names: Sequence[str],
    devices: Sequence[str],
    chosen: Sequence[str],
    name: str | None,
    rivals: bool,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Fit surrogates to tables and write bundles.

    Every cell (space, device, metric) is fitted, scored on held-out rows and calibrated. Fitted
    cells are kept in OUT.cells until all are done: run the command again and it goes on.
    """
    require("sklearn", "fit")
    require("scipy", "fit")
    from hwbench.benchmark.fitting import bundles_of, fit_tables

    found = _wanted(tables, recipe, names, devices, chosen)
    _check_one(name, found)
    store = out.with_name(out.name + ".cells")
    jobs = jobs or os.cpu_count() or 1
    fitted = fit_tables(found, recipe, store=store, rivals=rivals, jobs=jobs, progress=_tell)
    written = _write(bundles_of(fitted, recipe, name=name), out)
    for path in sorted(store.glob("*.npz")):
        path.unlink()
    if store.exists() and not any(store.iterdir()):
        store.rmdir()
    rows = [_row(one) for one in fitted]
    if as_json:
        write_json({"bundles": [str(path) for path in written], "cells": rows})
    else:
        write_table([Column(key) for key in rows[0]], [list(row.values()) for row in rows])
        click.echo("\n".join(f"wrote {path}" for path in written), err=True)


def _wanted(
    tables: Path,
    recipe: Path,
    names: Sequence[str],
    devices: Sequence[str],
    chosen: Sequence[str],
) -> list[Table]:
    """Return the tables that the recipe has a plan for, and the options ask for.

    Raises:
        UnknownNameError: If an option names what no table is about.
        DataError: If there is none.
    """
    from hwbench.surrogates.fitting import read_recipe

    plans = read_recipe(recipe)
    keep = {metrics.get(metric).name for metric in chosen}
    found = load_tables(tables)
    _check_names("space", names, [table.space for table in found])
    _check_names("device", devices, [table.device for table in found if table.device])
    wanted = [
        table
        for table in found
        if (not names or table.space in names)
        and (not devices or table.device is None or table.device in devices)
        and (not keep or table.metric in keep)
        and plans.plan(table.metric, table.space)
    ]
    if not wanted:
        raise DataError(f"{tables}: no table that the recipe and the options ask for")
    return wanted


def _check_names(kind: str, asked: Sequence[str], there: Sequence[str]) -> None:
    for name in asked:
        if name not in there:
            raise UnknownNameError.of(kind, name, dict.fromkeys(there))


def _check_one(name: str | None, found: Sequence[Table]) -> None:
    """Check that one bundle comes out, if it is to have a name."""
    there = dict.fromkeys(table.space for table in found)
    if name is not None and len(there) > 1:
        raise DataError(f"--name needs one space, the tables hold {', '.join(there)}")


def _tell(done: int, total: int, one: Fitted) -> None:
    label = f"{one.table.space} {cell_name(one.table)}"
    click.echo(f"[{done}/{total}] {label}: {_headline(one)}", err=True)


def _write(bundles: Mapping[str, Bundle], out: Path) -> list[Path]:
    """Write one bundle a space."""
    folders = {space: out / space if len(bundles) > 1 else out for space in bundles}
    for space, bundle in bundles.items():
        save(bundle, folders[space])
    return list(folders.values())


def _row(one: Fitted) -> dict[str, object]:
    figures = one.figures
    scores = figures["architectures"][figures["chosen"]]  # type: ignore[index]  # JSON by design
    calibration = figures["calibration"]
    return {
        "space": one.table.space,
        "cell": cell_name(one.table),
        "surrogate": figures["chosen"],
        "n": figures["n"],
        "tau": scores["kendall"],
        "tau drift-free": scores.get("kendall_drift_free"),
        "mape": scores["mape"],
        "coverage of 90 %": calibration["coverage_90"],  # type: ignore[index]  # JSON by design
    }


def _headline(one: Fitted) -> str:
    row = _row(one)
    return f"{row['surrogate']}, tau {row['tau']}, coverage {row['coverage of 90 %']}"
