"""What commands that search share: settings as KEY=VALUE, and a bar of evaluations."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click

from hwbench.search import ProblemError

__all__ = ["evaluations_bar", "read_pairs"]


def read_pairs(texts: Sequence[str], /) -> dict[str, str]:
    """Split texts such as "population=50".

    Raises:
        ProblemError: If one has no "=".
    """
    pairs = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign:
            raise ProblemError(f"expected KEY=VALUE as in --set population=50, got {text!r}")
        pairs[key.strip()] = value
    return pairs


@contextmanager
def evaluations_bar(
    budget: int, label: str = "evaluations"
) -> Iterator[Callable[[int], None] | None]:
    """Show progress on stderr if somebody looks at it; yields what to tell the number spent."""
    if not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=budget, label=label, file=sys.stderr) as bar:
        yield lambda spent: bar.update(spent - bar.pos)
