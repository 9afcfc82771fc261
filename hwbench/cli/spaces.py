"""`hwbench spaces`: the search spaces, how large they are and what there is to choose."""

import math
from collections.abc import Iterable

import click

from hwbench import spaces as registry
from hwbench.cli._output import Column, command, json_option, write_fields, write_json, write_table
from hwbench.spaces import Choice, Space

__all__ = ["spaces"]


@command(
    "spaces", examples=["hwbench spaces", "hwbench spaces gpt-s", "hwbench spaces gpt-l --json"]
)
@click.argument("name", required=False)
@json_option
def spaces(name: str | None, as_json: bool) -> None:
    """List the search spaces.

    Choices marked * are made for each layer. With NAME, shows one space in full: its exact size,
    its choices, and its smallest and largest architecture in the text form that other commands
    read.
    """
    found = [registry.get(name)] if name else [registry.get(each) for each in registry.names()]
    if as_json:
        write_json([_record(space) for space in found])
    elif name:
        _write_one(found[0])
    else:
        _write_all(found)


def _write_all(found: list[Space]) -> None:
    layered = {choice.name for space in found for choice in space.layered}
    names = list(dict.fromkeys(choice.name for space in found for choice in _choices(space)))
    titles = [f"{name}*" if name in layered else name for name in names]
    counts = [Column("architectures", "right"), Column("about", "right")]
    columns = [Column("space"), *map(Column, titles), *counts]
    rows = []
    for space in found:
        values = {choice.name: _values(choice) for choice in _choices(space)}
        cells = [values.get(name) for name in names]
        rows.append([space.name, *cells, space.size(), f"10^{_log10(space.size()):.1f}"])
    write_table(columns, rows)


def _write_one(space: Space) -> None:
    fields = {
        "space": space.name,
        "architectures": f"{space.size()} (about 10^{_log10(space.size()):.1f})",
        "networks": ", ".join(space.networks),
        "code": f"{space.n_choices} columns",
        "smallest": space.smallest(),
        "largest": space.largest(),
    }
    write_fields(fields)
    click.echo()
    rows = [(c.name, "the network", _values(c)) for c in space.shared]
    rows += [(c.name, "each layer", _values(c)) for c in space.layered]
    write_table([Column("choice"), Column("made for"), Column("values")], rows)


def _record(space: Space) -> dict[str, object]:
    return {
        "space": space.name,
        "architectures": space.size(),
        "architectures_log10": _log10(space.size()),
        "networks": space.networks,
        "n_choices": space.n_choices,
        "depth": space.depth,
        "shared": {choice.name: choice.values for choice in space.shared},
        "layered": {choice.name: choice.values for choice in space.layered},
        "smallest": str(space.smallest()),
        "largest": str(space.largest()),
    }


def _choices(space: Space) -> Iterable[Choice]:
    return (*space.shared, *space.layered)


def _values(choice: Choice) -> str:
    return " ".join(choice.by_text)


def _log10(size: int) -> float:
    return round(math.log10(size), 2)
