"""The report card of a bundle as Markdown: how good each cell is, and what limits it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hwbench.data.table import Protocol

__all__ = ["CardLine", "card_text", "markdown_table"]

_ACCURACY = (
    ("R2", "r2", 4),
    ("MAPE %", "mape", 2),
    ("tau", "kendall", 4),
    ("sparse tau", "sparse_kendall", 4),
    ("tau within embedding", "kendall_within_embedding", 4),
    ("tau, drift-free", "kendall_drift_free", 4),
)


@dataclass(frozen=True, eq=False)
class CardLine:
    """One cell on the card.

    Attributes:
        name: Name of the cell.
        protocol: How it was measured.
        figures: What `hwbench.surrogates.fitting.fit_cell` found.
    """

    name: str
    protocol: Protocol
    figures: Mapping[str, Any]


def card_text(name: str, lines: Sequence[CardLine], limits: Sequence[str], /) -> str:
    """Write the report card.

    Args:
        name: Name of the bundle.
        lines: The fitted cells.
        limits: What the bundle cannot tell.
    """
    parts = [
        f"# Report card of {name}",
        "All figures are of rows the scored surrogate had not seen.",
        "## Accuracy, split by architecture (one fifth held out)",
        _accuracy(lines),
        "## Rivals on the same split: Kendall tau",
        _rivals(lines, "architectures"),
        "## Split by time (the last visit to the machine held out): Kendall tau",
        _rivals([line for line in lines if "time" in line.figures], "time"),
        "## Intervals: observed coverage in per cent",
        _coverage(lines),
        "## What limits a cell",
        _limits(lines),
        "## How it was measured",
        _protocols(lines),
        "## What it cannot tell",
        "\n".join(f"- {limit}" for limit in limits) or "- nothing is said",
    ]
    return "\n\n".join(parts) + "\n"


def _accuracy(lines: Sequence[CardLine]) -> str:
    head = ["cell", "n", "surrogate", *(title for title, _, _ in _ACCURACY)]
    rows = []
    for line in lines:
        scores = line.figures["architectures"][line.figures["chosen"]]
        values = [
            _number(scores.get(key), digits, percent=key == "mape") for _, key, digits in _ACCURACY
        ]
        rows.append([line.name, str(line.figures["n"]), line.figures["chosen"], *values])
    return markdown_table(head, rows)


def _rivals(lines: Sequence[CardLine], split: str) -> str:
    names = list(
        dict.fromkeys(
            name for line in lines for name in line.figures[split] if name != "calibration"
        )
    )
    rows = [
        [line.name, *(_number(line.figures[split].get(n, {}).get("kendall"), 4) for n in names)]
        for line in lines
    ]
    return markdown_table(["cell", *names], rows)


def _coverage(lines: Sequence[CardLine]) -> str:
    levels = (50, 80, 90, 95)
    head = [
        "cell",
        *(f"{level} %" for level in levels),
        "miscalibration area",
        "CRPS",
        "90 %, visit left out",
    ]
    rows = []
    for line in lines:
        known = line.figures["calibration"]
        later = line.figures.get("time", {}).get("calibration", {})
        rows.append(
            [
                line.name,
                *(_number(known[f"coverage_{level}"], 1, percent=True) for level in levels),
                _number(known["miscalibration_area"], 4),
                f"{known['crps']:.3g}",
                _number(later.get("coverage_90"), 1, percent=True),
            ]
        )
    return markdown_table(head, rows)


def _limits(lines: Sequence[CardLine]) -> str:
    keys = (
        ("error sd %", "error_sd", True),
        ("drift sd %", "drift_sd", True),
        ("unexplained sd %", "unexplained_sd", True),
        ("lag-1 autocorrelation", "lag1_autocorrelation", False),
        ("split-half tau", "split_half_kendall", False),
        ("tau if perfect", "kendall_if_perfect", False),
        ("the same, drift-free", "kendall_if_perfect_drift_free", False),
    )
    rows = [
        [
            line.name,
            *(
                _number(line.figures["limits"].get(key), 2 if percent else 4, percent=percent)
                for _, key, percent in keys
            ),
            _number(line.figures["parts"]["model"], 3, percent=True),
        ]
        for line in lines
    ]
    return markdown_table(["cell", *(title for title, _, _ in keys), "model error %"], rows)


def _protocols(lines: Sequence[CardLine]) -> str:
    rows = [
        [
            line.name,
            line.protocol.name,
            "-" if line.protocol.batch_size is None else str(line.protocol.batch_size),
            str(line.protocol.sequence_length),
            line.protocol.precision,
            line.protocol.network,
            line.protocol.statistic,
        ]
        for line in lines
    ]
    head = ["cell", "protocol", "batch", "length", "precision", "network", "what is measured"]
    return markdown_table(head, rows)


def _number(value: float | None, digits: int, *, percent: bool = False) -> str:
    if value is None:
        return "-"
    return f"{value * 100 if percent else value:.{digits}f}"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]], /) -> str:
    """Write a table in Markdown; bars and line breaks in cells are harmless."""
    lines = [head, ["---"] * len(head), *([_cell(text) for text in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
