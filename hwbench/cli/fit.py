"""`hwbench fit`: from tables to a bundle with its report card."""

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from hwbench import metrics, spaces
from hwbench.benchmark import save
from hwbench.benchmark.build import Fitted, build_bundle, cell_name, check_about
from hwbench.cli._output import Column, command, json_option, write_json, write_table
from hwbench.data import Table, load_tables
from hwbench.errors import DataError, HwbenchError, UnknownNameError, require
from hwbench.processes import unordered

__all__ = ["fit"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Task:
    """One cell to fit, as a worker process needs it."""

    table: Table
    recipe: Path
    rivals: bool
    store: Path


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
    type=click.Path(path_type=Path),
    help="Which estimators compete for which metric (TOML).",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The bundle's folder; with several spaces, a folder of bundles named after them.",
)
@click.option("--space", "names", multiple=True, help="Only this space; may be given again.")
@click.option("--device", "devices", multiple=True, help="Only this device; may be given again.")
@click.option("--metric", "chosen", multiple=True, help="Only this metric; may be given again.")
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
    found = _wanted(tables, recipe, names, devices, chosen)
    _check(found, recipe, name)
    store = out.with_name(out.name + ".cells")
    tasks = [_Task(table, recipe, rivals, store) for table in found]
    fitted = _run(tasks, jobs or os.cpu_count() or 1)
    written = _write(fitted, recipe, out, name)
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


def _check(found: Sequence[Table], recipe: Path, name: str | None) -> None:
    """Find what would stop the writing of bundles, before the cells are fitted."""
    from hwbench.surrogates.fitting import read_recipe

    about, by_space = read_recipe(recipe).bundle, _by_space(found)
    if name is not None and len(by_space) > 1:
        raise DataError(f"--name needs one space, the tables hold {', '.join(by_space)}")
    for tables in by_space.values():
        check_about(tables, about)


def _by_space(tables: Sequence[Table]) -> dict[str, list[Table]]:
    names = dict.fromkeys(table.space for table in tables)
    return {name: [table for table in tables if table.space == name] for name in names}


def _run(tasks: Sequence[_Task], jobs: int) -> list[Fitted]:
    """Fit all cells in `jobs` processes of one thread each, largest first, with progress on stderr.

    Ctrl-C, or an error in one cell, ends the other processes at once.
    """
    order = sorted(range(len(tasks)), key=lambda i: -tasks[i].table.codes.size)
    done: dict[int, Fitted] = {}
    for number, one in _fitted([tasks[i] for i in order], jobs):
        done[order[number]] = one
        label = f"{one.table.space} {cell_name(one.table)}"
        click.echo(f"[{len(done)}/{len(tasks)}] {label}: {_headline(one)}", err=True)
    return [done[i] for i in range(len(tasks))]


def _fitted(tasks: Sequence[_Task], jobs: int) -> Iterator[tuple[int, Fitted]]:
    """Yield the number of a task and what came of it; a single job works in this process."""
    if jobs == 1:
        yield from ((i, _fit(task)) for i, task in enumerate(tasks))
        return
    yield from unordered(_fit, [(task,) for task in tasks], jobs=jobs)


def _fit(task: _Task) -> Fitted:
    """Fit one cell, or take it from the store."""
    from hwbench.surrogates.fitting import Measured, fit_cell, read_recipe
    from hwbench.surrogates.fitting.store import fingerprint, load_cell, save_cell

    recipe = read_recipe(task.recipe)
    if not task.rivals:
        recipe = recipe.without_rivals()
    table, space = task.table, spaces.get(task.table.space)
    plan = recipe.plan(table.metric, table.space)
    assert plan is not None  # _wanted left the others out
    key = fingerprint(table, plan, recipe)
    path = task.store / f"{table.space}.{cell_name(table)}.{table.protocol.name}.npz"
    cell = load_cell(path, key, space)
    if cell is None:
        try:
            cell = fit_cell(Measured.of(table, space), plan, recipe)
        except HwbenchError as error:
            raise DataError(f"{table.space} {cell_name(table)}: {error}") from error
        save_cell(path, key, cell)
    empty = table.select(np.arange(0))  # what a bundle needs of a table is its description
    return Fitted(empty, cell.predictor, cell.uncertainty, cell.figures)


def _write(fitted: Sequence[Fitted], recipe: Path, out: Path, name: str | None) -> list[Path]:
    """Write one bundle a space."""
    from hwbench.surrogates.fitting import read_recipe

    about = read_recipe(recipe).bundle
    found = list(dict.fromkeys(one.table.space for one in fitted))
    written = []
    for space in found:
        cells = [one for one in fitted if one.table.space == space]
        folder = out / space if len(found) > 1 else out
        save(build_bundle(name or space, spaces.get(space), cells, about), folder)
        written.append(folder)
    return written


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
