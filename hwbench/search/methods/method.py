"""What a search method is: it asks for architectures and is told what they are worth.

A method is a value of its settings, its generator and what it was told, so a run can be replayed.
It never evaluates anything itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Sequence
from typing import ClassVar, Final

import numpy as np

from hwbench.arrays import Codes, FloatArray
from hwbench.spaces import Space

__all__ = ["Method", "fill", "first_rows", "keys", "unseen"]

_TRIES: Final = 50


class Method(ABC):
    """A search method on one space; a subclass adds its settings as keywords with defaults.

    The constructor of every method takes `(space, n_objectives, *, rng, **settings)`: the space to
    search, the number of objectives, and the source of all its randomness.

    Attributes:
        label: How people know it.
        source: Where it is described.
        many: Whether it searches for a front; else it is for one objective, too.
    """

    label: ClassVar[str]
    source: ClassVar[str]

    space: Space
    n_objectives: int

    @property
    def fidelity(self) -> int | None:
        """Fidelity at which the codes of the last `ask` are to be evaluated; None: in full."""
        return None

    @property
    def needs_fidelity(self) -> bool:
        """Whether the method is about evaluators that can be asked at several fidelities."""
        return False

    @abstractmethod
    def ask(self, n: int, /) -> Codes:
        """Return what to evaluate next.

        Args:
            n: How many at most, at least 1.

        Returns:
            `k x n_choices` canonical codes of `space`, k <= n; empty if the method has nothing
            left to ask. Rows may repeat what was asked before.
        """

    @abstractmethod
    def tell(self, codes: Codes, objectives: FloatArray, violations: FloatArray, /) -> None:
        """Take the values of what was asked, in any number of rows.

        Args:
            codes: `k x n_choices` canonical codes.
            objectives: `k x m`, all minimised.
            violations: `(k,)`, 0 for feasible architectures.
        """


def keys(codes: Codes, /) -> list[bytes]:
    """Return the rows of `n x n_choices` codes as bytes, to look them up by."""
    whole = np.ascontiguousarray(codes)
    # Void, not "S", which drops zeros at the end.
    found: list[bytes] = whole.view(f"V{whole.shape[1]}").ravel().tolist()
    return found


def first_rows(asked: Sequence[bytes], known: Container[bytes], /) -> list[int]:
    """Return where each key that is not among `known` comes for the first time."""
    fresh: dict[bytes, int] = {}
    for row, key in enumerate(asked):
        if key not in known and key not in fresh:
            fresh[key] = row
    return list(fresh.values())


def unseen(codes: Codes, seen: Container[bytes], /) -> Codes:
    """Return the rows that are not in `seen`, each once, in their order."""
    return codes[first_rows(keys(codes), seen)]


def fill(space: Space, n: int, visited: set[bytes], rng: np.random.Generator) -> Codes:
    """Draw `n` random architectures, new ones as long as they can be found."""
    found = space.sample_codes(0, rng)
    for _ in range(_TRIES):
        if len(found) >= n:
            return found
        drawn = space.sample_codes(n - len(found), rng)
        found = unseen(np.concatenate([found, drawn]), visited)
    return np.concatenate([found, space.sample_codes(n - len(found), rng)])
