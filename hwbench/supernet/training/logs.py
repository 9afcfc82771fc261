"""The logs of a training run: CSV files that grow by a row, and TensorBoard where it is installed.

`log.csv` has a row each `log_every` steps, `validation.csv` one each time the validation loss was
looked at. After a resumption the rows beyond the checkpoint are dropped, so that the files read as
those of a run that was never broken.
"""

from __future__ import annotations

import csv
import importlib.util
import io
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from hwbench.data.files import write_text
from hwbench.errors import SchemaError

__all__ = ["LOG", "VALIDATION", "Logs", "read_log"]

LOG: Final = "log.csv"
VALIDATION: Final = "validation.csv"
_COLUMNS: Final = {
    LOG: (
        "step",
        "loss",
        "architecture_loss",
        "learning_rate",
        "passes",
        "tokens",
        "tokens_per_s",
        "seconds",
    ),
    VALIDATION: ("step", "name", "architecture", "loss", "perplexity", "accuracy"),
}


class Logs:
    """Writes the logs of one run.

    Args:
        folder: Folder of the run.
        after: Step of the checkpoint that training goes on from; rows beyond are dropped.
        tensorboard: Whether to write events for TensorBoard, too, if it is installed.
        off: Write nothing at all: for all processes but the first.
    """

    def __init__(
        self, folder: Path, *, after: int, tensorboard: bool = True, off: bool = False
    ) -> None:
        self._folder, self._off = folder, off
        self._writer: Any = None
        if off:
            return
        for name, columns in _COLUMNS.items():
            _drop_after(folder / name, columns, after)
        if tensorboard and importlib.util.find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=after + 1)

    def add(self, name: str, row: Mapping[str, object], /) -> None:
        """Append a row to `log.csv` or `validation.csv`; columns that are absent stay empty."""
        if self._off:
            return
        with (self._folder / name).open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, _COLUMNS[name], lineterminator="\n").writerow(dict(row))
        if self._writer is not None:
            kind = f"{row.get('name', 'train')}"
            for key in ("loss", "architecture_loss", "learning_rate", "perplexity"):
                value = row.get(key)
                if isinstance(value, float):
                    self._writer.add_scalar(f"{kind}/{key}", value, row["step"])

    def __enter__(self) -> Logs:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.close()


def read_log(path: Path, /) -> list[dict[str, str]]:
    """Read a log as dicts of text, one a row; a row that was cut short is left out."""
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if None not in row.values()]


def _drop_after(path: Path, columns: tuple[str, ...], step: int) -> None:
    rows = read_log(path) if path.is_file() else []
    if rows and tuple(rows[0]) != columns:
        raise SchemaError(f"{path}: not a log of this version; train into another folder")
    kept = [row for row in rows if row["step"].isdecimal() and int(row["step"]) <= step]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(kept)
    write_text(path, text.getvalue())
