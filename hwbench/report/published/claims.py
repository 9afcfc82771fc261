"""What the paper's abstract says in numbers, beside the raw files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from hwbench import spaces, units
from hwbench.data import load_tables
from hwbench.report.published.defects import touching
from hwbench.report.published.document import Grid, Section
from hwbench.report.published.request import Request
from hwbench.spaces import Space, gpt_costs

__all__ = ["claims_section", "largest"]

_HEADS: Final = ("what", "paper", "here", "note")


def claims_section(request: Request, searches: Sequence[Mapping[str, Any]], /) -> Section:
    """Return the section on the abstract's numbers.

    Args:
        request: The comparison; its tables are imported.
        searches: What `hypervolumes` returned; empty if it was not asked for.
    """
    rows = [
        ("devices", "13", str(len(_devices(request))), "one CPU was measured and never published"),
        *(row for space in request.spaces for row in _sizes(request, space)),
    ]
    timed = [one for one in searches if one["seconds"]]
    if timed:
        runs = sum(one["timed"] for one in timed)
        seconds = sum(one["seconds"] for one in timed) * request.jobs / runs
        note = f"mean of {runs} runs of {timed[0]['budget']} evaluations, exact fronts included"
        rows.append(("a search", "a few seconds", f"{seconds:.1f} s", note))
    return Section(
        title="Numbers of the abstract",
        paper="arXiv 2405.10299, abstract: 13 devices; architectures of up to 774M parameters in "
        "version 2 and 1.55B in version 3; trajectories of search methods 'in just a few seconds'.",
        ours="Counted in the checkout's tables, and by closed form (parameters of the profiled "
        "network, checked against the raw files' own counts by the importer).",
        differs="Upstream's published searches ran a process a trial, with a new surrogate each; "
        "ours are in one process on the shipped bundles.",
        grids=(Grid("Paper and raw files", _HEADS, tuple(rows), words=4),),
        defects=touching("claims"),
    )


def largest(space: Space, codes: np.ndarray[Any, Any] | None = None, /) -> int:
    """Return the most parameters that an architecture has: of a space, or among codes."""
    if codes is None:
        return int(gpt_costs.params(space, space.encode([space.largest()])[0]))
    return int(gpt_costs.params(space, codes).max())


def _devices(request: Request) -> set[str]:
    found = (request.tables_folder / space for space in request.spaces)
    return {path.name for folder in found for path in folder.iterdir() if path.name != "any"}


def _sizes(request: Request, name: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield the row of a space; none if no latency was imported."""
    space, folder = spaces.get(name), request.tables_folder
    for device in request.devices:
        for table in load_tables(folder, space=name, device=device, metric="latency_s"):
            there = f"largest measured {units.format(float(largest(space, table.codes)), '1')}"
            paper = "774M or 1.55B" if name == "gpt-l" else "-"
            most = units.format(float(largest(space)), "1")
            yield (f"parameters, {name}", paper, most, f"{there} of {len(table)} architectures")
            return
