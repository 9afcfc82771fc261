"""The exact optimum or front of each problem of a study, worked out once and kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np

from hwbench.arrays import Codes
from hwbench.benchmark import Benchmark
from hwbench.errors import SchemaError
from hwbench.search import exact
from hwbench.search.problem import Problem, ProblemError
from hwbench.search.study import layout
from hwbench.search.study.plan import Posed

__all__ = ["Proof"]

_PATIENCE_S: Final = 120.0
"""For one proof; what is not proven by then is not used."""


@dataclass(frozen=True, eq=False)
class Proof:
    """What is known for certain about a problem.

    Attributes:
        codes: The optimum, or the front by ascending first objective, `n x n_choices`; empty if
            no architecture keeps the limits; None if nothing is proven.
        words: What is proven, or why nothing is.
    """

    codes: Codes | None
    words: str

    @classmethod
    def of(cls, bench: Benchmark, problem: Problem, /) -> Self:
        """Solve a problem of one or two objectives exactly, if that can be done."""
        width = problem.space.n_choices
        if len(problem.objectives) > 2:
            return cls(None, "exact fronts are for one or two objectives; none was asked for")
        try:
            if len(problem.objectives) == 2:
                front = exact.pareto(bench, problem, time_limit=_PATIENCE_S)
                proven = front.certificate.proven
                return cls(front.codes if proven else None, front.certificate.proof)
            best = exact.solve(bench, problem, time_limit=_PATIENCE_S)
        except (exact.NoCertificateError, ProblemError) as error:
            return cls(None, str(error))
        if not best.certificate.proven:
            return cls(None, best.certificate.proof)
        codes = best.code[None, :] if best.feasible else np.zeros((0, width), dtype=np.uint8)
        return cls(codes, best.certificate.proof)

    @classmethod
    def obtain(cls, out: Path, posed: Posed, bench: Benchmark, /) -> Self:
        """Return the proof of a problem of a study; works it out where the folder lacks it."""
        path = layout.proof_file(out, posed.label)
        if path.is_file():
            return cls.load(path, posed.problem)
        found = cls.of(bench, posed.problem)
        found.save(path, posed.problem)
        return found

    def save(self, path: Path, problem: Problem, /) -> None:
        """Write the proof, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        record = {
            "fingerprint": problem.fingerprint(),
            "words": self.words,
            "proven": self.codes is not None,
        }
        part = path.with_name(f"{path.stem}.part.npz")
        codes = np.zeros((0, 0), dtype=np.uint8) if self.codes is None else self.codes
        np.savez_compressed(part, codes=codes, record=np.array(json.dumps(record)))
        part.replace(path)

    @classmethod
    def load(cls, path: Path, problem: Problem, /) -> Self:
        """Read a proof.

        Raises:
            SchemaError: If it is about another problem.
        """
        with np.load(path, allow_pickle=False) as arrays:
            record = json.loads(str(arrays["record"]))
            codes = arrays["codes"]
        if record["fingerprint"] != problem.fingerprint():
            raise SchemaError(f"{path} is about another problem; remove it or name another folder")
        return cls(codes if record["proven"] else None, record["words"])
