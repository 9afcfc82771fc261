"""Distributions: draws lie on the simplex, gradients are those of the literature, seeds hold."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from torch import Tensor
from torch.distributions import Dirichlet

from hwbench import spaces
from hwbench.errors import SpaceError, UnknownNameError
from hwbench.spaces import Choice, Space
from hwbench.supernet.distributions import (
    LEARNED,
    Darts,
    DrNas,
    Gdas,
    ReinMax,
    Uniform,
    discretise,
    make,
    random_architecture,
)
from hwbench.supernet.distributions.hard import reinmax
from hwbench.supernet.distributions.relaxed import sparsemax
from hwbench.supernet.weights import ArchWeights

SPACE = spaces.get("nano")
TOY = Space("toy", (Choice("width", (1, 2, 3)),))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=list(LEARNED))
def learned(request):
    return make(request.param, SPACE, generator=generator())


def test_draws_have_the_shapes_of_the_space_and_sum_to_one(learned):
    drawn = learned.sample(generator(), progress=0.5)
    drawn.check(SPACE)
    for row in drawn.choices.values():
        torch.testing.assert_close(row.sum(-1), torch.ones(row.shape[:-1]))
        assert row.requires_grad


def test_hard_draws_are_one_hot(learned):
    for row in learned.sample(generator()).choices.values():
        is_hard = bool(((row == 0) | ((row - 1).abs() < 1e-6)).all())
        assert is_hard == learned.hard


def test_a_seed_is_a_draw(learned):
    before = torch.random.get_rng_state()
    first, second = (learned.sample(generator(3)) for _ in range(2))
    other = learned.sample(generator(4))
    for name in first.choices:
        torch.testing.assert_close(first[name], second[name], rtol=0, atol=0)
    if not isinstance(learned, Darts):
        assert any(not torch.equal(first[n], other[n]) for n in first.choices)
    assert torch.equal(torch.random.get_rng_state(), before)  # the global generator is not touched


def test_gradients_reach_every_parameter(learned):
    drawn = learned.sample(generator(1))
    weights = {n: torch.arange(1.0, 1 + r.numel()).view(r.shape) for n, r in drawn.choices.items()}
    total: Tensor = sum((drawn[n] * w).sum() for n, w in weights.items())
    total.backward()
    for parameter in learned.parameters():
        assert parameter.grad.isfinite().all()
        assert (parameter.grad != 0).any(dim=-1).all()


def test_the_mode_is_the_greatest_parameter_of_each_row(learned):
    wanted = SPACE.sample(np.random.default_rng(7))
    one_hot = ArchWeights.one_hot(wanted, SPACE)
    with torch.no_grad():
        for name, logits in learned.logits.items():
            logits += 2 * one_hot[name]
    assert learned.mode() == wanted
    assert discretise(one_hot, SPACE) == wanted
    for row in learned.probabilities().values():
        torch.testing.assert_close(row.sum(-1), torch.ones(row.shape[:-1]))


def test_parameters_start_small_and_by_the_seed():
    first, second = (make("drnas", SPACE, generator=generator(5)) for _ in range(2))
    flat = torch.cat([p.detach().flatten() for p in first.parameters()])
    assert 0 < float(flat.abs().max()) < 0.01
    assert torch.equal(flat, torch.cat([p.flatten() for p in second.parameters()]))


def test_state_goes_to_a_checkpoint_and_back(learned):
    other = make(
        next(n for n, k in LEARNED.items() if isinstance(learned, k)), SPACE, generator=generator(9)
    )
    other.load_state_dict(learned.state_dict())
    assert other.mode() == learned.mode()


def test_dirichlet_draws_are_torchs_own():
    # The same global seed must give what torch.distributions gives, value and gradient.
    drnas = DrNas(TOY, generator=generator())
    logits = torch.tensor([0.5, -0.5, 0.0], requires_grad=True)
    drawn = drnas.draw(logits, generator(2), progress=0.0)
    seed = int(torch.randint(2**62, (), generator=generator(2)))
    same = logits.detach().clone().requires_grad_()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        expected = Dirichlet(torch.nn.functional.elu(same) + 1).rsample()
    weights = torch.tensor([1.0, 2.0, 5.0])
    (drawn * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(drawn, expected)
    torch.testing.assert_close(logits.grad, same.grad)


def test_dirichlet_gradients_agree_with_the_mean():
    # E[x] = c / sum(c) and dc/dlogit = 1 for logits >= 0, so for c = (2, 1, 1) the gradient of
    # E[x_0] is (1/8, -1/8, -1/8) (quotient rule). 40,000 draws; standard error below 0.0015: a
    # false alarm at six of them has probability below 1e-8.
    drnas = DrNas(TOY, generator=generator())
    logits = torch.tensor([1.0, 0.0, 0.0], requires_grad=True)
    many = drnas.draw(logits.expand(40_000, 3), generator(1), progress=0.0)
    many[:, 0].mean().backward()
    torch.testing.assert_close(
        logits.grad, torch.tensor([0.125, -0.125, -0.125]), rtol=0, atol=0.009
    )


def test_draws_survive_extreme_parameters():
    drnas = DrNas(TOY, generator=generator())
    for value in (-1e4, 1e4):
        logits = torch.full((1000, 3), value, requires_grad=True)
        drawn = drnas.draw(logits, generator(1), progress=0.0)
        drawn[:, 0].sum().backward()
        assert drawn.isfinite().all()
        assert logits.grad.isfinite().all()


def test_gumbel_draws_follow_the_softmax():
    # 30,000 draws of probabilities (.5, .3, .2): the standard error is below 0.003; six of them.
    gdas = Gdas(TOY, generator=generator())
    logits = torch.tensor([0.5, 0.3, 0.2]).log().expand(30_000, 3)
    for progress in (0.0, 1.0):
        share = gdas.draw(logits, generator(1), progress=progress).mean(0)
        torch.testing.assert_close(share, torch.tensor([0.5, 0.3, 0.2]), rtol=0, atol=0.018)


def test_the_temperature_falls_linearly():
    gdas = Gdas(TOY, generator=generator())
    assert [gdas.temperature(p) for p in (0.0, 0.5, 1.0)] == pytest.approx([10.0, 5.05, 0.1])


def test_a_cold_gumbel_gradient_is_that_of_its_softmax():
    gdas = Gdas(TOY, generator=generator())
    logits = torch.tensor([0.2, 0.1, -0.4], requires_grad=True)
    noise = torch.empty(3).exponential_(generator=generator(6)).log().neg()
    gdas.draw(logits, generator(6), progress=0.5)[1].backward()
    soft = ((logits.detach().log_softmax(-1) + noise) / 5.05).softmax(-1)
    # d softmax_1 / d logits = p_1 (e_1 - p) / temperature, and log_softmax adds a constant row.
    expected = soft[1] * (torch.tensor([0.0, 1.0, 0.0]) - soft) / 5.05
    torch.testing.assert_close(logits.grad, expected)


def test_reinmax_is_exact_for_quadratics():
    # Liu et al. 2023, theorem 3.1: second order, hence exact where f is a quadratic of the draw.
    # The expectation over the three one-hot draws is taken in full.
    matrix = torch.tensor([[1.0, 0.3, -2.0], [0.3, 0.5, 0.7], [-2.0, 0.7, 3.0]]).double()
    logits = torch.tensor([0.4, -0.3, 0.1]).double().requires_grad_()
    eye = torch.eye(3).double()

    def f(x: Tensor) -> Tensor:
        return x @ matrix @ x + x @ torch.tensor([1.0, -1.0, 0.5]).double()

    expected = torch.autograd.grad(
        (logits.softmax(-1) * torch.stack([f(e) for e in eye])).sum(), logits
    )
    got = torch.zeros(3).double()
    for probability, hard in zip(logits.detach().softmax(-1), eye, strict=True):
        got += probability * torch.autograd.grad(f(reinmax(logits, hard, 1.0)), logits)[0]
    torch.testing.assert_close(got, expected[0])


@given(values=st.lists(st.floats(-3, 3), min_size=1, max_size=6))
def test_sparsemax_is_the_projection_onto_the_simplex(values):
    z = np.array(values)
    got = sparsemax(torch.tensor(values, dtype=torch.float64)).numpy()
    best = minimize(
        lambda p: ((p - z) ** 2).sum(),
        np.full(len(z), 1 / len(z)),
        bounds=[(0, 1)] * len(z),
        constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
        method="SLSQP",
    )
    assert got.sum() == pytest.approx(1.0)
    assert ((got - z) ** 2).sum() <= best.fun + 1e-6


def test_uniform_draws_every_choice_alike():
    # 3,000 draws: each column's shares have a standard error below 0.0092; six of them.
    uniform, seed = Uniform(SPACE), generator(0)
    drawn = [uniform.sample(seed) for _ in range(3000)]
    depths = [a["n_layer"] for a in drawn]
    ratios = [a["mlp_ratio"][0] for a in drawn]
    for values, kinds in ((depths, (2, 3, 4)), (ratios, (1, 2, 4))):
        for kind in kinds:
            assert values.count(kind) / 3000 == pytest.approx(1 / 3, abs=0.055)
    assert uniform.hard
    assert not list(uniform.parameters())
    with pytest.raises(SpaceError, match="no likeliest architecture"):
        uniform.mode()


def test_random_architectures_cover_a_small_space():
    small = SPACE.restrict(embed_dim=[32], n_layer=[2], mlp_ratio=[1, 2])
    seed = generator(1)
    drawn = {random_architecture(small, seed) for _ in range(400)}
    every = set(itertools.islice(small.enumerate(), 100))
    assert drawn == every  # 16 networks; one is missed with probability below 1e-10


def test_bad_settings_are_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'drnas'"):
        make("drnass", SPACE, generator=generator())
    with pytest.raises(SpaceError, match="fall and stay above 0"):
        Gdas(SPACE, generator=generator(), hottest=0.1, coldest=1.0)
    with pytest.raises(SpaceError, match="1 or more"):
        ReinMax(SPACE, generator=generator(), temperature=0.5)
    with pytest.raises(UnknownNameError, match="normalise"):
        Darts(SPACE, generator=generator(), normalise="max")
