"""Sums over layers, held as tables: the surrogate that is fast to ask and can be solved exactly.

For a fixed combination of shared choices a metric is a sum of one term per layer, plus, where a
metric needs it, terms for adjacent layers (a chain) and for other pairs of layers:

    score = base[c] + sum_l unary[c, l, p_l] + sum_l chain[g, l, p_l, p_{l+1}]
                    + sum_k rest[h, k, p_{i_k}, p_{j_k}]

with `c` the shared combination, `p_l` the combination of layered choices in layer l. The first
three terms form a chain over layers, which dynamic or integer programming optimises to a proven
optimum.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Self, final

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import AnyArray, FloatArray, Int64Array, IntArray
from hwbench.errors import BundleError
from hwbench.spaces import Space
from hwbench.surrogates._types import Arrays, Json, Settings
from hwbench.surrogates.encoding import check_codes
from hwbench.surrogates.predictor import Predictor, require_arrays

__all__ = ["LayerwisePredictor", "Link", "layer_index", "n_combinations"]

Link = Literal["identity", "log"]
"""How a score becomes a value: as it is, or by exp(score)."""

_PARTS = {
    "chain": ("chain", "chain_group"),
    "rest": ("rest", "rest_group", "rest_pairs"),
}
"""Tables that may be missing, and the arrays of each in a state."""


def n_combinations(space: Space, /) -> tuple[int, int]:
    """Count the shared combinations C, and the combinations P of one layer's choices."""
    shared = int(np.prod([len(choice) for choice in space.shared], dtype=np.int64))
    layer = int(np.prod([len(choice) for choice in space.layered], dtype=np.int64))
    return shared, layer


def layer_index(space: Space, codes: IntArray, /) -> tuple[Int64Array, Int64Array]:
    """Number the shared combination and every layer's combination of checked codes.

    Args:
        space: The space of the codes.
        codes: `n x n_choices` codes that have been checked.

    Returns:
        `c`: `(n,)` in 0..C-1, mixed radix over the shared choices, the first choice slowest.
        `p`: `n x L` in 0..P-1 in the same way over the layered choices; P where a layer is absent.
    """
    layout = space.layout
    c = np.zeros(len(codes), dtype=np.int64)
    for column, choice in enumerate(space.shared):
        c = c * len(choice) + codes[:, column]
    p = np.zeros((len(codes), layout.max_depth), dtype=np.int64)
    for number, choice in enumerate(space.layered):
        p = p * len(choice) + codes[:, layout.block(number)]
    if space.layered:
        absent = ~layout.rows(codes)[:, layout.block(0)]
        p[absent] = n_combinations(space)[1]
    return c, p


@final
@dataclass(frozen=True, eq=False)
class LayerwisePredictor(Predictor):
    """Tables over shared combinations C, layers L and layer combinations P.

    Slot P of a layer stands for "no such layer"; every table is 0 there.

    Attributes:
        space: The space of the codes.
        link: "identity", or "log" when the score is the logarithm of the value.
        base: `(C,)`.
        unary: `C x L x (P + 1)`.
        chain: `G x (L - 1) x (P + 1) x (P + 1)` terms of layers l and l + 1; G may be 0: no chain.
        chain_group: `(C,)` which of the G tables a shared combination uses.
        rest: `H x K x (P + 1) x (P + 1)` terms of other pairs of layers; H may be 0.
        rest_group: `(C,)` which of the H tables a shared combination uses.
        rest_pairs: `K x 2` the layers of each pair.
    """

    kind: ClassVar[str] = "layerwise"

    space: Space
    link: Link
    base: FloatArray
    unary: FloatArray
    chain: FloatArray = field(default_factory=lambda: np.zeros((0, 0, 0, 0)))
    chain_group: Int64Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    rest: FloatArray = field(default_factory=lambda: np.zeros((0, 0, 0, 0)))
    rest_group: Int64Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    rest_pairs: Int64Array = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))

    def __post_init__(self) -> None:
        _check_tables(self)

    @property
    def has_chain(self) -> bool:
        """Whether adjacent layers interact."""
        return len(self.chain) > 0

    @property
    def has_rest(self) -> bool:
        """Whether layers further apart interact; then the tables are no chain."""
        return len(self.rest) > 0

    def scores(self, c: Int64Array, p: Int64Array, /) -> FloatArray:
        """Return the `(n,)` scores of indices made by `layer_index`."""
        layers = np.arange(p.shape[1])
        score: FloatArray = self.base[c] + self.unary[c[:, None], layers, p].sum(axis=1)
        if self.has_chain:
            group = self.chain_group[c][:, None]
            score += self.chain[group, layers[:-1], p[:, :-1], p[:, 1:]].sum(axis=1)
        if self.has_rest:
            group, pairs = self.rest_group[c], self.rest_pairs
            for k, (i, j) in enumerate(pairs):  # one pair at a time: n x K x 4 indices are large
                score += self.rest[group, k, p[:, i], p[:, j]]
        return score

    def value(self, scores: FloatArray, /) -> FloatArray:
        """Turn scores into values of the metric."""
        if self.link == "identity":
            return scores
        return np.asarray(np.exp(scores), dtype=np.float64)

    def predict(self, inputs: ArrayLike, /) -> FloatArray:
        """Predict the metric for `n` codes; see `Predictor.predict`."""
        return self.value(self.scores(*layer_index(self.space, check_codes(self.space, inputs))))

    def state(self) -> tuple[Arrays, Settings]:
        """Return the tables (float32) and the link; see `Predictor.state`."""
        arrays: Arrays = {
            "base": self.base.astype(np.float32),
            "unary": self.unary.astype(np.float32),
        }
        if self.has_chain:
            arrays["chain"] = self.chain.astype(np.float32)
            arrays["chain_group"] = self.chain_group.astype(np.int32)
        if self.has_rest:
            arrays["rest"] = self.rest.astype(np.float32)
            arrays["rest_group"] = self.rest_group.astype(np.int32)
            arrays["rest_pairs"] = self.rest_pairs.astype(np.int32)
        return arrays, {"link": self.link}

    @classmethod
    def from_state(
        cls, space: Space | None, arrays: Mapping[str, AnyArray], settings: Mapping[str, Json], /
    ) -> Self:
        """Rebuild from a state; see `Predictor.from_state`."""
        if space is None:
            raise BundleError("layer-wise tables need a space")
        link = _link(settings.get("link"))
        base, unary = require_arrays(arrays, "base", "unary")
        optional: dict[str, AnyArray] = {
            name: array.astype(np.float64 if name in _PARTS else np.int64)
            for part in _PARTS.values()
            if any(name in arrays for name in part)  # a part comes whole or not at all
            for name, array in zip(part, require_arrays(arrays, *part), strict=True)
        }
        return cls(space, link, base.astype(np.float64), unary.astype(np.float64), **optional)


def _link(value: Json) -> Link:
    if value == "identity":
        return "identity"
    if value == "log":
        return "log"
    raise BundleError(f"link must be 'identity' or 'log', got {value!r}")


def _check_tables(tables: LayerwisePredictor) -> None:
    """Check shapes, groups and the empty slot, so that no lookup can leave a table.

    Raises:
        BundleError: If tables do not fit the space or each other.
    """
    combos, choices = n_combinations(tables.space)
    depth, slots = tables.space.max_depth, choices + 1
    _require(tables.base.shape == (combos,), f"base needs shape ({combos},)", tables.base)
    _require(
        tables.unary.shape == (combos, depth, slots),
        f"unary needs shape ({combos}, {depth}, {slots})",
        tables.unary,
    )
    _check_pairs("chain", tables.chain, tables.chain_group, (depth - 1, slots, slots), combos)
    n_pairs = len(tables.rest_pairs)
    _check_pairs("rest", tables.rest, tables.rest_group, (n_pairs, slots, slots), combos)
    pairs = tables.rest_pairs
    inside = pairs.shape == (n_pairs, 2) and bool(((pairs >= 0) & (pairs < depth)).all())
    _require(inside, f"rest_pairs must name layers 0 to {depth - 1}", pairs)
    finite = all(np.isfinite(t).all() for t in (tables.base, tables.unary))
    _require(finite, "tables must be finite", tables.unary)
    _require(not tables.unary[..., -1].any(), "an absent layer must count 0", tables.unary)


def _check_pairs(
    name: str, table: FloatArray, group: Int64Array, tail: tuple[int, ...], combos: int
) -> None:
    if not len(table):
        return
    _require(table.shape[1:] == tail, f"{name} needs shape (G, {', '.join(map(str, tail))})", table)
    inside = group.shape == (combos,) and bool(((group >= 0) & (group < len(table))).all())
    _require(inside, f"{name}_group needs {combos} numbers below {len(table)}", group)
    _require(bool(np.isfinite(table).all()), f"{name} must be finite", table)
    empty = not table[..., -1, :].any() and not table[..., -1].any()
    _require(empty, f"{name} must be 0 for an absent layer", table)


def _require(holds: bool, expected: str, got: AnyArray) -> None:
    if not holds:
        raise BundleError(f"layer-wise tables: {expected}, got shape {got.shape}")
