"""What is to be recomputed, and from what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hwbench.data.folder import ANY_DEVICE
from hwbench.data.hwgptbench.layout import DEVICES, SCALES
from hwbench.errors import DataError, UnknownNameError

__all__ = ["QUICK_DEVICES", "TABLES", "Request"]

TABLES: Final = ("quality", "calibration", "devices", "hypervolume")
"""The tables there are, in the order of the page."""

QUICK_DEVICES: Final = ("h100", "p100", "cpu-xeon-silver")
"""Devices of a quick run."""


@dataclass(frozen=True)
class Request:
    """One comparison.

    Attributes:
        checkout: A clone of HW-GPT-Bench with its raw files.
        out: Folder for the tables, the pieces and the page.
        recipe: Which estimators compete for which metric (TOML).
        scales: Which of "s", "m", "l".
        tables: Which of `TABLES`.
        devices: Whose measurements are used.
        rivals: Estimators of the recipe that are scored beside ours.
        members: Of the ensemble whose calibration stands beside ours; 0 for none.
        seeds: Runs of each search method.
        budget: Distinct evaluations a run.
        jobs: Processes.
        absent: Ranges of files that are known to be absent, such as "7500_10000".
    """

    checkout: Path
    out: Path
    recipe: Path
    scales: tuple[str, ...] = tuple(SCALES)
    tables: tuple[str, ...] = TABLES
    devices: tuple[str, ...] = tuple(DEVICES)
    rivals: tuple[str, ...] = ("xgboost",)
    members: int = 5
    seeds: int = 3
    budget: int = 300
    jobs: int = 1
    absent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for kind, names, known in (
            ("scale", self.scales, SCALES),
            ("table", self.tables, TABLES),
            ("device", self.devices, DEVICES),
        ):
            _check(kind, names, known)
        if self.members == 1:
            raise DataError("an ensemble has 2 members or more; 0 leaves it out")

    @property
    def spaces(self) -> tuple[str, ...]:
        """The search spaces of the scales."""
        return tuple(f"gpt-{scale}" for scale in SCALES if scale in self.scales)

    @property
    def places(self) -> tuple[str, ...]:
        """What is imported: the devices, and what needs none."""
        return (*self.devices, ANY_DEVICE)

    @property
    def tables_folder(self) -> Path:
        """Where the imported tables lie."""
        return self.out / "tables"


def _check(kind: str, names: Iterable[str], known: Iterable[str]) -> None:
    there, asked = list(known), list(names)
    for name in asked:
        if name not in there:
            raise UnknownNameError.of(kind, name, there)
    if not asked or len(set(asked)) != len(asked):
        raise DataError(f"name one {kind} or more, each once; got {', '.join(asked) or 'none'}")
