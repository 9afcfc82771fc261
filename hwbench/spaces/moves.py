"""Move through a space: random codes, neighbours, mutation, crossover.

All of them return canonical codes.
"""

from __future__ import annotations

import itertools
from typing import Literal

import numpy as np

from hwbench.arrays import Codes, IntArray
from hwbench.spaces.counting import sizes_by_depth
from hwbench.spaces.layout import Layout

__all__ = ["Uniform", "crossover", "mutate", "neighbours", "random_codes"]

Uniform = Literal["choices", "architectures"]
"""What random codes are uniform over."""


def random_codes(layout: Layout, n: int, rng: np.random.Generator, /, *, uniform: Uniform) -> Codes:
    """Draw `n x n_choices` codes. See `Space.sample_codes`."""
    codes = _uniform(layout, n, rng)
    if uniform == "architectures" and layout.depth_column is not None:
        sizes = sizes_by_depth(layout)
        total = sum(sizes)
        chances = np.array([size / total for size in sizes])
        depths = rng.choice(len(sizes), size=n, p=chances / chances.sum())
        codes[:, layout.depth_column] = depths
    layout.clear(codes)
    return codes


def neighbours(layout: Layout, code: Codes, /) -> Codes:
    """Return the neighbours of one canonical code. See `Space.neighbours`."""
    found = [_replaced(layout, code)]
    column = layout.depth_column
    if column is not None:
        depth = int(code[column])
        if depth > 0:
            found.append(_shallower(layout, code, depth - 1))
        if depth + 1 < len(layout.depth_values):
            found.append(_deeper(layout, code, depth + 1))
    return np.concatenate(found)


def mutate(
    layout: Layout, codes: IntArray, rng: np.random.Generator, /, *, rate: float | None
) -> Codes:
    """Change each active choice of `n x n_choices` codes at random. See `Space.mutate`."""
    active = layout.rows(codes)
    chance = 1.0 / active.sum(axis=1, keepdims=True) if rate is None else rate
    changed = np.where(active, codes, _uniform(layout, len(codes), rng)).astype(np.uint8)
    part = rng.random(codes.shape)
    rows, columns = np.nonzero(rng.random(codes.shape) < chance)
    cardinality = layout.cardinalities[columns]
    others = np.maximum(cardinality - 1, 1)
    step = 1 + (part[rows, columns] * others).astype(np.int64)  # 1 to cardinality - 1
    changed[rows, columns] = (changed[rows, columns] + step) % cardinality
    layout.clear(changed)
    return changed


def crossover(layout: Layout, a: IntArray, b: IntArray, rng: np.random.Generator, /) -> Codes:
    """Take each choice from either parent. See `Space.crossover`."""
    from_a = rng.random(a.shape) < 0.5
    from_a = (from_a | ~layout.rows(b)) & layout.rows(a)
    return layout.canonical(np.where(from_a, a, b))


def _uniform(layout: Layout, n: int, rng: np.random.Generator) -> Codes:
    codes = np.empty((n, len(layout.columns)), dtype=np.uint8)
    start = 0
    # Runs of equal cardinality are drawn together: one bound is several times faster than an array
    # of bounds.
    for count, run in itertools.groupby(layout.cardinalities.tolist()):
        stop = start + len(list(run))
        codes[:, start:stop] = rng.integers(count, size=(n, stop - start), dtype=np.uint8)
        start = stop
    return codes


def _replaced(layout: Layout, code: Codes) -> Codes:
    columns, values = [], []
    for column in np.flatnonzero(layout.rows(code)):
        if column == layout.depth_column:
            continue
        others = [v for v in range(int(layout.cardinalities[column])) if v != code[column]]
        columns += [column] * len(others)
        values += others
    rows = np.repeat(code[None], len(columns), axis=0)
    rows[np.arange(len(columns)), columns] = values
    return rows


def _shallower(layout: Layout, code: Codes, depth: int) -> Codes:
    row = code.copy()
    row[layout.depth_column] = depth
    return layout.canonical(row)[None]


def _deeper(layout: Layout, code: Codes, depth: int) -> Codes:
    new = layout.active[depth] & ~layout.rows(code)
    blocks = range((len(layout.columns) - layout.n_shared) // max(layout.max_depth, 1))
    counts = [int(layout.cardinalities[layout.block(i).start]) for i in blocks]
    combinations = list(itertools.product(*map(range, counts)))
    rows = np.repeat(code[None], len(combinations), axis=0)
    rows[:, layout.depth_column] = depth
    for i in blocks:
        columns = layout.block(i).start + np.flatnonzero(new[layout.block(i)])
        rows[:, columns] = np.array([combination[i] for combination in combinations])[:, None]
    return rows
