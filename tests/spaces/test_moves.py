import numpy as np
import pytest

import hwbench.spaces as spaces
from hwbench.errors import ShapeError, SpaceError, UnknownNameError
from hwbench.spaces import Choice, Space


def _space(depths):
    return Space(
        "toy",
        (Choice("width", (1, 2)), Choice("depth", depths)),
        (Choice("ratio", (2, 3, 4)), Choice("heads", (4, 8))),
        depth="depth",
    )


def _graph(space):
    archs = list(space.enumerate())
    return {a: set(space.decode(space.neighbours(space.encode([a])[0]))) for a in archs}


def _reached(graph, start):
    seen, todo = {start}, [start]
    while todo:
        new = graph[todo.pop()] - seen
        seen |= new
        todo += new
    return seen


def test_neighbours_by_hand():
    space = _space((1, 2))
    arch = space.architecture(width=1, depth=1, ratio=[3], heads=[4])
    expected = {
        "toy:width=2:depth=1:ratio=3:heads=4",
        "toy:width=1:depth=1:ratio=2:heads=4",
        "toy:width=1:depth=1:ratio=4:heads=4",
        "toy:width=1:depth=1:ratio=3:heads=8",
        *(
            f"toy:width=1:depth=2:ratio=3,{ratio}:heads=4,{heads}"
            for ratio in (2, 3, 4)
            for heads in (4, 8)
        ),
    }
    near = space.neighbours(space.encode([arch])[0])
    assert {str(a) for a in space.decode(near)} == expected


def test_neighbours_are_symmetric_for_steps_of_one_layer():
    graph = _graph(_space((1, 2, 3)))
    assert all(one in graph[other] for one, near in graph.items() for other in near)


@pytest.mark.parametrize("depths", [(1, 2, 3), (1, 3), (1, 2, 4)])
def test_neighbours_connect_the_space(depths):
    space = _space(depths)
    graph = _graph(space)
    assert _reached(graph, space.largest()) == set(graph)
    assert _reached(graph, space.smallest()) == set(graph)


def test_number_of_neighbours_of_gpt_s():
    space = spaces.get("gpt-s")
    eleven = space.architecture(embed_dim=384, n_layer=11, bias=True, mlp_ratio=3, n_head=8)
    # Two other widths, one other bias, two other values of each of 2 x 11; one layer less, or one
    # of nine more.
    assert len(space.neighbours(space.encode([eleven])[0])) == 2 + 1 + 2 * 22 + 1 + 9


def test_neighbours_take_one_code():
    space = _space((1, 2))
    with pytest.raises(ShapeError, match="expected one code"):
        space.neighbours(np.zeros((1, space.n_choices), int))


def test_mutation_changes_one_choice_on_average(rng):
    space = spaces.get("gpt-s").restrict(n_layer=[12])
    codes = space.sample_codes(20_000, rng)
    changed = (space.mutate(codes, rng) != codes).sum(axis=1)
    # 26 choices of which each changes with probability 1/27 (the depth counts, but has one value).
    # The mean of 20,000 has a standard deviation of 0.0069; false alarm below 1e-6.
    assert changed.mean() == pytest.approx(26 / 27, abs=0.035)
    assert (changed == 0).any()


def test_mutation_draws_every_other_value(rng):
    space = Space("flat", (Choice("kind", tuple("abcd")),))
    codes = np.full((3000, 1), 2, dtype=np.uint8)
    counts = np.bincount(space.mutate(codes, rng, rate=1.0)[:, 0], minlength=4)
    assert counts[2] == 0
    # Binomial(3000, 1/3): standard deviation 25.8; 6 of them, false alarm below 1e-8.
    np.testing.assert_allclose(counts[[0, 1, 3]], 1000, atol=155)


def test_mutation_fills_new_layers_at_random(rng):
    space = _space((1, 3))
    shallow = np.repeat(space.encode([space.smallest()]), 4000, axis=0)
    mutants = space.mutate(shallow, rng, rate=0.5)
    deep = mutants[space.depths(mutants) == 3]
    for name, values in (("ratio", (2, 3, 4)), ("heads", (4, 8))):
        new = space.values(deep, name)[:, 1:]
        shares = [(new == value).mean() for value in values]
        # About 4,000 draws: standard deviation below 0.008; false alarm below 1e-6.
        np.testing.assert_allclose(shares, 1 / len(values), atol=0.04)


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_mutation_refuses_rates(rate, rng):
    with pytest.raises(SpaceError, match="rate is a probability"):
        _space((1, 2)).mutate(np.zeros((1, 6), int), rng, rate=rate)


def test_one_code_stays_one_code(rng):
    space = _space((1, 2))
    code = space.sample_codes(1, rng)[0]
    assert space.mutate(code, rng).shape == code.shape
    assert space.crossover(code, code, rng).tolist() == code.tolist()


def test_crossover_mixes_both_parents(rng):
    space = spaces.get("gpt-s")
    low, high = (
        np.repeat(space.encode([a]), 4000, axis=0) for a in (space.smallest(), space.largest())
    )
    child = space.crossover(low, high, rng)
    # Standard deviation of each share below 0.008; 75 columns; false alarm below 1e-5.
    shares = (child[:, :3] > 0).mean(axis=0)
    np.testing.assert_allclose(shares, 0.5, atol=0.05)
    ratio = space.values(child, "mlp_ratio")
    np.testing.assert_allclose((ratio[:, :10] == 4).mean(axis=0), 0.5, atol=0.05)
    # Layers 10 and 11 exist in one parent only: where the child has them, they are that parent's.
    assert set(ratio[:, 11].tolist()) == {0, 4}


def test_crossover_needs_one_shape(rng):
    space = _space((1, 2))
    codes = space.sample_codes(3, rng)
    with pytest.raises(ShapeError, match="one shape"):
        space.crossover(codes, codes[:2], rng)


def test_random_codes_are_uniform_per_choice(rng):
    space = spaces.get("gpt-s")
    codes = space.sample_codes(30_000, rng)
    for column, name in enumerate(("embed_dim", "n_layer", "bias")):
        shares = np.bincount(codes[:, column]) / len(codes)
        # Standard deviation below 0.003; false alarm below 1e-6.
        np.testing.assert_allclose(
            shares, 1 / space.cardinalities[column], atol=0.015, err_msg=name
        )
    heads = space.values(codes, "n_head")
    shares = [(heads[:, 0] == value).mean() for value in (4, 8, 12)]
    np.testing.assert_allclose(shares, 1 / 3, atol=0.015)


def test_random_codes_uniform_over_architectures(rng):
    space = _space((1, 2))  # 2 x (6 + 36) networks
    codes = space.sample_codes(84_000, rng, uniform="architectures")
    counts = np.bincount([space.index(arch) for arch in space.decode(codes)], minlength=84)
    # Poisson-like with mean 1000 and standard deviation 32; 84 counts at 6 of them: below 1e-6.
    np.testing.assert_allclose(counts, 1000, atol=190)


def test_a_million_codes(rng):
    space = spaces.get("gpt-l")
    codes = space.sample_codes(1_000_000, rng)
    assert codes.shape == (1_000_000, 75)
    np.testing.assert_array_equal(space.canonical(codes), codes)


def test_unknown_way_to_draw(rng):
    with pytest.raises(UnknownNameError, match="known: choices, architectures"):
        spaces.get("gpt-s").sample_codes(1, rng, uniform="networks")  # type: ignore[arg-type]


def test_negative_number_of_codes(rng):
    with pytest.raises(ShapeError, match="cannot draw -1"):
        spaces.get("gpt-s").sample_codes(-1, rng)
