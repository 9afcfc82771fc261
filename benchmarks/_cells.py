"""What the benchmarks of surrogates share: which cells there are, and processes for them."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from hwbench import spaces
from hwbench.data import Table, load_tables
from hwbench.surrogates.fitting import Measured, Plan, Recipe, read_recipe

RECIPE = Path(__file__).resolve().parents[1] / "surrogates" / "gpt.toml"
QUICK = ("a100", "cpu-amd-7452")
"""Devices of the small run, in the small space."""

Result = TypeVar("Result")


def name_of(table: Table) -> str:
    return f"{table.space} {table.metric} {table.device or '-'}"


def tables_of(folder: Path, metrics: tuple[str, ...], *, quick: bool) -> list[Table]:
    """The tables the recipe has a plan for; the large ones first, so that no process waits."""
    recipe = read_recipe(RECIPE)
    found = [
        table
        for table in load_tables(folder)
        if table.metric in metrics and recipe.plan(table.metric, table.space)
    ]
    if quick:
        found = [t for t in found if t.space == "gpt-s" and t.device in (*QUICK, None)]
    return sorted(found, key=lambda table: -table.codes.size)


def cell_of(table: Table) -> tuple[Measured, Plan, Recipe]:
    recipe = read_recipe(RECIPE)
    plan = recipe.plan(table.metric, table.space)
    assert plan is not None
    return Measured.of(table, spaces.get(table.space)), plan, recipe


def each(work: Callable[[Table], Result], tables: list[Table], *, jobs: int) -> Iterator[Result]:
    """Do some work for every table, in processes of one thread each."""
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, tables)
