"""Write what came out of a study as tables (CSV, and Parquet where pyarrow is there) and JSON."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from hwbench.search.study import layout
from hwbench.search.study.outcome import Outcome

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["write_results"]


def write_results(outcome: Outcome, out: str | Path, /) -> dict[str, object]:
    """Write `results`, `curves` and `summary.json` to the folder of a study.

    Returns:
        The summary.
    """
    folder = Path(out)
    results = outcome.results()
    _write(results, folder / layout.RESULTS)
    _write(outcome.curves(), folder / layout.CURVES)
    summary = outcome.summary(results)
    layout.write_json(folder / layout.SUMMARY, summary)
    return summary


def _write(table: pd.DataFrame, stem: Path) -> None:
    part = stem.with_suffix(".part")
    table.to_csv(part, index=False)
    part.replace(stem.with_suffix(".csv"))
    if find_spec("pyarrow") is not None:
        table.to_parquet(part, index=False)
        part.replace(stem.with_suffix(".parquet"))
