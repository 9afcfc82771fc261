"""Which terms a layer-wise surrogate has: from counts of layers to all pairs of layers."""

from typing import Literal, get_args

import numpy as np

from hwbench.arrays import FloatArray, Int64Array
from hwbench.spaces import Space
from hwbench.surrogates.terms import (
    LayerTerm,
    PairTerm,
    SharedTerm,
    Term,
    cosines,
    layer_contrasts,
    shared_contrasts,
    shared_indicator,
)

__all__ = ["STRUCTURES", "Structure", "build_terms", "splits_by_first"]

Structure = Literal["counts", "layers", "chain", "pairs", "smooth"]
STRUCTURES: tuple[str, ...] = get_args(Structure)

_PROFILES = 10
"""Cosine profiles over depth of the structure "smooth"."""


def splits_by_first(structure: Structure, /) -> bool:
    """Whether each value of the first shared choice is fitted on its own rows."""
    return structure != "smooth"


def build_terms(space: Space, structure: Structure, mask: FloatArray, /) -> list[Term]:
    """Return the terms of a structure.

    Args:
        space: The space.
        structure: One of `STRUCTURES`.
        mask: `(C,)` ones for the shared combinations that are fitted together.
    """
    if structure == "smooth":
        return _smooth(space)
    main, products = layer_contrasts(space)
    both = np.concatenate([main, products], axis=1)
    one = mask[:, None]
    others = [shared_contrasts(space, choice.name) * one for choice in space.shared[1:]]
    flat = np.ones((space.max_depth, 1))
    terms: list[Term] = [SharedTerm("shared", np.eye(len(mask))[:, mask > 0])]
    terms.append(LayerTerm("counts", flat, both, one))
    terms += [LayerTerm("counts x shared", flat, both, other) for other in others]
    if structure == "counts":
        return terms
    terms += [LayerTerm("layers", None, main, one), LayerTerm("layer kinds", None, products, one)]
    if structure == "layers":
        return terms
    terms += [LayerTerm("layers x shared", None, main, other) for other in others]
    adjacent = _pairs(space.max_depth, 1)
    terms.append(PairTerm("adjacent, pooled", adjacent, True, main, mask))
    terms.append(PairTerm("adjacent", adjacent, False, main, mask))
    if structure == "chain":
        return terms
    for distance in range(2, space.max_depth):
        pairs = _pairs(space.max_depth, distance)
        terms.append(PairTerm(f"distance {distance}", pairs, False, main, mask))
    return terms


def _pairs(depth: int, distance: int) -> Int64Array:
    first = np.arange(depth - distance, dtype=np.int64)
    return np.stack([first, first + distance], axis=1)


def _smooth(space: Space) -> list[Term]:
    """Terms that borrow strength: common to all embeddings first, then apart, smooth over depth."""
    main, products = layer_contrasts(space)
    first, *rest = space.shared
    apart = shared_indicator(space, first.name)  # (C, n)
    every = np.ones((len(apart), 1))
    others = [shared_contrasts(space, choice.name) for choice in rest]
    terms: list[Term] = [SharedTerm(first.name, apart)]
    for other in others:
        terms.append(SharedTerm("shared", other))
        terms.append(SharedTerm("shared, apart", _each(apart, other)))
    waves = cosines(space.max_depth, _PROFILES)
    for columns, kind in _by_choice(space, main):
        for name, profile in (("level", waves[:, :1]), ("slope", waves[:, 1:3])):
            terms.append(LayerTerm(f"{kind} {name}", profile, columns, every))
            terms.append(LayerTerm(f"{kind} {name}, apart", profile, columns, apart))
        terms += [LayerTerm(f"{kind} x shared", waves[:, :1], columns, o) for o in others]
        terms.append(LayerTerm(f"{kind} waves", waves[:, 3:], columns, every))
        terms.append(LayerTerm(f"{kind} waves, apart", waves[:, 3:], columns, apart))
        terms.append(LayerTerm(f"{kind} layers", None, columns, every))
        terms.append(LayerTerm(f"{kind} layers, apart", None, columns, apart))
    terms.append(LayerTerm("kinds", waves[:, :1], products, every))
    return terms


def _by_choice(space: Space, main: FloatArray) -> list[tuple[FloatArray, str]]:
    """Split the main effects by layered choice."""
    ends = np.cumsum([len(choice) - 1 for choice in space.layered])[:-1]
    names = [choice.name for choice in space.layered]
    return list(zip(np.split(main, ends, axis=1), names, strict=True))


def _each(a: FloatArray, b: FloatArray) -> FloatArray:
    return (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)
