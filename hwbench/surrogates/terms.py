"""Building blocks of layer-wise surrogates: linear features of codes that expand into tables.

A term turns shared combinations `c` and layer combinations `p` (see
`hwbench.surrogates.layerwise_predictor.layer_index`) into feature columns, and fitted coefficients
of these columns into entries of `Tables`. Both are the same function: the sum of table entries of a
network equals its features times the coefficients.

Choices are coded by orthonormal polynomial contrasts (constant part left out), so that main
effects, interactions and depth profiles are separate columns, and an absent layer has none.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import reduce
from typing import final

import numpy as np

from hwbench.arrays import FloatArray, Int64Array
from hwbench.spaces import Space
from hwbench.surrogates.layerwise_predictor import n_combinations

__all__ = [
    "LayerTerm",
    "PairTerm",
    "SharedTerm",
    "Tables",
    "Term",
    "contrasts",
    "cosines",
    "layer_contrasts",
    "shared_contrasts",
    "shared_indicator",
]


def contrasts(n: int, /) -> FloatArray:
    """Return orthonormal polynomial contrasts, `n x (n - 1)`: columns sum to 0.

    >>> contrasts(2).round(4).tolist()
    [[-0.7071], [0.7071]]
    """
    powers = np.vander(np.arange(n, dtype=np.float64), increasing=True)
    q, r = np.linalg.qr(powers)
    return np.asarray((q * np.sign(np.diag(r)))[:, 1:], dtype=np.float64)


def cosines(length: int, n: int, /) -> FloatArray:
    """Return the first `n` cosine profiles over `length` layers, `length x n`; the first is 1."""
    place = (np.arange(length) + 0.5) / length
    return np.cos(np.pi * place[:, None] * np.arange(n))


def _grid(sizes: tuple[int, ...]) -> Int64Array:
    """Return all index combinations, first slowest: `prod(sizes) x len(sizes)`."""
    return np.stack(np.unravel_index(np.arange(int(np.prod(sizes))), sizes), axis=1)


def layer_contrasts(space: Space, /) -> tuple[FloatArray, FloatArray]:
    """Return main effects and interactions of one layer's choices.

    Returns:
        `(P + 1) x q` main effects, and `(P + 1) x r` products over all sets of two or more choices;
        the last row, for an absent layer, is 0.
    """
    sizes = tuple(len(choice) for choice in space.layered)
    index = _grid(sizes)
    single = [contrasts(n)[index[:, i]] for i, n in enumerate(sizes)]
    main = np.concatenate(single, axis=1)
    products = [np.zeros((len(index), 0))]
    for members in range(1, 2 ** len(sizes)):
        chosen = [single[i] for i in range(len(sizes)) if members >> i & 1]
        if len(chosen) > 1:
            products.append(reduce(_product, chosen))
    return _with_absent(main), _with_absent(np.concatenate(products, axis=1))


def _product(a: FloatArray, b: FloatArray) -> FloatArray:
    return (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)


def _with_absent(table: FloatArray) -> FloatArray:
    return np.concatenate([table, np.zeros((1, table.shape[1]))])


def shared_contrasts(space: Space, name: str, /) -> FloatArray:
    """Return the contrasts of one shared choice for every shared combination, `C x (n - 1)`."""
    sizes = tuple(len(choice) for choice in space.shared)
    number = [choice.name for choice in space.shared].index(name)
    return contrasts(sizes[number])[_grid(sizes)[:, number]]


def shared_indicator(space: Space, name: str, /) -> FloatArray:
    """Return zeros and ones saying which value of a shared choice a combination has, `C x n`."""
    sizes = tuple(len(choice) for choice in space.shared)
    number = [choice.name for choice in space.shared].index(name)
    return np.eye(sizes[number])[_grid(sizes)[:, number]]


@dataclass(eq=False)
class Tables:
    """Tables under construction; shapes as in `LayerwisePredictor`, pair tables per combination."""

    base: FloatArray
    unary: FloatArray
    pairs: dict[tuple[int, int], FloatArray]
    """Layers (i, j) with i < j -> `C x (P + 1) x (P + 1)`."""

    @classmethod
    def empty(cls, space: Space, /) -> "Tables":
        """Return tables of zeros without pairs."""
        combos, choices = n_combinations(space)
        return cls(np.zeros(combos), np.zeros((combos, space.max_depth, choices + 1)), {})


class Term(ABC):
    """A group of feature columns that share one prior variance."""

    name: str

    @abstractmethod
    def features(self, c: Int64Array, p: Int64Array, /) -> FloatArray:
        """Return `n x k` columns for `(n,)` shared and `n x L` layer combinations."""

    @abstractmethod
    def expand(self, coefficients: FloatArray, tables: Tables, /) -> None:
        """Add `(k,)` fitted coefficients to `tables`."""


@final
@dataclass(frozen=True, eq=False)
class SharedTerm(Term):
    """Effects of the shared choices alone: column j of `shared` (`C x k`)."""

    name: str
    shared: FloatArray

    def features(self, c: Int64Array, p: Int64Array, /) -> FloatArray:
        """Return `n x k` columns; see `Term.features`."""
        return self.shared[c]

    def expand(self, coefficients: FloatArray, tables: Tables, /) -> None:
        """Add to `tables.base`."""
        tables.base += self.shared @ coefficients


@final
@dataclass(frozen=True, eq=False)
class LayerTerm(Term):
    """Sum over layers of (depth profile) x (layer contrast) x (shared modulation).

    Attributes:
        name: For reports.
        profile: `L x m` profiles over depth; None: one free effect per layer (m = L).
        layer: `(P + 1) x q` contrasts of a layer's choices.
        shared: `C x r` modulation by the shared choices.
    """

    name: str
    profile: FloatArray | None
    layer: FloatArray
    shared: FloatArray

    def features(self, c: Int64Array, p: Int64Array, /) -> FloatArray:
        """Return `n x (m q r)` columns; see `Term.features`."""
        effects = self.layer[p]  # (n, L, q)
        if self.profile is not None:
            effects = np.einsum("nlq,lm->nmq", effects, self.profile)  # (n, m, q)
        flat = effects.reshape(len(p), -1)  # (n, m q)
        return _product(flat, self.shared[c])

    def expand(self, coefficients: FloatArray, tables: Tables, /) -> None:
        """Add to `tables.unary`."""
        n_layers, q, r = tables.unary.shape[1], self.layer.shape[1], self.shared.shape[1]
        profile = np.eye(n_layers) if self.profile is None else self.profile
        weights = coefficients.reshape(profile.shape[1], q, r)
        tables.unary += np.einsum(
            "mqr,lm,pq,cr->clp", weights, profile, self.layer, self.shared, optimize=True
        )


@final
@dataclass(frozen=True, eq=False)
class PairTerm(Term):
    """Products of two layers' contrasts, for the given pairs of layers.

    Attributes:
        name: For reports.
        pairs: `K x 2` layers i < j.
        pooled: One effect for all pairs (True), or a free one for each.
        layer: `(P + 1) x q` contrasts of a layer's choices.
        shared: `(C,)` modulation by the shared choices.
    """

    name: str
    pairs: Int64Array
    pooled: bool
    layer: FloatArray
    shared: FloatArray

    def features(self, c: Int64Array, p: Int64Array, /) -> FloatArray:
        """Return `n x (K q q)` columns, or `n x (q q)` if pooled; see `Term.features`."""
        effects = self.layer[p]  # (n, L, q)
        first, second = effects[:, self.pairs[:, 0]], effects[:, self.pairs[:, 1]]
        if self.pooled:
            products = np.einsum("nkq,nkr->nqr", first, second)
        else:
            products = first[:, :, :, None] * second[:, :, None, :]
        columns: FloatArray = products.reshape(len(p), -1) * self.shared[c][:, None]
        return columns

    def expand(self, coefficients: FloatArray, tables: Tables, /) -> None:
        """Add to `tables.pairs`."""
        q = self.layer.shape[1]
        weights = coefficients.reshape(1 if self.pooled else len(self.pairs), q, q)
        for k, (i, j) in enumerate(self.pairs.tolist()):
            table = self.layer @ weights[0 if self.pooled else k] @ self.layer.T
            entry = self.shared[:, None, None] * table  # (C, P + 1, P + 1)
            tables.pairs[i, j] = tables.pairs.get((i, j), 0.0) + entry
