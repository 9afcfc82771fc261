"""`hwbench calibrate`: add a device to a benchmark from few measurements of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from hwbench.benchmark import load, save
from hwbench.benchmark.bundle import DeviceKind
from hwbench.benchmark.own_device import device_tables, measured_device
from hwbench.cli._output import Column, command, json_option, write_json, write_table
from hwbench.data import Table
from hwbench.errors import DataError, require
from hwbench.profiling.drift_session import estimate

if TYPE_CHECKING:
    from hwbench.benchmark.calibration import Learnt

__all__ = ["calibrate_command"]


@command(
    "calibrate",
    examples=[
        "hwbench calibrate gpt-s journals/mybox --name mybox --out my-bundle/",
        "hwbench calibrate gpt-s data/mybox --name mybox --protocol serving --out mine/ --json",
    ],
)
@click.argument("bundle")
@click.argument("journal", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="What to call the device.")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the new benchmark.",
)
@click.option(
    "--kind",
    type=click.Choice(["cpu", "gpu"]),
    help="Kind of the device.  [default: as its id begins]",
)
@click.option("--label", help="How people know it.  [default: its name]")
@click.option("--protocol", help="Only tables of this protocol.")
@click.option("--replace", is_flag=True, help="Forget what was calibrated before by this name.")
@json_option
def calibrate_command(
    bundle: str,
    journal: Path,
    name: str,
    out: Path,
    kind: DeviceKind | None,
    label: str | None,
    protocol: str | None,
    replace: bool,
    as_json: bool,
) -> None:
    """Add a device to a benchmark from few measurements of it.

    BUNDLE is a name, or the folder of a bundle of your own; its devices are the prior. JOURNAL is
    what `hwbench profile run` or `hwbench profile compact` wrote, or a folder of tables. Ten to a
    hundred architectures are enough for predictions, with intervals, of all of them.
    """
    require("sklearn", "fit")
    from hwbench.benchmark.calibration import calibrate

    if out.exists() and not out.is_dir():
        raise DataError(f"--out {out} is a file; name a folder")
    known = load(bundle).bundle
    tables = device_tables(journal, known.space.name, protocol=protocol)
    device = measured_device(name, tables, kind=kind, label=label)
    found = calibrate(known, tables, device, replaces=replace)
    digest = save(found.bundle, out)
    rows = [_row(one, _verdict(tables, one)) for one in found.learnt]
    if as_json:
        about = {"bundle": str(out), "sha256": digest, "device": name, "kind": device.kind}
        write_json({**about, "cells": rows, "skipped": dict(found.skipped)})
        return
    columns = [Column("cell"), *(Column(key, "right") for key in list(rows[0])[1:])]
    write_table(columns, [list(row.values()) for row in rows])
    for metric, reason in found.skipped.items():
        click.echo(f"left out {metric}: {reason}", err=True)
    click.echo(f"wrote {out}: search it with --device {name}", err=True)


def _verdict(tables: Sequence[Table], one: Learnt) -> str | None:
    """Judge the session by architectures that were measured more than once; memory needs none."""
    from hwbench.benchmark.calibration import STEADY

    if one.cell.metric == STEADY:
        return None
    table = next(table for table in tables if table.metric == one.cell.metric)
    y = table.center()
    kept = np.flatnonzero(np.isfinite(y) & (y > 0))
    _, number = np.unique(table.codes[kept], axis=0, return_inverse=True)
    archs = number.reshape(-1).astype(np.int64)
    return estimate(y[kept], archs, table.position[kept].astype(np.float64)).verdict


def _row(one: Learnt, verdict: str | None) -> dict[str, object]:
    """Return one line of the answer; numbers in per cent."""
    assert one.cell.uncertainty is not None
    parts, held = one.cell.uncertainty.parts, one.held_out
    return {
        "cell": one.cell.name,
        "rows": one.rows,
        "architectures": one.architectures,
        "error left out %": None if held is None else round(100 * held.mape, 2),
        "in 90 %": None if held is None else round(100 * held.inside, 1),
        "model error %": round(100 * parts["model"], 2),
        "noise %": round(100 * parts["session"], 2),
        "drift %": round(100 * one.drift, 2),
        "outliers": one.doubted,
        "session": verdict,
    }
