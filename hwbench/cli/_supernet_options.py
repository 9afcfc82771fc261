"""Options that several commands of `hwbench supernet` take, each written down once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import click

__all__ = ["DEVICE", "DRAWS", "FOLDER", "POSITIVE", "precision_option", "rows_option"]

_AnyCallable = TypeVar("_AnyCallable", bound=Callable[..., object])

POSITIVE: Final = click.IntRange(min=1)

FOLDER: Final = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
"""The folder of a run."""

DEVICE: Final = click.option(
    "--device", default="auto", show_default=True, help="cpu, cuda or auto."
)

DRAWS: Final = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the draws."
)
"""The seed of a command that draws architectures."""


def precision_option(default: str | None) -> Callable[[_AnyCallable], _AnyCallable]:
    """Take `--precision`; None leaves it to the space."""
    return click.option(
        "--precision",
        type=click.Choice(["fp32", "bf16", "fp16"]),
        default=default,
        show_default=default is not None,
        help="Number format of matrix products.",
    )


def rows_option(default: int) -> Callable[[_AnyCallable], _AnyCallable]:
    """Take `--rows`: on how much text a subnet is judged."""
    return click.option(
        "--rows", type=POSITIVE, default=default, show_default=True, help="Sequences of text."
    )
