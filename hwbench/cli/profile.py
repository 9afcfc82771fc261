"""`hwbench profile`: measure a device of your own."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hwbench import units
from hwbench.cli._campaign_progress import show_progress
from hwbench.cli._output import (
    Column,
    command,
    json_option,
    write_fields,
    write_json,
    write_table,
)
from hwbench.cli._profile_plan import duration, plan
from hwbench.errors import DataError

if TYPE_CHECKING:
    from hwbench.profiling.standing import Standing

__all__ = ["profile"]

_INCOMPLETE = 1
_PLACE = click.Path(path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group("profile")
def profile() -> None:
    """Measure latency, energy and memory on a device of your own."""


@command(
    "run",
    examples=[
        "hwbench profile run plan.toml --out journals/mybox",
        "hwbench profile run plan.toml --out journals/mybox --shard 2/4",
    ],
)
@click.argument("plan_file", metavar="PLAN", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--out", required=True, type=_FOLDER, help="Folder of the journal.")
@click.option("--shard", default="1/1", show_default=True, help="Part of the plan: 2/4.")
@click.option("--device", help="Another device than the plan's.")
@click.option("--budget", metavar="TIME", help="Another time for everything than the plan's: 1h.")
@click.option("--retry", is_flag=True, help="Try everything again that failed.")
@click.option("--allow-other-device", is_flag=True, help="Even if the journal is of another one.")
@json_option
@click.pass_context
def run(
    ctx: click.Context,
    plan_file: Path,
    out: Path,
    shard: str,
    device: str | None,
    budget: str | None,
    retry: bool,
    allow_other_device: bool,
    as_json: bool,
) -> None:
    """Measure what a plan asks for; kill it when you like.

    Each measurement is on the disk before the next one starts. The same command goes on where it
    was. Ends with exit code 1 if the time budget was used up before everything was measured.
    """
    from hwbench.profiling.campaign import Campaign
    from hwbench.profiling.devices import open_device
    from hwbench.profiling.measuring import measure
    from hwbench.profiling.plan import parse_shard
    from hwbench.profiling.plan_file import read_plan

    asked = read_plan(plan_file)
    budget_s = None if budget is None else units.parse(budget, "s")
    if budget_s is not None and not budget_s > 0:
        raise DataError(f"--budget must be above 0, got {budget}")
    campaign = Campaign(asked, out, parse_shard(shard))
    try:
        end = campaign.run(
            open_device(device or asked.device),
            measure,
            progress=show_progress,
            allow_other_device=allow_other_device,
            retry=retry,
            budget_s=budget_s,
        )
    except KeyboardInterrupt:
        click.echo(f"\nnothing is lost but the running row; go on with: {_same()}", err=True)
        raise
    if as_json:
        write_json({"out": str(out), **_numbers(end)})
    else:
        write_fields(_facts(end))
    if not end.finished:
        click.echo(f"the time budget is used up; more: {_same()} --budget TIME", err=True)
        ctx.exit(_INCOMPLETE)


@command(
    "status",
    examples=[
        "hwbench profile status journals/mybox",
        "hwbench profile status journals/mybox --json",
    ],
)
@click.argument("folder", metavar="DIR", type=_PLACE)
@json_option
def status(folder: Path, as_json: bool) -> None:
    """Say how far a campaign is, and how much the machine drifted.

    DIR is the folder of a journal. How long the rest takes is said, too.
    """
    from hwbench.cli._standing import DRIFT_COLUMNS, report

    told = report(folder)
    if as_json:
        write_json(told.to_dict())
        return
    for part in told.parts:
        write_fields({"journal": part.journal, **_facts(part.standing)})
        if part.torn:
            click.echo(f"{part.torn} torn lines; the next run sets them aside", err=True)
    if told.drifts:
        click.echo()
        write_table(DRIFT_COLUMNS, [drift.cells() for drift in told.drifts])
        for drift in told.drifts:
            for reason in drift.reasons:
                click.echo(f"{drift.metric}: {reason}", err=True)


@command(
    "merge",
    examples=["hwbench profile merge journals/one journals/two --out journals/all"],
)
@click.argument("places", metavar="DIR...", nargs=-1, required=True, type=_PLACE)
@click.option("--out", required=True, type=_FOLDER, help="Folder of the result.")
@json_option
def merge(places: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Put journals of shards, machines or campaigns into one file."""
    from hwbench.data import journal

    path = journal.merge(places, out)
    facts = {"journal": str(path), "rows": len(journal.entries(path))}
    if as_json:
        write_json(facts)
    else:
        write_fields(facts)


@command(
    "compact",
    examples=["hwbench profile compact journals/mybox --out data/mybox --name mybox"],
)
@click.argument("folder", metavar="DIR", type=_PLACE)
@click.option("--out", required=True, type=_FOLDER, help="Folder for the tables.")
@click.option("--name", help="What to call the device.  [default: its fingerprint's id]")
@json_option
def compact(folder: Path, out: Path, name: str | None, as_json: bool) -> None:
    """Turn a journal into Parquet tables with all raw samples."""
    from hwbench.data import journal

    written = journal.compact(folder, out, device=name)
    if as_json:
        write_json({"out": str(out), "tables": written})
        return
    write_table(
        [Column("table"), Column("rows", "right"), Column("samples a row", "right")],
        [(path, table["rows"], table["samples"]) for path, table in written.items()],
    )


for _command in (plan, run, status, merge, compact):
    profile.add_command(_command)


def _facts(standing: Standing) -> dict[str, str]:
    failed = ", ".join(f"{count} {name}" for name, count in standing.failed.items())
    left = "nothing" if standing.finished else f"{len(standing.todo)} measurements"
    if standing.left_s and standing.todo:
        left += f", about {duration(standing.left_s)}"
    return {
        "measured": f"{standing.done} of {len(standing.slots)} in {duration(standing.spent_s)}",
        "failed": failed or "none",
        "left": left,
    }


def _numbers(standing: Standing) -> dict[str, object]:
    return {
        "rows": len(standing.slots),
        "measured": standing.done,
        "failed": dict(standing.failed),
        "left": len(standing.todo),
        "spent_s": standing.spent_s,
        "left_s": standing.left_s,
    }


def _same() -> str:
    return shlex.join([os.path.basename(sys.argv[0]), *sys.argv[1:]])
