"""A search space: named choices, some shared by the network, some made per layer.

Architectures are values (`Architecture`); batches are integer codes `n x n_choices`, one row a
network, one column a choice. A code counts within the values of a choice, so index order is value
order. Columns are the shared choices, then the first layered choice for layers 0 to L - 1, then
the next. Choices of layers beyond the depth are inactive; canonical codes hold 0 there, so that
equal networks have equal codes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import AnyArray, BoolArray, Codes, Int64Array, IntArray
from hwbench.errors import ShapeError, SpaceError, UnknownNameError
from hwbench.spaces import counting, moves
from hwbench.spaces.architecture import Architecture
from hwbench.spaces.choice import Choice, Scalar
from hwbench.spaces.codec import Codec
from hwbench.spaces.layout import Layout

__all__ = ["Space"]


@dataclass(frozen=True)
class Space:
    """A search space.

    Attributes:
        name: Name in the registry, such as "gpt-s".
        shared: Choices made once for the network.
        layered: Choices made for each layer.
        depth: The shared choice whose value is the number of layers; None without layered choices.
        network: Which network the choices build; the space itself does not look at it.
        networks: The variants that exist.
    """

    name: str
    shared: tuple[Choice, ...]
    layered: tuple[Choice, ...] = ()
    depth: str | None = None
    network: str = "default"
    networks: tuple[str, ...] = ("default",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shared", tuple(self.shared))
        object.__setattr__(self, "layered", tuple(self.layered))
        names = [choice.name for choice in (*self.shared, *self.layered)]
        if len(set(names)) != len(names) or not names:
            raise SpaceError(f"space {self.name!r} needs choices with distinct names, got {names}")
        if self.network not in self.networks:
            raise UnknownNameError.of("network", self.network, self.networks)
        if (self.depth is None) != (not self.layered):
            raise SpaceError("a space names its depth exactly when it has layered choices")
        if self.depth is not None:
            _check_depth(self.depth, self.shared)

    # -- shape ---------------------------------------------------------------------------------

    @cached_property
    def layout(self) -> Layout:
        """Where the choices lie in a code."""
        return Layout.of(self.shared, self.layered, self.depth)

    @property
    def columns(self) -> tuple[str, ...]:
        """Name of each column of a code: "embed_dim", "mlp_ratio.0"."""
        return self.layout.columns

    @property
    def n_choices(self) -> int:
        """Number of columns of a code."""
        return len(self.layout.columns)

    @property
    def max_depth(self) -> int:
        """The greatest number of layers, L; 0 without layered choices."""
        return self.layout.max_depth

    @property
    def cardinalities(self) -> Int64Array:
        """Number of values of each column, `(n_choices,)`."""
        return self.layout.cardinalities.copy()

    def size(self) -> int:
        """Count the distinct networks: an exact integer (it may exceed any machine integer)."""
        return counting.size(self.layout)

    def choice(self, name: str, /) -> Choice:
        """Look a choice up by its name.

        Raises:
            UnknownNameError: If the space has no such choice.
        """
        found = self._choices.get(name)
        if found is None:
            raise UnknownNameError.of("choice", name, self._choices)
        return found

    # -- codes ---------------------------------------------------------------------------------

    def validate(self, codes: ArrayLike, /) -> IntArray:
        """Check codes and return them as an integer array, uncopied where possible.

        Args:
            codes: `... x n_choices` integers. Inactive entries must be indices that exist, too.

        Raises:
            ShapeError: If the last axis does not have `n_choices` columns.
            SpaceError: If the entries are not integers, or an index does not exist; says row and
                column.
        """
        return self.layout.check(codes)

    def canonical(self, codes: ArrayLike, /) -> Codes:
        """Return a checked copy of codes as bytes, with inactive entries at 0.

        Raises:
            ShapeError: As `validate`.
            SpaceError: As `validate`.
        """
        return self.layout.canonical(codes)

    def active(self, codes: ArrayLike, /) -> BoolArray:
        """Mark the entries of `... x n_choices` codes that the networks really have."""
        return self.layout.rows(self.validate(codes)).copy()

    def depths(self, codes: ArrayLike, /) -> Int64Array:
        """Return the number of layers of each code, shape `(...)`; 0 in a space without layers."""
        checked = self.validate(codes)
        if self.layout.depth_column is None:
            return np.zeros(checked.shape[:-1], dtype=np.int64)
        return self.layout.depth_values[checked[..., self.layout.depth_column]]

    def values(self, codes: ArrayLike, name: str, /) -> AnyArray:
        """Return the values of one choice.

        Args:
            codes: `... x n_choices` codes.
            name: A choice of the space.

        Returns:
            Shape `(...)` for a shared choice, `... x L` for a layered one with 0 (or "") at
            inactive layers.
        """
        checked = self.validate(codes)
        table = np.array(self.choice(name).values)
        for column, choice in enumerate(self.shared):
            if choice.name == name:
                return np.asarray(table[checked[..., column]])
        block = self.layout.block([choice.name for choice in self.layered].index(name))
        present = self.layout.rows(checked)[..., block]
        return np.where(present, table[checked[..., block]], np.zeros((), dtype=table.dtype))

    def index(self, arch: Architecture, /) -> int:
        """Return the place of an architecture in the order of `enumerate`; undoes `at`."""
        return counting.rank(self.layout, self.encode([arch])[0])

    def at(self, index: int, /) -> Architecture:
        """Return the architecture at a place, 0 to `size() - 1`; undoes `index`.

        Raises:
            SpaceError: If there is no such place.
        """
        return self._codec.decode_row(counting.unrank(self.layout, index))

    def enumerate(self) -> Iterator[Architecture]:
        """Yield every network once, lazily, in the order of canonical codes."""
        return map(self._codec.decode_row, counting.all_codes(self.layout))

    # -- moves ---------------------------------------------------------------------------------

    def smallest(self) -> Architecture:
        """Return the architecture with the first value of every choice."""
        return self._codec.decode_row(np.zeros(self.n_choices, dtype=np.uint8))

    def largest(self) -> Architecture:
        """Return the architecture with the last value of every choice."""
        return self._codec.decode_row((self.layout.cardinalities - 1).astype(np.uint8))

    def sample(self, rng: np.random.Generator, /) -> Architecture:
        """Draw one architecture, uniformly per choice."""
        return self._codec.decode_row(self.sample_codes(1, rng)[0])

    def sample_codes(
        self, n: int, rng: np.random.Generator, /, *, uniform: moves.Uniform = "choices"
    ) -> Codes:
        """Draw canonical codes with replacement.

        Args:
            n: How many.
            rng: Source of randomness.
            uniform: "choices" draws each choice uniformly, the depth too, as the measured
                architectures of HW-GPT-Bench were; "architectures" makes every distinct network
                equally likely, which favours deep ones.

        Returns:
            `n x n_choices` codes.

        Raises:
            ShapeError: If `n` is negative.
            UnknownNameError: If `uniform` is neither word.
        """
        if n < 0:
            raise ShapeError(f"cannot draw {n} codes")
        if uniform not in get_args(moves.Uniform):
            raise UnknownNameError.of("way to draw", uniform, get_args(moves.Uniform))
        return moves.random_codes(self.layout, n, rng, uniform=uniform)

    def neighbours(self, code: ArrayLike, /) -> Codes:
        """Return the codes that differ from one code by one choice.

        A choice other than the depth takes each of its other values. The depth moves to the next
        smaller value (the last layers go) and to the next larger one (every combination of layer
        choices once, the same in all new layers). Where depths follow each other by one layer this
        relation is symmetric; with greater steps every network still has its way down, but a way
        up only exists to networks whose last layers are alike.

        Returns:
            `k x n_choices` canonical codes, distinct, without `code` itself.

        Raises:
            ShapeError: If `code` is not one code, `(n_choices,)`.
        """
        return moves.neighbours(self.layout, self._single(code))

    def mutate(
        self, codes: ArrayLike, rng: np.random.Generator, /, *, rate: float | None = None
    ) -> Codes:
        """Change choices at random.

        Args:
            codes: `n x n_choices` codes, or one code.
            rng: Source of randomness.
            rate: Probability with which each active choice takes another value, drawn uniformly;
                by default one choice of a network changes on average. A row may stay as it is. New
                layers are drawn uniformly.

        Returns:
            Canonical codes of the same shape.
        """
        checked = self.validate(codes)
        rows = np.atleast_2d(checked)
        if rate is not None and not 0.0 <= rate <= 1.0:
            raise SpaceError(f"rate is a probability, got {rate}")
        return moves.mutate(self.layout, rows, rng, rate=rate).reshape(checked.shape)

    def crossover(self, a: ArrayLike, b: ArrayLike, rng: np.random.Generator, /) -> Codes:
        """Mix parents row by row: each choice, the depth too, comes from either with equal chance.

        A layer that only one parent has comes from that parent.

        Args:
            a: `n x n_choices` codes, or one code.
            b: The other parents, of the same shape.
            rng: Source of randomness.

        Returns:
            Canonical codes of the same shape.

        Raises:
            ShapeError: If the shapes differ.
        """
        first, second = self.validate(a), self.validate(b)
        if first.shape != second.shape:
            raise ShapeError(f"parents need one shape, got {first.shape} and {second.shape}")
        return moves.crossover(self.layout, first, second, rng)

    # -- architectures -------------------------------------------------------------------------

    def architecture(self, **choices: Scalar | Sequence[Scalar]) -> Architecture:
        """Make an architecture from values; one value for a layered choice stands for all layers.

        Raises:
            SpaceError: If a choice is missing, unknown, not offered or has another length than the
                depth.
        """
        return self._codec.build(choices)

    def encode(self, archs: Sequence[Architecture], /) -> Codes:
        """Return the canonical codes of architectures, `len(archs) x n_choices`.

        Raises:
            SpaceError: If an architecture does not belong to this space.
        """
        return self._codec.encode(archs)

    def decode(self, codes: ArrayLike, /) -> list[Architecture]:
        """Return the architectures of `n x n_choices` codes, canonical or not.

        Raises:
            ShapeError: If `codes` is not two-dimensional, or as `validate`.
            SpaceError: As `validate`.
        """
        checked = self.canonical(codes)
        if checked.ndim != 2:
            raise ShapeError(f"codes need shape (n, {self.n_choices}), got {checked.shape}")
        return [self._codec.decode_list(row) for row in checked.tolist()]

    def parse(self, text: str, /) -> Architecture:
        """Read the one-line text of an architecture; undoes `str(architecture)`.

        Raises:
            SpaceError: If the text is not an architecture of this space.
        """
        return self._codec.parse(text)

    def from_dict(self, choices: Mapping[str, object], /) -> Architecture:
        """Read what `Architecture.to_dict` wrote; the entry "space" may be left out.

        Raises:
            SpaceError: As `architecture`, or if the dict names another space.
        """
        return self._codec.from_dict(choices)

    # -- other spaces --------------------------------------------------------------------------

    def with_network(self, network: str, /) -> Space:
        """Return the same space for another network variant; codes and architectures stay valid.

        Raises:
            UnknownNameError: If there is no such variant.
        """
        return replace(self, network=network)

    def restrict(self, **values: Sequence[Scalar]) -> Space:
        """Return the sub-space in which choices keep only the given values.

        It keeps the name: an architecture of it is one of this space too, text and dict alike.
        Codes are not the same, since indices count within the kept values; `translate` turns them.

        Raises:
            UnknownNameError: If a choice does not exist.
            SpaceError: If a value is not offered, or none is left.
        """
        for name in values:
            self.choice(name)
        kept = {c.name: c.keep(values.get(c.name, c.values)) for c in (*self.shared, *self.layered)}
        return replace(
            self,
            shared=tuple(kept[choice.name] for choice in self.shared),
            layered=tuple(kept[choice.name] for choice in self.layered),
        )

    def translate(self, codes: ArrayLike, source: Space, /) -> Codes:
        """Turn codes of another space with the same choices into codes of this one, value by value.

        Args:
            codes: `n x source.n_choices` codes.
            source: The space they belong to, such as a sub-space of this one or the space it was
                cut from.

        Returns:
            `n x n_choices` canonical codes of the same networks.

        Raises:
            SpaceError: If a network does not lie in this space.
        """
        return self._codec.translate(source.canonical(codes), source._codec)

    # -- helpers -------------------------------------------------------------------------------

    @cached_property
    def _choices(self) -> dict[str, Choice]:
        return {choice.name: choice for choice in (*self.shared, *self.layered)}

    @cached_property
    def _codec(self) -> Codec:
        return Codec(self.name, self.shared, self.layered, self.depth, self.layout)

    def _single(self, code: ArrayLike) -> Codes:
        row = self.canonical(code)
        if row.ndim != 1:
            raise ShapeError(f"expected one code, ({self.n_choices},), got {row.shape}")
        return row


def _check_depth(depth: str, shared: Sequence[Choice]) -> None:
    found = [choice for choice in shared if choice.name == depth]
    if not found:
        raise SpaceError(f"the depth {depth!r} is not among the shared choices")
    if any(isinstance(v, bool) or not isinstance(v, int) or v < 1 for v in found[0].values):
        raise SpaceError(f"{depth}: depths are whole numbers from 1 on, got {found[0].values}")
