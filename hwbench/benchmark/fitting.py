"""From tables to bundles: fit every cell in processes, keep what is done, put it together.

Needs the extra `fit`. `hwbench fit` does the same from the command line; one cell alone is fitted
by `hwbench.surrogates.fitting.fit_cell`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwbench import spaces
from hwbench.benchmark.build import Fitted, build_bundle, cell_name, check_about
from hwbench.benchmark.bundle import Bundle
from hwbench.data.table import Table
from hwbench.errors import DataError, HwbenchError
from hwbench.processes import unordered
from hwbench.surrogates.fitting import Measured, Plan, Recipe, fit_cell, read_recipe
from hwbench.surrogates.fitting.store import fingerprint, load_cell, save_cell

__all__ = ["bundles_of", "fit_tables"]


@dataclass(frozen=True)
class _Task:
    """One cell to fit, as a worker process needs it."""

    table: Table
    plan: Plan
    recipe: Recipe
    store: Path


def fit_tables(
    tables: Sequence[Table],
    recipe: Path,
    /,
    *,
    store: Path,
    rivals: bool = True,
    jobs: int = 1,
    progress: Callable[[int, int, Fitted], None] | None = None,
) -> list[Fitted]:
    """Fit a cell to each table, score it on held-out rows and calibrate it.

    Args:
        tables: What was measured; the cells of a bundle each come from one table.
        recipe: Which estimators compete for which metric (TOML).
        store: Folder that keeps fitted cells, whole or not at all. What it holds of the same rows
            and settings is taken from there, so a fit that was stopped goes on.
        rivals: Score the recipe's rivals too.
        jobs: Processes of one thread each; with 1 the work is done in this process.
        progress: Told the number of cells done, their number in all, and the cell, as they come:
            large tables are begun first.

    Returns:
        The cells in the order of the tables. Their tables hold no rows, as a bundle needs none.

    Raises:
        SchemaError: If the recipe cannot be read, or the tables cannot become bundles.
        DataError: If the recipe has no plan for a table, or a table cannot be fitted.
        KeyboardInterrupt: If Ctrl-C was pressed. As with an error in one cell, the other
            processes are gone; what was fitted is in the store.
    """
    tasks = _tasks(tables, read_recipe(recipe), store, rivals)
    order = sorted(range(len(tasks)), key=lambda i: -tasks[i].table.codes.size)
    done: dict[int, Fitted] = {}
    for number, one in _fitted([tasks[i] for i in order], jobs):
        done[order[number]] = one
        if progress is not None:
            progress(len(done), len(tasks), one)
    return [done[i] for i in range(len(tasks))]


def bundles_of(
    fitted: Sequence[Fitted], recipe: Path, /, *, name: str | None = None
) -> dict[str, Bundle]:
    """Put fitted cells together, one bundle a space.

    Args:
        fitted: The cells, of one space or several.
        recipe: Their recipe; its section `[bundle]` says what bundles need to know.
        name: Name of the bundle, for cells of one space; None: each has its space's name.

    Returns:
        Space -> bundle, in the order in which the spaces come.

    Raises:
        DataError: If a name is given and the cells are of several spaces.
        SchemaError: If the recipe does not say which devices a cell serves.
        BundleError: If the parts contradict each other.
    """
    about = read_recipe(recipe).bundle
    by_space: dict[str, list[Fitted]] = {}
    for one in fitted:
        by_space.setdefault(one.table.space, []).append(one)
    if name is not None and len(by_space) > 1:
        raise DataError(f"one name needs cells of one space, got {', '.join(by_space)}")
    return {
        space: build_bundle(name or space, spaces.get(space), cells, about)
        for space, cells in by_space.items()
    }


def _tasks(tables: Sequence[Table], recipe: Recipe, store: Path, rivals: bool) -> list[_Task]:
    """Plan each table's fit, and find what would stop the writing of bundles."""
    for space in dict.fromkeys(table.space for table in tables):
        check_about([table for table in tables if table.space == space], recipe.bundle)
    recipe = recipe if rivals else recipe.without_rivals()
    tasks = []
    for table in tables:
        plan = recipe.plan(table.metric, table.space)
        if plan is None:
            raise DataError(f"the recipe has no plan for {table.metric} in {table.space}")
        tasks.append(_Task(table, plan, recipe, store))
    return tasks


def _fitted(tasks: Sequence[_Task], jobs: int) -> Iterator[tuple[int, Fitted]]:
    """Yield the number of a task and what came of it; a single job works in this process."""
    if jobs == 1:
        yield from ((i, _fit(task)) for i, task in enumerate(tasks))
        return
    yield from unordered(_fit, [(task,) for task in tasks], jobs=jobs)


def _fit(task: _Task) -> Fitted:
    """Fit one cell, or take it from the store."""
    table, space = task.table, spaces.get(task.table.space)
    key = fingerprint(table, task.plan, task.recipe)
    path = task.store / f"{table.space}.{cell_name(table)}.{table.protocol.name}.npz"
    cell = load_cell(path, key, space)
    if cell is None:
        try:
            cell = fit_cell(Measured.of(table, space), task.plan, task.recipe)
        except HwbenchError as error:
            raise DataError(f"{table.space} {cell_name(table)}: {error}") from error
        save_cell(path, key, cell)
    empty = table.select(np.arange(0))  # what a bundle needs of a table is its description
    return Fitted(empty, cell.predictor, cell.uncertainty, cell.figures)
