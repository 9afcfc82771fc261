"""How every sub-command looks: tables, JSON, quantities, and help with examples.

Use it in each file of `hwbench.cli`: `@command(...)` instead of `@click.command`, `json_option` for
`--json`, `write_table` or `write_json` for what goes to stdout. Logs and progress go to stderr.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import click

from hwbench import metrics, units

__all__ = [
    "Column",
    "Command",
    "command",
    "json_option",
    "plain",
    "quantity",
    "table",
    "write_fields",
    "write_json",
    "write_table",
]

MISSING = "-"
_GAP = "  "

_AnyCallable = TypeVar("_AnyCallable", bound=Callable[..., object])


class Command(click.Command):
    """A click command whose `--help` ends with examples.

    Args:
        examples: Command lines a user can paste, each starting with `hwbench`.
    """

    def __init__(self, *args: object, examples: Sequence[str] = (), **kwargs: object) -> None:
        # Said here, too: click keeps the help option of the context that asks for it first.
        kwargs.setdefault("context_settings", {"help_option_names": ["-h", "--help"]})
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # click's own signature
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the options."""
        write_examples(formatter, self.examples)
        super().format_epilog(ctx, formatter)


def write_examples(formatter: click.HelpFormatter, examples: Sequence[str]) -> None:
    """Add a section of examples to a help page, one line each, never wrapped."""
    if not examples:
        return
    with formatter.section("Examples"):
        for example in examples:
            formatter.write(f"{' ' * formatter.current_indent}{example}\n")


def command(
    name: str, *, examples: Sequence[str]
) -> Callable[[Callable[..., object]], click.Command]:
    """Make a sub-command: `@command("spaces", examples=["hwbench spaces --json"])`."""
    return click.command(name, cls=Command, examples=examples)


def json_option(function: _AnyCallable) -> _AnyCallable:
    """Add `--json` to a command; it arrives as the keyword `as_json`."""
    option = click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON value instead of a table."
    )
    return option(function)


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        title: What stands above it.
        align: `"left"` for words, `"right"` for numbers.
    """

    title: str
    align: str = "left"

    def cell(self, text: str, width: int) -> str:
        """Pad `text` to `width` on the side that `align` says."""
        return text.rjust(width) if self.align == "right" else text.ljust(width)


def table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> str:
    """Lay rows out in aligned plain columns, without colours and trailing blanks.

    Args:
        columns: One per cell of a row.
        rows: Cells of any type; `None` and NaN become `-`.

    Returns:
        The header line and one line a row, joined by newlines.

    >>> print(table([Column("device"), Column("n", "right")], [("a100", 7), ("h100", 4096)]))
    device     n
    a100       7
    h100    4096
    """
    lines = [[column.title for column in columns]]
    lines += [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    return "\n".join(_GAP.join(map(Column.cell, columns, line, widths)).rstrip() for line in lines)


def write_table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Print `table` to stdout; the header is bold where the terminal can."""
    header, *body = table(columns, rows).split("\n")
    click.echo("\n".join([click.style(header, bold=True), *body]))


def write_fields(fields: Mapping[str, object]) -> None:
    """Print names and values below each other, the values aligned."""
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        click.echo(f"{name.ljust(width)}{_GAP}{_text(value)}")


def write_json(value: object) -> None:
    """Print one JSON value to stdout; NaN and infinities become null, numpy values plain ones."""
    click.echo(json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def quantity(value: float | None, unit: str) -> str:
    """Format a number of SI `unit` for people, `-` where there is none.

    >>> quantity(0.00731, "s")
    '7.31 ms'
    >>> quantity(None, "s")
    '-'
    """
    if value is None or math.isnan(value):
        return MISSING
    return units.format(value, unit)


def _text(cell: object) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return MISSING
    return str(cell)


def plain(value: object) -> object:
    """Turn containers, numpy scalars and numpy arrays into what `json` can write."""
    if isinstance(value, dict):
        return {str(key): plain(_count(str(key), item)) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _count(key: str, value: object) -> object:
    """Turn a count, such as `params` or a limit of it, into an integer."""
    metric = metrics.METRICS.get(
        key.partition("@")[0].removesuffix("_lower").removesuffix("_upper")
    )
    if metric is None or not metric.whole or not isinstance(value, float):
        return value
    return int(value) if value.is_integer() else value
