"""`hwbench profile plan`: choose what to measure on a device of your own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from hwbench import units
from hwbench.cli._output import command, json_option, write_fields, write_json
from hwbench.errors import DataError

if TYPE_CHECKING:
    from hwbench.profiling.protocols import Precision
    from hwbench.profiling.workloads import Phase

__all__ = ["duration", "plan"]

_PLACE = click.Path(dir_okay=False, path_type=Path)


@command(
    "plan",
    examples=[
        "hwbench profile plan gpt-s --device auto --budget 10min",
        "hwbench profile plan gpt-s --n 10 --batch 1 --out plan.toml",
        "hwbench profile plan gpt-s --protocol serving --phase prefill --phase decode --n 20",
    ],
)
@click.argument("bundle")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda:0, or auto.")
@click.option(
    "--metrics", default="latency,energy,memory", show_default=True, help="What to measure."
)
@click.option(
    "--protocol",
    default="hw-gpt-bench",
    show_default=True,
    help="hw-gpt-bench, as gpt-s, gpt-m and gpt-l were measured there, or serving, for any space.",
)
@click.option(
    "--phase",
    "phases",
    multiple=True,
    type=click.Choice(["prefill", "decode"]),
    default=["prefill"],
    show_default=True,
    help="Of serving: the whole prompt at once, or token after token; may be given again.",
)
@click.option(
    "--batch", type=click.IntRange(min=1), help="Sequences at once.  [default: the protocol's]"
)
@click.option(
    "--runtime",
    default="torch-eager",
    show_default=True,
    help="torch-eager, torch-compile, torch-compile-graphs, onnx-cpu or onnx-cuda.",
)
@click.option(
    "--precision",
    help="fp32, bf16, fp16, amp-bf16, amp-fp16 or int8.  [default: the protocol's for the device]",
)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads.  [default: one a core]")
@click.option(
    "--n",
    type=click.IntRange(min=1),
    help="Architectures.  [default: as many as the budget allows, 20 without one]",
)
@click.option(
    "--passes",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Visits to each architecture.",
)
@click.option(
    "--anchor-every",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Measurements between two visits to the anchor.",
)
@click.option("--budget", metavar="TIME", help="Time for everything: 10min, 2h.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all that is drawn."
)
@click.option("--name", help="Of the campaign.  [default: BUNDLE and device]")
@click.option(
    "--pilot/--no-pilot",
    default=True,
    show_default=True,
    help="Measure one architecture to know how long it will take.",
)
@click.option("--out", type=_PLACE, default=Path("plan.toml"), show_default=True, help="Plan file.")
@click.option("--force", is_flag=True, help="Write over a plan that is there.")
@json_option
def plan(
    bundle: str,
    device: str,
    metrics: str,
    protocol: str,
    phases: tuple[Phase, ...],
    batch: int | None,
    runtime: str,
    precision: str | None,
    threads: int | None,
    n: int | None,
    passes: int,
    anchor_every: int,
    budget: str | None,
    seed: int,
    name: str | None,
    pilot: bool,
    out: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Choose what to measure, and say how long it takes.

    BUNDLE is a benchmark whose devices tell which architectures are worth measuring, or a space.
    Says what cannot be measured here, and why. Writes a plan file that `hwbench profile run`
    follows; read it, and edit it as you like.
    """
    from hwbench.benchmark.campaign_plan import Asked, make
    from hwbench.data.files import write_text
    from hwbench.profiling.devices import open_device
    from hwbench.profiling.measuring import measure
    from hwbench.profiling.plan_file import to_text

    if out.exists() and not force:
        raise DataError(f"{out} is there already; name another file with --out, or add --force")
    opened = open_device(device)
    asked = Asked(
        bundle=bundle,
        device=opened,
        metrics=tuple(metrics.split(",")),
        protocol=protocol,
        phases=tuple(dict.fromkeys(phases)),
        batch=batch,
        runtime=runtime,
        precision=cast("Precision | None", precision),
        threads=threads,
        n=n,
        passes=passes,
        anchor_every=anchor_every,
        budget_s=None if budget is None else units.parse(budget, "s"),
        seed=seed,
        name=name or f"{Path(bundle).name} on {opened.label}",
    )
    made = make(asked, measure if pilot else None)
    write_text(out, to_text(made.plan))
    facts = {
        "plan": str(out),
        "device": f"{opened.name}: {opened.label} ({opened.fingerprint().id})",
        "protocols": ", ".join(way.label for way in made.plan.protocols),
        "architectures": f"{len(made.plan.architectures)}, chosen {made.plan.design}",
        "measurements": f"{made.rows} in {passes} passes, an anchor every {anchor_every}",
        "time": f"about {duration(made.seconds)}" + ("" if pilot else ", by assumption"),
    }
    if as_json:
        numbers = {"rows": made.rows, "seconds": made.seconds, "expected": made.plan.expected}
        write_json({**facts, **numbers, "id": made.plan.id, "notes": list(made.notes)})
        return
    write_fields(facts)
    for note in made.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"\nrun it: hwbench profile run {out} --out DIR", err=True)


def duration(seconds: float) -> str:
    """Write a time for people: "43 s", "7 min", "3.2 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
