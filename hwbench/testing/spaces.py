"""The contract of a search space. Inherit `SpaceContract` in a test class and return your space.

The tests draw from generators with fixed seeds, so they pass or fail the same way each time.
"""

from __future__ import annotations

import copy
import itertools
import json
from abc import ABC, abstractmethod

import numpy as np

from hwbench.arrays import Codes
from hwbench.errors import ShapeError, SpaceError
from hwbench.spaces.architecture import Architecture
from hwbench.spaces.space import Space

__all__ = ["SpaceContract"]

_N = 64


class SpaceContract(ABC):
    """Tests that every search space passes."""

    @abstractmethod
    def space(self) -> Space:
        """Return the space under test."""

    def codes(self) -> Codes:
        """Return some random codes, the smallest and the largest architecture."""
        space = self.space()
        drawn = space.sample_codes(_N, np.random.default_rng(0))
        ends = space.encode([space.smallest(), space.largest()])
        return np.concatenate([drawn, ends])

    def archs(self) -> list[Architecture]:
        """Return the architectures of `codes`."""
        return self.space().decode(self.codes())

    def test_columns_are_named_once(self) -> None:
        """Each column has a name and a number of values."""
        space = self.space()
        assert len(set(space.columns)) == len(space.columns) == space.n_choices
        assert space.cardinalities.shape == (space.n_choices,)

    def test_random_codes_are_canonical(self) -> None:
        """Drawn codes are bytes and canonical; canonical is idempotent."""
        space, codes = self.space(), self.codes()
        assert codes.dtype == np.uint8
        np.testing.assert_array_equal(space.canonical(codes), codes)

    def test_random_codes_follow_the_generator(self) -> None:
        """The same seed gives the same codes, another seed others."""
        space = self.space()
        first, again, other = (space.sample_codes(_N, np.random.default_rng(s)) for s in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert space.size() == 1 or not np.array_equal(first, other)

    def test_inactive_entries_do_not_count(self) -> None:
        """Whatever stands in an inactive entry, the network is the same one."""
        space, codes = self.space(), self.codes()
        noise = np.random.default_rng(3).integers(space.cardinalities, size=codes.shape)
        same = np.where(space.active(codes), codes, noise)
        np.testing.assert_array_equal(space.canonical(same), codes)
        assert space.decode(same) == space.decode(codes)

    def test_encode_undoes_decode(self) -> None:
        """Codes and architectures say the same."""
        space, codes = self.space(), self.codes()
        np.testing.assert_array_equal(space.encode(space.decode(codes)), codes)

    def test_text_reads_back(self) -> None:
        """An architecture prints as one line without blanks or shell characters and reads back."""
        space = self.space()
        for arch in self.archs():
            assert not set(str(arch)) & set(" \t\n'\"\\$`&|;<>(){}[]*?!#~"), str(arch)
            assert space.parse(str(arch)) == arch

    def test_dict_reads_back(self) -> None:
        """An architecture survives JSON."""
        space = self.space()
        for arch in self.archs():
            assert space.from_dict(json.loads(json.dumps(arch.to_dict()))) == arch

    def test_architectures_are_values(self) -> None:
        """Equal architectures hash alike and survive the way to another process."""
        for one, two in zip(self.archs(), self.archs(), strict=True):
            assert one == two
            assert hash(one) == hash(two)
            assert copy.deepcopy(one) == one  # as a process pool would send it

    def test_values_agree_with_architectures(self) -> None:
        """`values` reads from codes what architectures hold."""
        space, codes = self.space(), self.codes()
        for choice in (*space.shared, *space.layered):
            for row, arch in zip(space.values(codes, choice.name), self.archs(), strict=True):
                held = arch[choice.name]
                if isinstance(held, tuple):
                    assert tuple(row[: len(held)].tolist()) == held
                else:
                    assert row == held

    def test_rank_reads_back(self) -> None:
        """`at` undoes `index`; the first and the last network are where they should be."""
        space = self.space()
        for arch in self.archs():
            assert space.at(space.index(arch)) == arch
        assert space.index(space.smallest()) == 0
        assert space.index(space.largest()) == space.size() - 1

    def test_enumerate_follows_the_rank(self) -> None:
        """`enumerate` is lazy and yields the networks in order, each once."""
        space = self.space()
        first = list(itertools.islice(space.enumerate(), 200))
        assert [space.index(arch) for arch in first] == list(range(min(200, space.size())))

    def test_neighbours_differ_by_one_choice(self) -> None:
        """Neighbours are distinct networks, one choice away."""
        space = self.space()
        for code in self.codes()[-8:]:
            near = space.neighbours(code)
            assert len(np.unique(near, axis=0)) == len(near)
            np.testing.assert_array_equal(space.canonical(near), near)
            shared = space.active(near) & space.active(code)
            np.testing.assert_array_equal(((near != code) & shared).sum(axis=1), 1)

    def test_mutation_stays_inside(self) -> None:
        """Mutants are canonical; rate 0 changes nothing, rate 1 every choice that can change."""
        space, codes, rng = self.space(), self.codes(), np.random.default_rng(4)
        mutants = space.mutate(codes, rng)
        np.testing.assert_array_equal(space.canonical(mutants), mutants)
        np.testing.assert_array_equal(space.mutate(codes, rng, rate=0.0), codes)
        common = space.active(codes) & (space.cardinalities > 1)
        all_new = space.mutate(codes, rng, rate=1.0)
        common &= space.active(all_new)
        assert (all_new != codes)[common].all()

    def test_crossover_takes_from_the_parents(self) -> None:
        """A child's choice is a parent's choice."""
        space, codes, rng = self.space(), self.codes(), np.random.default_rng(5)
        a, b = codes, codes[::-1]
        child = space.crossover(a, b, rng)
        np.testing.assert_array_equal(space.canonical(child), child)
        from_a = space.active(a) & (child == a)
        from_b = space.active(b) & (child == b)
        assert (from_a | from_b)[space.active(child)].all()
        np.testing.assert_array_equal(space.crossover(a, a, rng), a)

    def test_inputs_are_left_alone(self) -> None:
        """No method writes into the codes it is given."""
        space, rng = self.space(), np.random.default_rng(6)
        codes = self.codes()
        kept = codes.copy()
        codes.flags.writeable = False
        space.canonical(codes)
        space.mutate(codes, rng)
        space.crossover(codes, codes[::-1], rng)
        space.neighbours(codes[0])
        space.values(codes, space.shared[0].name)
        np.testing.assert_array_equal(codes, kept)

    def test_wrong_codes_are_refused(self) -> None:
        """Wrong width, wrong type and an index that does not exist are errors of ours."""
        space, codes = self.space(), self.codes()
        too_large = codes.astype(np.int64)
        too_large[3, 0] = space.cardinalities[0]
        negative = codes.astype(np.int64)
        negative[3, 0] = -1
        _refuses(ShapeError, space, codes[:, :-1])
        _refuses(SpaceError, space, codes.astype(float))
        _refuses(SpaceError, space, too_large)
        _refuses(SpaceError, space, negative)

    def test_no_codes_is_fine(self) -> None:
        """An empty batch goes through."""
        space, empty = self.space(), self.codes()[:0]
        assert space.canonical(empty).shape == (0, space.n_choices)
        assert space.decode(empty) == []
        assert space.encode([]).shape == (0, space.n_choices)


def _refuses(error: type[Exception], space: Space, codes: object) -> None:
    try:
        space.validate(np.asarray(codes))
    except error:
        return
    raise AssertionError(f"validate should have raised {error.__name__}")
