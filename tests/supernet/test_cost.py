"""Expected costs: exact at an architecture, an average over architectures in between."""

import numpy as np
import pytest

import hwbench.spaces as spaces
from hwbench.benchmark.closed_forms import closed_form, tabulate
from hwbench.errors import ShapeError, SpaceError
from hwbench.spaces import Choice, Space, gpt_costs

torch = pytest.importorskip("torch", reason="needs the extra [train]")

from hwbench.supernet.cost import Penalty, TableCost, flops_cost, params_cost  # noqa: E402
from hwbench.supernet.gpt import ElasticGPT  # noqa: E402
from hwbench.supernet.weights import ArchWeights  # noqa: E402

F64 = torch.float64
NANO = spaces.get("nano")
SMALL = NANO.restrict(embed_dim=[32, 64], n_layer=[2, 3], mlp_ratio=[1, 4])


def _weights(space, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = ArchWeights.shapes(space).items()
    return {n: torch.randn(s, generator=generator, dtype=F64).softmax(-1) for n, s in shapes}


@pytest.mark.parametrize("name", ["nano", "small-lm", "gpt-s", "gpt-l"])
def test_an_architecture_costs_what_it_costs(name, rng):
    space = spaces.get(name)
    space = space.with_network("supernet") if "supernet" in space.networks else space
    codes = space.sample_codes(20, rng)
    params, flops = params_cost(space), flops_cost(space, sequence_length=100)
    expected = zip(
        space.decode(codes),
        gpt_costs.params(space, codes),
        gpt_costs.flops(space, codes, sequence_length=100),
        strict=True,
    )
    for arch, n_params, n_flops in expected:
        weights = ArchWeights.one_hot(arch, space)
        assert params(weights).item() == n_params
        assert flops(weights).item() == pytest.approx(n_flops, rel=1e-12)


def test_parameters_are_those_of_the_supernet():
    net, cost = ElasticGPT(NANO), params_cost(NANO)
    for arch in (NANO.smallest(), NANO.largest()):
        plain = net.extract(arch)
        expected = sum(weight.numel() for weight in plain.parameters())
        assert cost(ArchWeights.one_hot(arch, NANO)).item() == expected


def _probability(weights, space, code):
    """Chance of a code under independent choices, those of absent layers summed out."""
    chance = 1.0
    for column, choice in enumerate(space.shared):
        chance *= weights[choice.name][code[column]].item()
    depth = int(space.depths(code))
    for number, choice in enumerate(space.layered):
        for layer, index in enumerate(code[space.layout.block(number)][:depth]):
            chance *= weights[choice.name][layer, index].item()
    return chance


def test_the_expectation_is_the_sum_over_all_architectures():
    weights = _weights(SMALL)
    codes = SMALL.encode(list(SMALL.enumerate()))
    chances = np.array([_probability(weights, SMALL, code) for code in codes])
    assert chances.sum() == pytest.approx(1.0)
    expected = chances @ gpt_costs.params(SMALL, codes)
    assert params_cost(SMALL)(ArchWeights(weights)).item() == pytest.approx(expected, rel=1e-12)


def test_gradients_are_finite_differences():
    weights, cost = _weights(SMALL), flops_cost(SMALL, sequence_length=2)

    def run(*values):
        return cost(ArchWeights(dict(zip(weights, values, strict=True)))) / 1e6

    assert torch.autograd.gradcheck(run, [w.requires_grad_() for w in weights.values()])


def test_tables_from_elsewhere():
    """Latencies, say: tables for each width and depth, in logarithms."""
    rng = np.random.default_rng(0)
    base, unary = rng.normal(size=4), rng.normal(size=(4, 3, 5))
    cost = TableCost(SMALL, base, unary, link="log")
    arch = SMALL.architecture(embed_dim=64, n_layer=2, mlp_ratio=[4, 1], n_head=[2, 4])
    c = 2  # second width, first depth
    expected = np.exp(base[c] + unary[c, 0, 2] + unary[c, 1, 1])
    got = cost(ArchWeights.one_hot(arch, SMALL)).item()
    assert got == pytest.approx(expected, rel=1e-12)


def test_tables_of_a_bundle(rng):
    """The tables of a layer-wise surrogate are taken as they are."""
    table = tabulate(closed_form("gpt.params"), NANO)
    cost = TableCost(NANO, table.base, table.unary, link=table.link)
    codes = NANO.sample_codes(20, rng)
    for arch, expected in zip(NANO.decode(codes), table.predict(codes), strict=True):
        assert cost(ArchWeights.one_hot(arch, NANO)).item() == expected


def test_tables_that_do_not_fit():
    with pytest.raises(ShapeError, match=r"unary \(4, 3, 4\), got \(4,\) and \(4, 2, 4\)"):
        TableCost(SMALL, np.zeros(4), np.zeros((4, 2, 4)))
    with pytest.raises(ShapeError, match=r"base needs shape \(4,\)"):
        TableCost(SMALL, np.zeros(3), np.zeros((4, 3, 4)))
    with pytest.raises(SpaceError, match="has none"):
        TableCost(Space("flat", (Choice("a", (1, 2)),)), np.zeros(2), np.zeros((2, 1, 1)))


def test_a_cost_that_is_no_sum_is_refused():
    def squared(space, codes):
        return gpt_costs.params(space, codes).astype(float) ** 2

    with pytest.raises(SpaceError, match="no sum over layers"):
        TableCost.of(SMALL, squared)


def test_penalties():
    weights = ArchWeights.one_hot(NANO.largest(), NANO)
    largest = params_cost(NANO)(weights).item()
    cost = params_cost(NANO)
    assert Penalty(cost, 2.0, scale=largest)(weights).item() == pytest.approx(2.0)
    assert Penalty(cost, 2.0, limit=largest / 2)(weights).item() == pytest.approx(2.0)
    assert Penalty(cost, 2.0, limit=largest * 2)(weights).item() == 0.0
    assert Penalty(lambda w: w["embed_dim"].sum(), 3.0)(weights).item() == 3.0
    with pytest.raises(ShapeError, match="must be positive, got 0"):
        Penalty(cost, 1.0, limit=0)
