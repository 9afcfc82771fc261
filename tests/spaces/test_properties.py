"""Properties of any space, on spaces made by hypothesis."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hwbench.errors import SpaceError
from hwbench.spaces import Choice, Space

NAMES = ("alpha", "beta", "gamma", "delta")
VALUES = st.one_of(
    st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=5, unique=True).map(sorted),
    st.lists(
        st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4, unique=True
    ).map(sorted),
    st.just([False, True]),
    st.lists(st.from_regex(r"[A-Za-z0-9_.+-]{1,6}", fullmatch=True), min_size=1, unique=True),
)


@st.composite
def made_spaces(draw):
    """Draw a small space, with or without layers."""
    n_shared, n_layered = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    choices = [Choice(name, tuple(draw(VALUES))) for name in NAMES[: n_shared + n_layered]]
    shared, layered = choices[:n_shared], choices[n_shared:]
    if not layered and not shared:
        shared = [Choice("alone", (1, 2))]
    if layered:
        depths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True).map(sorted))
        shared.insert(draw(st.integers(0, n_shared)), Choice("depth", tuple(depths)))
    return Space("made", tuple(shared), tuple(layered), "depth" if layered else None)


@st.composite
def spaces_with_codes(draw):
    space = draw(made_spaces())
    rows = draw(st.integers(0, 4))
    entries = [
        [draw(st.integers(0, int(count) - 1)) for count in space.cardinalities] for _ in range(rows)
    ]
    return space, np.array(entries, dtype=np.int64).reshape(rows, space.n_choices)


@given(spaces_with_codes())
def test_canonical_is_idempotent_and_keeps_the_network(case):
    space, codes = case
    canonical = space.canonical(codes)
    np.testing.assert_array_equal(space.canonical(canonical), canonical)
    np.testing.assert_array_equal(canonical[space.active(codes)], codes[space.active(codes)])
    assert (canonical[~space.active(codes)] == 0).all()
    np.testing.assert_array_equal(space.encode(space.decode(codes)), canonical)


@given(spaces_with_codes())
def test_text_dict_and_rank_read_back(case):
    space, codes = case
    for arch in space.decode(codes):
        assert space.parse(str(arch)) == arch
        assert space.from_dict(arch.to_dict()) == arch
        assert space.at(space.index(arch)) == arch


@given(spaces_with_codes())
def test_equal_networks_have_equal_codes(case):
    space, codes = case
    archs = space.decode(codes)
    for i, row in enumerate(space.canonical(codes)):
        same = (space.canonical(codes) == row).all(axis=1)
        assert [arch == archs[i] for arch in archs] == same.tolist()


@given(made_spaces())
def test_size_counts_the_canonical_codes(space):
    raw = math.prod(int(count) for count in space.cardinalities)
    if raw > 3000:
        return
    every = np.stack(np.unravel_index(np.arange(raw), tuple(space.cardinalities)), axis=1)
    assert space.size() == len(np.unique(space.canonical(every), axis=0))


@given(spaces_with_codes(), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_moves_stay_in_the_space(case, seed, rate):
    space, codes = case
    rng = np.random.default_rng(seed)
    for moved in (space.mutate(codes, rng, rate=rate), space.crossover(codes, codes[::-1], rng)):
        assert moved.shape == codes.shape
        np.testing.assert_array_equal(space.canonical(moved), moved)


@given(spaces_with_codes())
def test_neighbours_are_symmetric_where_depths_go_in_steps_of_one(case):
    space, codes = case
    steps = np.diff(space.layout.depth_values)
    for code in space.canonical(codes):
        near = space.neighbours(code)
        assert code.tolist() not in near.tolist()
        if (steps == 1).all():
            assert all(code.tolist() in space.neighbours(other).tolist() for other in near[:12])


@given(spaces_with_codes())
def test_translation_to_a_sub_space_and_back(case):
    space, codes = case
    kept = {
        choice.name: sorted(set(np.asarray(space.values(codes, choice.name)).ravel().tolist()))
        for choice in space.shared
    }
    if not len(codes):
        return
    sub = space.restrict(**kept)
    there = sub.translate(codes, space)
    assert sub.decode(there) == space.decode(codes)
    np.testing.assert_array_equal(space.translate(there, sub), space.canonical(codes))


@given(made_spaces(), st.text(max_size=30))
def test_any_text_is_read_or_refused(space, text):
    try:
        arch = space.parse(f"made:{text}")
    except SpaceError:
        return
    assert space.parse(str(arch)) == arch
