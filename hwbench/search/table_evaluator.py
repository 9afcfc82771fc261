"""Search measurements themselves, not what a surrogate makes of them.

`TableEvaluator` knows the architectures of its tables and no others. `Among` lets any method search
a few architectures of a large space: what is asked for is moved to the nearest of them. With both,
a search on a table and one on a surrogate compare (NAS-Bench-301, section 5).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, final

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import BoolArray, Codes, FloatArray, Int64Array
from hwbench.errors import DataError, ShapeError, SpaceError
from hwbench.search.evaluator import Evaluation, Evaluator, objective_columns
from hwbench.search.methods.method import keys
from hwbench.search.problem import Problem, ProblemError, column_name

if TYPE_CHECKING:
    from hwbench.data.table import Table

__all__ = ["Among", "TableEvaluator"]

_ROWS: Final = 64


@final
class TableEvaluator(Evaluator):
    """Answers with the median of the measured repeats.

    Args:
        tables: Those of the problem's metrics and devices; others play no part.
        problem: The problem. A limit may have a margin, but no confidence: a table knows no
            distribution of architectures that were not measured.

    Raises:
        DataError: If a metric has no table or several, or no architecture is in all of them.
        ProblemError: If a table is about another space, or a limit has a confidence.
    """

    def __init__(self, tables: Sequence[Table], problem: Problem, /) -> None:
        if any(limit.confidence is not None for limit in problem.limits):
            raise ProblemError("a table holds no limit at a confidence; use a margin")
        self._problem: Final = problem
        self._names: Final = tuple(column_name(*column) for column in problem.columns)
        found = [_table(tables, metric, device) for metric, device in problem.columns]
        for table in found:
            if table.space != problem.space.name:
                raise ProblemError(f"a table is about {table.space}, not {problem.space.name}")
        rows = [_first_rows(table) for table in found]
        common = sorted(set(rows[0]).intersection(*rows[1:]))
        if not common:
            raise DataError("no architecture is in all tables")
        places = [np.array([own[key] for key in common]) for own in rows]
        columns = [t.center()[place] for t, place in zip(found, places, strict=True)]
        values = np.stack(columns, axis=1)
        known = np.isfinite(values).all(axis=1)
        self._values: Final = values[known]
        self.codes: Final[Codes] = found[0].codes[places[0]][known]
        self._row: Final = {key: row for row, key in enumerate(keys(self.codes))}
        self._sources: Final = tuple(table.source for table in found)

    @property
    def problem(self) -> Problem:
        """The problem."""
        return self._problem

    @property
    def identity(self) -> Mapping[str, object]:
        """Where the tables come from, and a digest of what they hold."""
        digest = hashlib.sha256(self.codes.tobytes() + self._values.tobytes()).hexdigest()
        return {"tables": list(self._sources), "architectures": len(self.codes), "sha256": digest}

    def evaluate(
        self, codes: ArrayLike, /, *, fidelity: int | None = None, seed: int = 0
    ) -> Evaluation:
        """See `Evaluator.evaluate`; raises `SpaceError` for what was not measured."""
        if fidelity is not None:
            raise ProblemError("a table has one fidelity")
        checked = self.space.canonical(codes)
        if checked.ndim != 2:
            raise ShapeError(f"codes need shape (n, {self.space.n_choices}), got {checked.shape}")
        asked = keys(checked)
        missing = [row for row, key in enumerate(asked) if key not in self._row]
        if missing:
            arch = self.space.decode(checked[missing[:1]])[0]
            raise SpaceError(f"row {missing[0]} is not in the tables: {arch}")
        found = self._values[[self._row[key] for key in asked]]
        values = {name: found[:, k] for k, name in enumerate(self._names)}
        return Evaluation(
            objective_columns(self._problem.objectives, values),
            self.broken(checked, values).sum(axis=1),
            values,
        )


@final
class Among(Evaluator):
    """Another evaluator, for some architectures only.

    Args:
        evaluator: Who answers.
        codes: `n x n_choices` codes of its space; those that do not fit the fixed choices of the
            problem play no part.

    Raises:
        ProblemError: If no architecture is left.
    """

    def __init__(self, evaluator: Evaluator, codes: ArrayLike, /) -> None:
        space, problem = evaluator.space, evaluator.problem
        kept = np.unique(space.canonical(codes), axis=0)
        for name, values in problem.fixed.items():
            given = space.values(kept, name)
            fits: BoolArray = np.isin(given, values)
            if given.ndim == 2:  # absent layers fit
                block = space.layout.block([c.name for c in space.layered].index(name))
                fits = np.asarray((fits | ~space.active(kept)[:, block]).all(axis=1))
            kept = kept[fits]
        if not len(kept):
            raise ProblemError("no architecture fits the fixed choices")
        self._inner: Final = evaluator
        self.codes: Final[Codes] = kept

    @property
    def problem(self) -> Problem:
        """The problem."""
        return self._inner.problem

    @property
    def identity(self) -> Mapping[str, object]:
        """That of the other evaluator, and a digest of the architectures."""
        digest = hashlib.sha256(self.codes.tobytes()).hexdigest()
        return {**self._inner.identity, "among": digest}

    @property
    def most(self) -> int | None:
        """The greatest fidelity of the other evaluator."""
        return self._inner.most

    @property
    def size(self) -> int:
        """How many architectures there are."""
        return len(self.codes)

    def nearest(self, codes: Codes, /) -> Codes:
        """Return the architectures that differ in the fewest choices; of equal ones the first."""
        found = [self._nearest(codes[i : i + _ROWS]) for i in range(0, len(codes), _ROWS)]
        near: Codes = self.codes[np.concatenate([np.zeros(0, dtype=np.int64), *found])]
        return near

    def _nearest(self, codes: Codes) -> Int64Array:
        active = self.space.active(self.codes)
        differ = np.zeros((len(codes), len(self.codes)), dtype=np.int16)
        for column in range(codes.shape[1]):
            mine = np.where(active[:, column], self.codes[:, column], 255)
            asked = np.where(self.space.active(codes)[:, column], codes[:, column], 255)
            differ += asked[:, None] != mine
        rows: Int64Array = np.argmin(differ, axis=1).astype(np.int64)
        return rows

    def evaluate(
        self, codes: ArrayLike, /, *, fidelity: int | None = None, seed: int = 0
    ) -> Evaluation:
        """Ask the other evaluator."""
        return self._inner.evaluate(codes, fidelity=fidelity, seed=seed)

    def broken(self, codes: Codes, values: Mapping[str, FloatArray], /) -> FloatArray:
        """Ask the other evaluator."""
        return self._inner.broken(codes, values)


def _table(tables: Sequence[Table], metric: str, device: str | None) -> Table:
    found = [table for table in tables if (table.metric, table.device) == (metric, device)]
    if len(found) != 1:
        known = sorted({column_name(table.metric, table.device) for table in tables})
        raise DataError(
            f"needs one table of {column_name(metric, device)}, got {len(found)}; "
            f"there are {', '.join(known)}"
        )
    return found[0]


def _first_rows(table: Table) -> dict[bytes, int]:
    rows: dict[bytes, int] = {}
    for row, key in enumerate(keys(table.codes)):
        rows.setdefault(key, row)
    return rows
