"""How measuring gets on, for people: a line a measurement on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from hwbench.cli._output import quantity
from hwbench.cli._profile_plan import duration

if TYPE_CHECKING:
    from hwbench.profiling.campaign import Progress

__all__ = ["show_progress"]


def show_progress(progress: Progress) -> None:
    """Write one line a measurement, overwritten on a terminal."""
    now, row = progress.standing, progress.row
    total = len(now.slots)
    latency = (row.get("latency") or {}).get("samples_s") or [float("nan")]
    shown = quantity(sorted(latency)[len(latency) // 2], "s")
    end = shown if row["status"] == "ok" else f"{row['status']}: {row['reason']}"[:100]
    left = "" if now.left_s is None else f", {duration(now.left_s)} left"
    line = f"[{total - len(now.todo):{len(str(total))}}/{total}] {end}{left}"
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""
    click.echo(f"{clear}{line}", nl=not clear or now.finished, err=True)
