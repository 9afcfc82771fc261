"""What `hwbench supernet` finds and keeps: `best.json` of a run, and words for architectures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from hwbench import metrics
from hwbench.cli._architectures import read_word
from hwbench.cli._output import Column, quantity, write_fields, write_json, write_table
from hwbench.data.files import write_text
from hwbench.errors import DataError
from hwbench.search.problem import column_name

if TYPE_CHECKING:
    from hwbench.search import Run
    from hwbench.spaces import Architecture
    from hwbench.supernet.runs import SupernetRun

__all__ = ["BEST", "BEST_WORD", "keep_best", "read_arch", "write_search"]

BEST = "best.json"
BEST_WORD = "best"


def read_arch(word: str, run: SupernetRun, /, *, seed: int = 0) -> Architecture:
    """Read an architecture of a supernet: `best`, or what `read_word` reads.

    Raises:
        DataError: If "best" is asked for and nothing was found yet, or with other weights.
        SpaceError: If it cannot be read or does not belong to the space.
    """
    if word != BEST_WORD:
        return read_word(word, run.space, np.random.default_rng(seed))
    path = run.folder / BEST
    if path.is_file():
        return _kept(path, run)
    mode = run.strategy.watched().get("mode")
    if mode is None:
        raise DataError(
            f"{run.folder}: no best architecture yet; run `hwbench supernet search {run.folder}`"
        )
    return mode


def keep_best(found: Run, run: SupernetRun, place: Path, /) -> None:
    """Write `best.json` if the search found something that keeps the limits."""
    if not len(found.front()):
        return
    record = {
        "architecture": str(_archs(found)[0]),
        "supernet": run.subject,
        "search": str(place),
        "method": found.method,
        "problem": found.problem.to_dict(),
    }
    write_text(run.folder / BEST, json.dumps(record, indent=2) + "\n")


def write_search(found: Run, place: Path, facts: Mapping[str, Any], /, *, as_json: bool) -> None:
    """Print what a search of a supernet found: one architecture, or a front."""
    feasible = bool(len(found.front()))
    rows = _records(found)
    if as_json:
        write_json(
            {
                "problem": found.problem.to_dict(),
                "method": found.method,
                "seed": found.seed,
                "evaluations": len(found),
                "stopped": found.stopped,
                "feasible": feasible,
                "architectures": rows,
                "out": str(place),
                **facts,
            }
        )
        return
    names = [column_name(*column) for column in found.problem.columns]
    texts = [[_quantity(row[name], name) for name in names] + [row["architecture"]] for row in rows]
    if len(rows) == 1:
        labels = ["architecture", *names]
        write_fields(dict(zip(labels, [texts[0][-1], *texts[0][:-1]], strict=True)))
    else:
        write_table([*(Column(n, "right") for n in names), Column("architecture")], texts)
    click.echo()
    if not feasible:
        click.echo("no subnet keeps the limits; this one comes closest", err=True)
    shown = {"method": found.method, "evaluations": f"{len(found):,} ({found.stopped})"}
    write_fields({**shown, **facts, "wrote": place})


def _kept(path: Path, run: SupernetRun) -> Architecture:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        text, subject = str(record["architecture"]), record["supernet"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: damaged ({error!r})") from error
    if subject != run.subject:
        raise DataError(f"{path} was found with {subject}, now there is {run.subject}: search anew")
    return run.space.parse(text)


def _archs(found: Run) -> list[Architecture]:
    front = found.front()
    rows = front if len(front) else [found.closest()]
    return found.problem.space.decode(found.codes[rows])


def _records(found: Run) -> list[dict[str, Any]]:
    front = found.front()
    rows = front.tolist() if len(front) else [found.closest()]
    return [
        {"architecture": str(arch), **{k: float(v[row]) for k, v in found.values.items()}}
        for row, arch in zip(rows, _archs(found), strict=True)
    ]


def _quantity(value: float, name: str) -> str:
    return quantity(value, metrics.get(name.partition("@")[0]).unit)
