"""`hwbench quickstart`: from nothing to a searched benchmark of this machine in five minutes."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hwbench import metrics, units
from hwbench.cli._campaign_progress import show_progress
from hwbench.cli._output import (
    Column,
    command,
    json_option,
    quantity,
    write_fields,
    write_json,
    write_table,
)
from hwbench.cli._profile_plan import duration
from hwbench.errors import DataError

if TYPE_CHECKING:
    from hwbench.pipeline.quickstart import Quickstart

__all__ = ["quickstart_command"]

_BESIDE_S = 100.0
"""What all but measuring takes on two slow cores."""


@command(
    "quickstart",
    examples=[
        "hwbench quickstart",
        "hwbench quickstart --max latency=500ms",
        "hwbench quickstart --device cpu --budget 10min --out runs/mybox --json",
    ],
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("hwbench-quickstart"),
    show_default=True,
    help="Folder for everything; the same line goes on there.",
)
@click.option("--device", default="auto", show_default=True, help="cpu, cuda:0, or auto.")
@click.option("--budget", metavar="TIME", default="3min", show_default=True, help="For measuring.")
@click.option(
    "--max",
    "limits",
    multiple=True,
    metavar="LIMIT",
    help="latency=500ms or memory=600MB.  [default: a latency that 40 % of all keep]",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all that is drawn."
)
@json_option
def quickstart_command(
    out: Path, device: str, budget: str, limits: tuple[str, ...], seed: int, as_json: bool
) -> None:
    """Measure this machine, search for the best network on it, and check the answer.

    Measures some architectures of gpt-s, one request of 512 tokens at a time; makes a benchmark of
    this machine of them, with the published devices as prior; finds the architecture of best
    perplexity under a limit of latency, with proof; measures that one, too. Everything lies in one
    folder. Nothing is downloaded. Stop it when you like: the same line goes on.
    """
    from hwbench.pipeline.quickstart import Wanted, quickstart, ready
    from hwbench.pipeline.quickstart.folder import STATE

    ready()
    budget_s = units.parse(budget, "s")
    if not budget_s > 0:
        raise DataError(f"--budget must be above 0, got {budget}")
    if (out / STATE).is_file():
        _say(f"going on in {out}")
    else:
        all_s, part_s = duration(budget_s + _BESIDE_S), duration(budget_s)
        _say(f"about {all_s} in all, {part_s} of it measuring; everything goes to {out}")
        _say("Ctrl-C loses nothing that was measured: the same line goes on")
    wanted = Wanted(out, device, budget_s, limits, seed)
    try:
        found = quickstart(wanted, say=_say, progress=show_progress)
    except KeyboardInterrupt:
        click.echo("\nwhat was measured is kept; the same line goes on", err=True)
        raise
    if as_json:
        write_json(_to_dict(found))
    else:
        _write(found)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _write(found: Quickstart) -> None:
    best = found.best
    known = found.bench.query(best.architecture, interval=None)
    write_fields(
        {
            "architecture": best.architecture,
            "perplexity": quantity(known["perplexity"], "1"),
            "parameters": quantity(known["params"], "1"),
            "within": ", ".join(map(str, found.problem.limits)),
            "proof": f"{best.certificate.proof} ({best.certificate.seconds:.2g} s)",
        }
    )
    click.echo()
    write_table(
        [
            Column(f"on {found.device}"),
            *(Column(name, "right") for name in ("predicted", "90 % interval", "measured")),
            Column("inside"),
        ],
        [
            (
                metrics.get(check.metric).label,
                *_texts(check.metric, check.predicted),
                " to ".join(_texts(check.metric, check.lower, check.upper)),
                ", ".join(_texts(check.metric, *check.measured)),
                "yes" if check.inside else "no",
            )
            for check in found.checks
        ],
    )
    click.echo()
    write_fields(_facts(found))
    click.echo("\nwhat next:")
    for line in next_commands(found):
        click.echo(f"  {line}")


def _texts(metric: str, *values: float) -> list[str]:
    unit = metrics.get(metric).unit
    return [quantity(value, unit) for value in values]


def _facts(found: Quickstart) -> dict[str, object]:
    best, worst = found.front[0], found.front[-1]
    error = found.errors.get("latency_s")
    facts: dict[str, object] = {
        "measured": f"{found.rows} times, {found.architectures} architectures, on {found.label}",
        "front": f"{len(found.front)} architectures, from perplexity {quantity(best[0], '1')} at "
        f"{quantity(best[1], 's')} to {quantity(worst[0], '1')} at {quantity(worst[1], 's')}",
    }
    if error is not None:
        facts["error"] = f"{100 * error:.1f} % of latency, on architectures left out"
    facts |= {name: str(path) for name, path in found.files.items()}
    if found.seconds:
        parts = ", ".join(f"{name} {duration(s)}" for name, s in found.seconds.items() if s >= 1)
        facts["time"] = f"{duration(sum(found.seconds.values()))}: {parts}"
    return facts


def next_commands(found: Quickstart, /) -> list[str]:
    """Write lines that a user can go on with."""
    from hwbench.pipeline.quickstart import METRICS, PROTOCOL

    bundle = found.files["bundle"]
    out, name = bundle.parent, found.device
    limits = [f"--max {shlex.quote(text)}" for text in found.limits]
    more, merged, better = (shlex.quote(str(out / part)) for part in ("more", "all", "better"))
    opened, study = shlex.quote(found.opened), shlex.quote(str(found.files["study"]))
    own, there = shlex.quote(str(bundle)), shlex.quote(str(found.files["measurements"]))
    way = f"--protocol {PROTOCOL} --metrics {','.join(METRICS)} --budget 10min --seed 1"
    search = f"hwbench search {own} --device {name} --minimize"
    return [
        f"hwbench query {own} --device {name} --arch random",
        f"{search} perplexity {' '.join(limits)} --confidence 0.9",
        f"{search} perplexity,latency --method nsga2 --budget 2000",
        f"hwbench study run {study} --out {shlex.quote(str(out / 'study'))}",
        f"hwbench profile plan {found.bench.name} --device {opened} {way} --out {more}.toml",
        f"hwbench profile run {more}.toml --out {more}",
        f"hwbench profile merge {there} {more} --out {merged}",
        f"hwbench calibrate {found.bench.name} {merged} --name {name} --out {better}",
    ]


def _to_dict(found: Quickstart) -> dict[str, object]:
    best = found.best
    return {
        "architecture": str(best.architecture),
        "device": {"name": found.device, "label": found.label, "opened": found.opened},
        "problem": found.problem.to_dict(),
        "perplexity": best.values["perplexity"],
        "certificate": {
            "proven": best.certificate.proven,
            "bound": best.certificate.bound,
            "gap": best.certificate.gap,
            "proof": best.certificate.proof,
        },
        "checks": {
            check.metric: {
                "predicted": check.predicted,
                "lower": check.lower,
                "upper": check.upper,
                "measured": list(check.measured),
                "inside": check.inside,
            }
            for check in found.checks
        },
        "front": {"perplexity": found.front[:, 0], "latency_s": found.front[:, 1]},
        "front_proof": found.proof,
        "architectures": found.architectures,
        "rows": found.rows,
        "errors": dict(found.errors),
        "sha256": found.bench.sha256,
        "files": {name: str(path) for name, path in found.files.items()},
        "seconds": dict(found.seconds),
        "next": next_commands(found),
    }
