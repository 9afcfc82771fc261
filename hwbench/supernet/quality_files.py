"""Evaluate many subnets of a run, and write what was found as files.

`evaluate_run` evaluates; `write_parquet` writes one file for people, `write_tables` what
`hwbench fit` reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwbench import __version__
from hwbench.data import Protocol, Table, table_path
from hwbench.data.files import atomic_path
from hwbench.data.text import Part
from hwbench.errors import require
from hwbench.spaces import Architecture, Space
from hwbench.supernet.evaluation import Quality, evaluate_many, plan
from hwbench.supernet.running import Precision
from hwbench.supernet.runs import SupernetRun

__all__ = ["Evaluated", "evaluate_run", "write_parquet", "write_tables"]

_METRICS = ("perplexity", "accuracy")


@dataclass(frozen=True)
class Evaluated:
    """Subnets and how good they are.

    Attributes:
        space: Their space.
        archs: The subnets.
        qualities: One each.
        params: Weights of each.
        context: Tokens a sequence.
        precision: Number format.
        about: What was evaluated on what, as JSON values.
    """

    space: Space
    archs: Sequence[Architecture]
    qualities: Sequence[Quality]
    params: Sequence[int]
    context: int
    precision: str
    about: Mapping[str, Any]

    def column(self, metric: str, /) -> list[float]:
        """Return one number of each quality."""
        return [float(getattr(q, metric)) for q in self.qualities]


def evaluate_run(
    run: SupernetRun,
    /,
    *,
    n: int,
    part: Part,
    rows: int,
    seed: int,
    journal: Path | None,
    batch_size: int | None = None,
    precision: Precision = "fp32",
    progress: Callable[[int, int], None] | None = None,
) -> Evaluated:
    """Evaluate many subnets of a trained supernet with the weights they inherit.

    Args:
        run: The supernet.
        n: How many subnets: the two ends, then distinct ones drawn per choice.
        part: Which text.
        rows: How many sequences of it.
        seed: Of the draws.
        journal: Where finished subnets are kept, so that the same call goes on where it stopped.
        batch_size: Sequences at once.
        precision: Number format.
        progress: Called with how many are done and how many there are.

    Raises:
        DataError: If the text is gone or has changed.
        SchemaError: If the journal belongs to other weights or another text.
    """
    context = run.card.training.context
    text = run.corpus().windows(part, context=context).rows(rows)
    archs = plan(run.space, n, seed=seed)
    qualities = evaluate_many(
        run.network,
        archs,
        text,
        journal=journal,
        subject=run.subject,
        batch_size=batch_size,
        precision=precision,
        progress=progress,
    )
    return Evaluated(
        space=run.space,
        archs=archs,
        qualities=qualities,
        params=[run.network.count(arch) for arch in archs],
        context=context,
        precision=precision,
        about={
            "run": str(run.folder),
            "checkpoint": run.subject,
            "part": part,
            "rows": len(text),
        },
    )


def write_parquet(found: Evaluated, path: Path, /) -> None:
    """Write one row a subnet: architecture, code, loss, perplexity, accuracy, tokens, params.

    Raises:
        MissingExtraError: If pyarrow is not installed.
    """
    pa = require("pyarrow", "fit")
    parquet = require("pyarrow.parquet", "fit")
    columns = {
        "architecture": pa.array([str(arch) for arch in found.archs], pa.string()),
        "code": pa.array(found.space.encode(found.archs).tolist(), pa.list_(pa.uint8())),
        "loss": pa.array(found.column("loss"), pa.float64()),
        "perplexity": pa.array(found.column("perplexity"), pa.float64()),
        "accuracy": pa.array(found.column("accuracy"), pa.float64()),
        "tokens": pa.array([q.tokens for q in found.qualities], pa.int64()),
        "params": pa.array(list(found.params), pa.int64()),
    }
    about = json.dumps({"space": found.space.name, "hwbench": __version__, **found.about})
    table = pa.table(columns).replace_schema_metadata({"hwbench.quality": about})
    with atomic_path(path) as draft:
        parquet.write_table(table, draft, compression="zstd")


def write_tables(found: Evaluated, folder: Path, /) -> list[Path]:
    """Write perplexity and accuracy as tables, which `hwbench fit` reads.

    Returns:
        The files.
    """
    n, paths = len(found.archs), []
    for metric in _METRICS:
        protocol = Protocol(
            name="inherited",
            batch_size=None,
            sequence_length=found.context,
            precision=found.precision,
            statistic=f"over {found.qualities[0].tokens} tokens of the {found.about['part']} part",
            unit="1",
            source="hwbench supernet evaluate",
            notes=("weights inherited from the supernet", str(found.about["checkpoint"])),
            network=found.space.network,
        )
        table = Table(
            space=found.space.name,
            device=None,
            metric=metric,
            protocol=protocol,
            codes=found.space.encode(found.archs),
            chunk=np.zeros(n, dtype=np.int32),
            position=np.arange(n, dtype=np.int32),
            repeats=np.array(found.column(metric))[:, None],
            source="hwbench supernet evaluate",
        )
        path = table_path(
            folder, space=found.space.name, device=None, metric=metric, protocol=protocol.name
        )
        table.save(path)
        paths.append(path)
    return paths
