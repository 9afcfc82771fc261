"""Small made-up spaces and metrics for the tests of layer-wise surrogates.

Metrics are summed up architecture by architecture in plain loops, from tables of random numbers
that are looked up by value: another way than the arrays of the code under test.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from hypothesis import strategies as st

from hwbench.spaces import Architecture, Choice, Space
from hwbench.surrogates.layerwise_predictor import LayerwisePredictor, n_combinations


def made_space(
    widths=(64, 128), depths=(2, 3, 4), ratios=(1, 2, 4), heads=(2, 4), bias=(False, True)
) -> Space:
    """A space with the choices of a GPT, named otherwise; an empty choice is left out."""
    shared = [Choice("width", widths), Choice("depth", depths)]
    shared += [Choice("bias", bias)] if bias else []
    layered = [Choice("ratio", ratios)] if ratios else []
    layered += [Choice("heads", heads)] if heads else []
    return Space("made", tuple(shared), tuple(layered), depth="depth")


@st.composite
def small_spaces(draw) -> Space:
    """Spaces with few values a choice, down to one, and depths that differ or do not."""

    def values(most):
        return tuple(range(1, 1 + draw(st.integers(1, most))))

    depths = tuple(sorted(draw(st.sets(st.integers(1, 5), min_size=1, max_size=3))))
    return made_space(
        values(3), depths, values(3), draw(st.sampled_from([(), (4,), (4, 8)])), values(2)
    )


def tables_of(space, rng, *, link="identity", chain=False, rest=False) -> LayerwisePredictor:
    """Random layer-wise tables, two groups where pairs of layers count; 0 for absent layers."""
    combinations, kinds = n_combinations(space)
    layers, slots = space.max_depth, kinds + 1
    pairs = [(i, j) for i in range(layers) for j in range(i + 2, layers)] if rest else []
    group = rng.integers(2, size=combinations)
    unary = rng.uniform(-0.1, 0.1, size=(combinations, layers, slots))
    unary[..., -1] = 0.0

    def between(n):
        table = rng.uniform(-0.1, 0.1, size=(2 if n else 0, n, slots, slots))
        table[..., -1, :] = table[..., -1] = 0.0
        return table.astype(np.float32).astype(np.float64)

    return LayerwisePredictor(
        space,
        link,
        rng.uniform(1.0, 2.0, size=combinations).astype(np.float32).astype(np.float64),
        unary.astype(np.float32).astype(np.float64),
        between(layers - 1 if chain else 0),
        group,
        between(len(pairs)),
        1 - group,
        np.array(pairs, dtype=np.int64).reshape(-1, 2),
    )


@dataclass(frozen=True)
class MadeMetric:
    """A metric that sums up over layers.

    Attributes:
        seed: Another seed, another metric.
        kinds: Whether the choices of a layer interact.
        shared: Whether the effect of a layer differs by depth and bias.
        joint: Whether the effects of depth and bias themselves interact.
        reach: Layers up to this distance interact; 0: none.
    """

    seed: int = 0
    kinds: bool = True
    shared: bool = False
    joint: bool = True
    reach: int = 0

    def __call__(self, space: Space, codes) -> np.ndarray:
        """Return the metric of each row, around 10."""
        return np.array([self._of(arch) for arch in space.decode(codes)])

    def _of(self, arch: Architecture) -> float:
        width = arch["width"]
        others = {name: arch[name] for name in ("depth", "bias") if name in arch.choices}
        layers = list(zip(*(arch[n] for n in ("ratio", "heads") if n in arch.choices), strict=True))
        total = 10.0 + sum(self._number("base", width, other) for other in others.items())
        total += self._number("base", width, *others.values()) if self.joint else 0.0
        for place, layer in enumerate(layers):
            for number, value in enumerate(layer):
                total += self._number("main", width, place, number, value)
                for other in others.items() if self.shared else ():
                    total += self._number("shared", width, other, number, value)
            if self.kinds:
                total += self._number("kinds", width, place, layer)
            for distance in range(1, self.reach + 1):
                if place + distance < len(layers):
                    total += self._pair(width, place, distance, layer, layers[place + distance])
        return total

    def _pair(self, width, place, distance, first, second) -> float:
        return sum(
            self._number("pair", width, place, distance, i, a, j, b)
            for i, a in enumerate(first)
            for j, b in enumerate(second)
        )

    def _number(self, *key) -> float:
        return _number(self.seed, *key)


@cache
def _number(*key) -> float:
    """Return a fixed number in -0.1 to 0.1 for every key."""
    return float(np.random.default_rng(list(repr(key).encode())).uniform(-0.1, 0.1))
