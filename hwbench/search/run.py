"""What a search found: every evaluation in its order, so that any indicator can be had later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from hwbench.arrays import Codes, FloatArray, Int64Array
from hwbench.errors import SchemaError
from hwbench.search.dominance import non_dominated
from hwbench.search.methods.registry import Setting
from hwbench.search.problem import Problem
from hwbench.spaces import Space

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ARRAYS", "RECORD", "SCHEMA", "Run"]

SCHEMA: Final = 1
RECORD: Final = "run.json"
ARRAYS: Final = "evaluations.npz"


@dataclass(frozen=True, eq=False)
class Run:
    """A finished search.

    Attributes:
        problem: What was searched for.
        evaluator: What the evaluations depend on, such as the digest of the bundle.
        method: Name of the method.
        settings: All its settings.
        seed: Of all randomness.
        budget: Evaluations in full that were allowed.
        calls: Evaluations that were asked for, repeated ones included.
        stopped: Why it ended: "budget", "space" (everything is evaluated) or "exhausted" (the
            method found nothing new).
        codes: `n x n_choices` canonical codes of the whole space, in the order of evaluation.
        objectives: `n x m`, minimised.
        violations: `(n,)`.
        values: Name -> `(n,)` in SI units.
        fidelity: `(n,)` fidelity of each evaluation; 0: in full.
    """

    problem: Problem
    evaluator: Mapping[str, object]
    method: str
    settings: Mapping[str, Setting]
    seed: int
    budget: int
    calls: int
    stopped: str
    codes: Codes
    objectives: FloatArray
    violations: FloatArray
    values: Mapping[str, FloatArray]
    fidelity: Int64Array

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def full(self) -> Int64Array:
        """Numbers of the evaluations at the greatest fidelity, `(k,)`."""
        return np.flatnonzero(self.fidelity == self.fidelity.max(initial=0))

    def front(self) -> Int64Array:
        """Return the numbers of the feasible evaluations in full that nothing dominates.

        Sorted by the first objective; of equal networks each occurs once. Empty if nothing
        feasible was found.
        """
        found = self.full[self.violations[self.full] <= 0.0]
        best = found[non_dominated(self.objectives[found])]
        return best[np.lexsort(self.objectives[best].T[::-1])]

    def closest(self) -> int:
        """Return the number of the evaluation with the least violation, the best of equal ones.

        Raises:
            SchemaError: If the run is empty.
        """
        if not len(self):
            raise SchemaError("the run holds no evaluation")
        keys = (*self.objectives[self.full].T[::-1], self.violations[self.full])
        return int(self.full[np.lexsort(keys)[0]])

    def identity(self) -> dict[str, object]:
        """Return what the run is a function of, but for the budget, as JSON values."""
        return identity(self.problem, self.evaluator, self.method, self.settings, self.seed)

    def to_frame(self) -> pd.DataFrame:
        """Return one row an evaluation: architecture, values, violation, whether on the front."""
        import pandas as pd

        archs = [str(arch) for arch in self.problem.space.decode(self.codes)]
        front = np.zeros(len(self), dtype=bool)
        front[self.front()] = True
        columns: dict[str, object] = {"evaluation": np.arange(len(self)), "architecture": archs}
        columns |= dict(self.values)
        columns |= {"violation": self.violations, "fidelity": self.fidelity, "front": front}
        return pd.DataFrame(columns)

    def save(self, folder: str | Path, /) -> None:
        """Write the run to a folder: `run.json` and `evaluations.npz`."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        arrays = {f"value.{name}": value for name, value in self.values.items()}
        part = target / "evaluations.part.npz"
        np.savez_compressed(
            part,
            codes=self.codes,
            objectives=self.objectives,
            violations=self.violations,
            fidelity=self.fidelity,
            allow_pickle=False,
            **arrays,
        )
        part.replace(target / ARRAYS)
        outcome = {"budget": self.budget, "calls": self.calls, "stopped": self.stopped}
        write_record(target, self.identity(), outcome)

    @classmethod
    def load(cls, folder: str | Path, /, *, space: Space | None = None) -> Self:
        """Read a finished run.

        Args:
            folder: Where it was saved.
            space: Its space, if that is not one of the registry.

        Raises:
            SchemaError: If there is no finished run, or of another schema version.
        """
        source = Path(folder)
        record = read_record(source)
        if record is None or record.get("outcome") is None or not (source / ARRAYS).is_file():
            raise SchemaError(f"{source} holds no finished run")
        what, outcome = record["identity"], record["outcome"]
        assert isinstance(what, dict)
        assert isinstance(outcome, dict)
        with np.load(source / ARRAYS, allow_pickle=False) as arrays:
            prefix = "value."
            return cls(
                problem=Problem.from_dict(what["problem"], space=space),
                evaluator=what["evaluator"],
                method=what["method"],
                settings=what["settings"],
                seed=what["seed"],
                budget=outcome["budget"],
                calls=outcome["calls"],
                stopped=outcome["stopped"],
                codes=arrays["codes"],
                objectives=arrays["objectives"],
                violations=arrays["violations"],
                values={n[len(prefix) :]: arrays[n] for n in arrays if n.startswith(prefix)},
                fidelity=arrays["fidelity"],
            )


def identity(
    problem: Problem,
    evaluator: Mapping[str, object],
    method: str,
    settings: Mapping[str, Setting],
    seed: int,
    /,
) -> dict[str, object]:
    """Return what a run is a function of, but for the budget, as JSON values."""
    return {
        "evaluator": dict(evaluator),
        "problem": problem.to_dict(),
        "fingerprint": problem.fingerprint(),
        "method": method,
        "settings": dict(settings),
        "seed": seed,
    }


def write_record(
    folder: Path, what: Mapping[str, object], outcome: Mapping[str, object] | None, /
) -> None:
    """Write `run.json`, whole or not at all."""
    text = json.dumps({"schema": SCHEMA, "identity": what, "outcome": outcome}, indent=1)
    part = folder / f"{RECORD}.part"
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(folder / RECORD)


def read_record(folder: Path, /) -> dict[str, object] | None:
    """Read `run.json`; None if there is none.

    Raises:
        SchemaError: If it is something else, or of another schema version.
    """
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SchemaError(f"{path} is no JSON: {error}") from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA or "identity" not in record:
        raise SchemaError(f"{path} is no record of a run of schema {SCHEMA}")
    return record
