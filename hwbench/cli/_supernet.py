"""What `hwbench supernet` shares between its commands: what they need, and what is printed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hwbench.cli._output import write_fields, write_json
from hwbench.errors import require

if TYPE_CHECKING:
    from hwbench.supernet.quality_files import Evaluated
    from hwbench.supernet.training import Progress, TrainingResult

__all__ = [
    "require_torch",
    "show_count",
    "show_progress",
    "told_where_to_go_on",
    "write_qualities",
    "write_result",
]


def require_torch() -> None:
    """Say which extra is missing before anything is imported.

    Raises:
        MissingExtraError: If torch or safetensors is not installed.
    """
    require("torch", "train")
    require("safetensors", "train")


def show_progress(progress: Progress) -> None:
    """Write one line; on a terminal it is overwritten, except where validation was looked at."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{progress}", nl=bool(progress.validation), err=True)
    else:
        click.echo(str(progress), err=True)


@contextmanager
def told_where_to_go_on(*, aloud: bool) -> Iterator[None]:
    """Say what an interrupted training has kept; it stays interrupted."""
    from hwbench.supernet.training import TrainingInterrupted

    try:
        yield
    except TrainingInterrupted as stopped:
        if aloud:
            click.echo(f"{stopped}; the same line goes on from there", err=True)
        raise


def show_count(done: int, total: int) -> None:
    """Write how many subnets are done."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{done}/{total} subnets", nl=done == total, err=True)
    elif done == total or done % max(total // 10, 1) == 0:
        click.echo(f"{done}/{total} subnets", err=True)


def write_result(result: TrainingResult, out: Path, *, as_json: bool) -> None:
    """Print how a training run ended."""
    from hwbench.supernet.runs import open_run

    run = open_run(out)
    mode = run.strategy.watched().get("mode")
    if as_json:
        validation = {
            name: {"loss": q.loss, "perplexity": q.perplexity, "accuracy": q.accuracy}
            for name, q in result.validation.items()
        }
        write_json(
            {
                "out": str(out),
                "space": run.card.space,
                "method": run.card.method,
                "step": result.step,
                "loss": result.loss,
                "validation": validation,
                "mode": None if mode is None else str(mode),
                "passes": result.passes,
                "tokens": result.tokens,
                "seconds": result.seconds,
                "checkpoint": str(result.checkpoint),
            }
        )
        return
    fields: dict[str, object] = {"steps": result.step, "training loss": f"{result.loss:.4f}"}
    for name, quality in result.validation.items():
        fields[f"loss of {name}"] = f"{quality.loss:.4f} (perplexity {quality.perplexity:.2f})"
    if mode is not None:
        fields["architecture"] = mode
    fields["tokens"] = f"{result.tokens:,} in {result.passes:,} passes"
    fields["seconds"] = f"{result.seconds:.1f}"
    write_fields({**fields, "checkpoint": result.checkpoint})


def write_qualities(found: Evaluated, out: Path, tables: list[Path], *, as_json: bool) -> None:
    """Print what an evaluation found."""
    order = sorted(range(len(found.archs)), key=lambda i: found.qualities[i].loss)
    best, worst = order[0], order[-1]
    if as_json:
        write_json(
            {
                "out": str(out),
                "tables": [str(path) for path in tables],
                "n": len(found.archs),
                **found.about,
                "best": {
                    "architecture": str(found.archs[best]),
                    "perplexity": found.qualities[best].perplexity,
                    "accuracy": found.qualities[best].accuracy,
                },
                "worst_perplexity": found.qualities[worst].perplexity,
            }
        )
        return
    write_fields(
        {
            "subnets": len(found.archs),
            "tokens each": found.qualities[best].tokens,
            "perplexity": f"{found.qualities[best].perplexity:.3f} to "
            f"{found.qualities[worst].perplexity:.3f}",
            "best": found.archs[best],
            "wrote": ", ".join(map(str, [out, *tables])),
        }
    )
