"""How alike devices rank architectures: Kendall's tau between their measured medians."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from hwbench import spaces
from hwbench.arrays import Codes, FloatArray
from hwbench.data.table import Table
from hwbench.report.published.defects import touching
from hwbench.report.published.document import Grid, Section
from hwbench.report.published.pieces import Pieces, digest
from hwbench.report.published.progress import Progress, Tell
from hwbench.report.published.request import Request

__all__ = ["agreement", "correlations", "devices_section"]

_MEASURED: Final = ("latency_s", "energy_j")
_NAMES: Final = {"latency_s": "latency", "energy_j": "energy"}


def correlations(request: Request, pieces: Pieces, tell: Tell, /) -> dict[str, Any]:
    """Return, for each space, tau between devices and between metrics; each space is kept.

    Raises:
        MissingExtraError: If scipy is not installed.
    """
    told = Progress("devices", len(request.spaces), float(len(request.spaces)), tell)
    found = {}
    for space in request.spaces:
        paths = _paths(request, space)
        key = {name: digest(path) for name, path in paths.items()}
        value = pieces.get(f"devices/{space}", key)
        fresh = value is None
        if fresh:
            value = _of_space(space, request.devices, paths)
            pieces.put(f"devices/{space}", key, value)
        told(space, fresh=fresh)
        found[space] = value
    return found


def devices_section(found: Mapping[str, Any], /) -> Section:
    """Return the section on devices.

    Args:
        found: What `correlations` returned.
    """
    return Section(
        title="Correlation between devices",
        paper="Matrices of Kendall's tau between the metrics of all devices, per scale "
        "(plotting/plot_empirical_corr_matrix.py).",
        ours="Kendall's tau between measured medians, over the architectures that both devices "
        "have. On the diagonal: a device with itself, odd against even repeats (without the cold "
        "one), which bounds what agreement can show for noise from one repeat to the next; drift "
        "is not in it. CPU energy has no repeats.",
        differs="Fewer rows where files are absent; medians of repeats on all devices, where "
        "upstream's stored means mix units on CPUs.",
        grids=tuple(grid for space, own in found.items() for grid in _grids(space, own)),
        defects=touching("devices"),
    )


def agreement(first: tuple[Codes, FloatArray], second: tuple[Codes, FloatArray], /) -> float | None:
    """Return Kendall's tau over the architectures that two campaigns share; None if too few.

    Args:
        first: `n x n_choices` codes, each once, and `(n,)` values.
        second: The same of the other; in any order.
    """
    from hwbench.surrogates.scores import kendall

    place = {code.tobytes(): k for k, code in enumerate(first[0])}
    pairs = [(place[c.tobytes()], k) for k, c in enumerate(second[0]) if c.tobytes() in place]
    if len(pairs) < 2:
        return None
    rows = np.array(pairs)
    tau = kendall(first[1][rows[:, 0]], second[1][rows[:, 1]])
    return round(tau, 4) if np.isfinite(tau) else None


def _paths(request: Request, space: str) -> dict[str, Path]:
    """Name -> file of the tables that are compared: "latency_s.a100", "perplexity.any"."""
    found = {}
    for place in request.places:
        for path in sorted((request.tables_folder / space / place).glob("*.parquet")):
            metric = path.name.partition(".")[0]
            if metric in (*_MEASURED, "perplexity"):
                found[f"{metric}.{place}"] = path
    return found


def _of_space(space: str, devices: Sequence[str], paths: Mapping[str, Path]) -> dict[str, Any]:
    known, itself = {}, {}
    for name, path in paths.items():
        table = Table.load(path)
        known[name] = _medians(table)
        itself[name] = _itself(table)
    matrices = {}
    for metric in _MEASURED:
        there = [device for device in devices if f"{metric}.{device}" in known]
        own = [known[f"{metric}.{device}"] for device in there]
        matrix: list[list[float | None]] = [[None] * len(there) for _ in there]
        for i, left in enumerate(own):
            matrix[i][i] = itself[f"{metric}.{there[i]}"]
            for j in range(i):
                matrix[i][j] = matrix[j][i] = agreement(left, own[j])
        matrices[metric] = {"devices": there, "tau": matrix}
    return {"matrices": matrices, "metrics": _across(space, devices, known)}


def _across(
    space: str, devices: Sequence[str], known: Mapping[str, tuple[Codes, FloatArray]]
) -> dict[str, dict[str, float | None]]:
    """Return tau between metrics of one device, and with size and perplexity."""
    from hwbench.spaces import gpt_costs

    found: dict[str, dict[str, float | None]] = {}
    for device in devices:
        latency, energy = (known.get(f"{metric}.{device}") for metric in _MEASURED)
        if latency is None:
            continue
        size = (latency[0], gpt_costs.params(spaces.get(space), latency[0]).astype(np.float64))
        perplexity = known.get("perplexity.any")
        found[device] = {
            "latency, energy": agreement(latency, energy) if energy else None,
            "latency, parameters": agreement(latency, size),
            "energy, parameters": agreement(energy, size) if energy else None,
            "latency, 1/perplexity": agreement(latency, (perplexity[0], -perplexity[1]))
            if perplexity
            else None,
        }
    return found


def _medians(table: Table) -> tuple[Codes, FloatArray]:
    """Return the codes of a table, each once, and their medians."""
    y = table.center()
    good = np.flatnonzero(np.isfinite(y) & (y > 0))
    _, first = np.unique(table.codes[good], axis=0, return_index=True)
    rows = good[np.sort(first)]
    return table.codes[rows], y[rows]


def _itself(table: Table) -> float | None:
    from hwbench.surrogates.scores import noise_ceiling

    repeats = table.repeats[:, table.protocol.skip_first :]
    if repeats.shape[1] < 2:
        return None
    return round(noise_ceiling(repeats).kendall, 4)


def _grids(space: str, found: Mapping[str, Any]) -> Iterator[Grid]:
    for metric, matrix in found["matrices"].items():
        names = matrix["devices"]
        rows = tuple(
            (name, *(_text(tau) for tau in line))
            for name, line in zip(names, matrix["tau"], strict=True)
        )
        title = f"{space}: {_NAMES[metric]}, tau between devices{_short(names, matrix['tau'])}"
        yield Grid(title, ("device", *names), rows, shade=0.6)
    across = found["metrics"]
    heads = tuple(next(iter(across.values()), {}))
    lines = tuple((name, *(_text(tau) for tau in own.values())) for name, own in across.items())
    yield Grid(f"{space}: tau between metrics, device by device", ("device", *heads), lines)


def _short(names: Sequence[str], tau: Sequence[Sequence[float | None]]) -> str:
    """Say the median and the least agreement of two devices."""
    pairs = [(tau[i][j], i, j) for i in range(len(names)) for j in range(i)]
    known = sorted((value, i, j) for value, i, j in pairs if value is not None)
    if not known:
        return ""
    least, i, j = known[0]
    middle = statistics.median(value for value, _, _ in known)
    return f" (median {middle:.3f}; least {least:.3f}, {names[j]} and {names[i]})"


def _text(tau: float | None) -> str:
    return "-" if tau is None else f"{tau:.3f}"
