"""Answers as a pandas table; imported only when somebody asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hwbench import metrics
from hwbench.benchmark.planning import keys

if TYPE_CHECKING:
    from hwbench.arrays import Codes, FloatArray, Int64Array
    from hwbench.benchmark.engine import Engine, Plan
    from hwbench.surrogates.uncertainty import Noise

__all__ = ["frame"]


def frame(
    engine: Engine,
    codes: Codes,
    plan: Plan,
    /,
    *,
    noise: Noise | None,
    rng: np.random.Generator | None,
) -> pd.DataFrame:
    """Answer a plan for many codes; see `Benchmark.query_many`."""
    bundle = engine.bundle
    cells = [engine.cells[number] for number in plan.cells]
    values = engine.columns(codes, plan.cells)  # (n, n_cells)
    devices: list[str | None] = [device for device, _ in plan.devices] or [None]
    texts = [str(arch) for arch in bundle.space.decode(codes)]
    table: dict[str, object] = {
        "architecture": np.repeat(np.array(texts, dtype=object), len(devices)),
        "device": np.tile(np.array(devices, dtype=object), len(codes)),
    }
    blocks: dict[str, FloatArray] = {}
    for column, (number, cell) in enumerate(zip(plan.cells, cells, strict=True)):
        answers = _answers(engine, codes, number, values[:, column], plan, noise, rng)
        names = keys(cell.metric, bounds=plan.level is not None)
        held = [cell.devices is None or device in cell.devices for device in devices]
        for name, numbers in zip(names, answers, strict=True):
            block = blocks.setdefault(name, np.full((len(codes), len(devices)), np.nan))
            block[:, held] = numbers[:, None]
    order = [key for key in _in_order(plan) if key in blocks]
    return pd.DataFrame(table | {name: _counted(name, blocks[name].ravel()) for name in order})


def _answers(
    engine: Engine,
    codes: Codes,
    number: int,
    values: FloatArray,
    plan: Plan,
    noise: Noise | None,
    rng: np.random.Generator | None,
) -> list[FloatArray]:
    drawn = 1.0 if noise is None else engine.draw(number, len(values), noise=noise, rng=rng)
    answers = [engine.within(number, values * drawn)]
    if plan.level is not None:
        answers += engine.bounds(codes, number, values, level=plan.level, visit=plan.visit)
    return answers


def _counted(key: str, values: FloatArray) -> FloatArray | Int64Array:
    """Return counts, and limits of counts, as integers."""
    metric = key.removesuffix("_lower").removesuffix("_upper")
    whole = metrics.get(metric).whole and bool((values == np.round(values)).all())
    return values.astype(np.int64) if whole else values


def _in_order(plan: Plan) -> dict[str, None]:
    """Name the columns as answers do: metrics of devices first, then the common ones."""
    own = [name for _, names in plan.devices for name in names]
    return dict.fromkeys([*own, *plan.common])
