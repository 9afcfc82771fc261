"""What few measurements can tell of a device: some fifty effects that add up to layer-wise tables.

Times and energies of a transformer are sums over its layers in which the place of a layer plays no
part: the published devices' tables are within some hundredths of a per cent of a constant and a
cost per layer, the effects of the layered choices and their products, each for every value of the
first shared choice (the embedding) and of the other shared choices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, final

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import FloatArray, Int64Array
from hwbench.errors import DataError
from hwbench.spaces import Space
from hwbench.surrogates.encoding import check_codes
from hwbench.surrogates.layerwise_predictor import LayerwisePredictor, layer_index
from hwbench.surrogates.tabulate import predictor_of
from hwbench.surrogates.terms import (
    LayerTerm,
    SharedTerm,
    Tables,
    Term,
    layer_contrasts,
    shared_contrasts,
    shared_indicator,
)

__all__ = ["Basis"]


@final
@dataclass(frozen=True, eq=False)
class Basis:
    """The effects, as features of codes and as tables.

    Attributes:
        space: The space.
        terms: Blocks of effects of one kind; an effect is a feature column.
    """

    space: Space
    terms: tuple[Term, ...]

    @classmethod
    def of(cls, space: Space, /) -> Self:
        """Build the effects of a space.

        Raises:
            DataError: If the space has no layers, or no choice that they share.
        """
        if not space.layered or not space.shared:
            raise DataError(f"few-shot calibration needs shared and layered choices: {space.name}")
        return cls(space, tuple(_terms(space)))

    @property
    def block(self) -> Int64Array:
        """Return which term each of the k effects belongs to, `(k,)`."""
        codes = np.zeros((1, self.space.n_choices), dtype=np.uint8)
        c, p = layer_index(self.space, codes)
        sizes = [term.features(c, p).shape[1] for term in self.terms]
        return np.repeat(np.arange(len(sizes)), sizes)

    def features(self, codes: ArrayLike, /) -> FloatArray:
        """Return the `n x k` features of codes.

        Raises:
            ShapeError: If the codes have another shape.
            SpaceError: If one is not of the space.
        """
        c, p = layer_index(self.space, check_codes(self.space, codes))
        return np.concatenate([term.features(c, p) for term in self.terms], axis=1)

    def predictor(self, effects: FloatArray, /) -> LayerwisePredictor:
        """Write `(k,)` effects as tables: what they predict is features times effects."""
        tables = Tables.empty(self.space)
        block = self.block
        for number, term in enumerate(self.terms):
            term.expand(effects[block == number], tables)
        return predictor_of(self.space, tables, link="identity")


def _terms(space: Space) -> list[Term]:
    main, products = layer_contrasts(space)
    apart = shared_indicator(space, space.shared[0].name)  # (C, n)
    flat = np.ones((space.max_depth, 1))
    present = np.ones((len(main), 1))
    present[-1] = 0.0
    terms: list[Term] = [
        SharedTerm("constant", apart),
        LayerTerm("layers", flat, present, apart),
    ]
    terms += [
        LayerTerm(f"choice {column}", flat, main[:, [column]], apart)
        for column in range(main.shape[1])
    ]
    if products.shape[1]:
        terms.append(LayerTerm("products", flat, products, apart))
    for choice in space.shared[1:]:
        other = shared_contrasts(space, choice.name)
        if choice.name == space.depth:
            # Layers are counted above: what is left is how their number bends the sum.
            terms.append(SharedTerm("bend", _each(apart, other[:, 1:])))
            continue
        both = _each(apart, other)
        terms.append(SharedTerm(f"{choice.name}", both))
        terms.append(LayerTerm(f"{choice.name} layers", flat, present, both))
        terms.append(LayerTerm(f"{choice.name} choices", flat, main, both))
    return [term for term in terms if _columns(term)]


def _columns(term: Term) -> int:
    if isinstance(term, SharedTerm):
        return int(term.shared.shape[1])
    assert isinstance(term, LayerTerm)
    return int(term.layer.shape[1] * term.shared.shape[1])


def _each(a: FloatArray, b: FloatArray) -> FloatArray:
    return (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)
