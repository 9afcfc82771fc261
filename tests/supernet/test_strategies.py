"""Strategies: which gradients reach which weights, against sums and derivatives made elsewhere."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from hwbench import spaces
from hwbench.errors import SpaceError, UnknownNameError
from hwbench.supernet import strategies
from hwbench.supernet.distributions import Darts, DrNas, Gdas, random_architecture
from hwbench.supernet.gpt import ElasticGPT
from hwbench.supernet.running import run
from hwbench.supernet.strategies import (
    ArchitectureStrategy,
    Batch,
    MicroStep,
    Paths,
    Standalone,
    TangleNas,
    cross_entropy,
    unrolled_gradient,
)

SPACE = spaces.get("nano").restrict(embed_dim=[32, 64], n_layer=[2, 3], mlp_ratio=[1, 2])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def net() -> ElasticGPT:
    return ElasticGPT(SPACE, generator=generator(), dtype=torch.float64)


def batches(part: str) -> Batch:
    rows = np.random.default_rng(len(part)).integers(0, 512, (3, 9))
    tokens = torch.from_numpy(rows)
    return Batch(tokens[:, :-1], tokens[:, 1:])


def micro_of(net: ElasticGPT, seed: int = 0, **changes) -> MicroStep:
    def backward(loss: Tensor, share: float, *, inputs=None) -> None:
        (loss * share).backward(inputs=inputs)

    settings = {
        "run": lambda choice, inputs: run(net, choice, inputs),
        "draw": batches,
        "backward": backward,
        "weights": list(net.parameters()),
        "generator": generator(seed),
        "progress": 0.0,
        "learning_rate": 0.1,
    }
    return MicroStep(**{**settings, **changes})


def plain_loss(net: ElasticGPT, choice, part: str = "weights") -> Tensor:
    batch = batches(part)
    logits = run(net, choice, batch.inputs)
    return F.cross_entropy(logits.reshape(-1, 512), batch.targets.reshape(-1))


def gradients(net: ElasticGPT, loss: Tensor) -> list[Tensor]:
    weights = list(net.parameters())
    return list(torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True))


def got(net: ElasticGPT) -> list[Tensor]:
    return [torch.zeros_like(p) if p.grad is None else p.grad for p in net.parameters()]


def test_spos_follows_one_uniform_path(net):
    micro = micro_of(net, seed=4)
    loss = Paths(SPACE).train_weights(micro)
    expected = plain_loss(net, random_architecture(SPACE, generator(4)))
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(got(net), gradients(net, expected))
    assert micro.passes == 1


def test_the_sandwich_follows_the_mean_of_its_paths(net):
    strategy = Paths(SPACE, random=2, largest=True, smallest=True)
    micro = micro_of(net, seed=5)
    strategy.train_weights(micro)
    seed = generator(5)
    paths = [SPACE.largest(), SPACE.smallest(), *(random_architecture(SPACE, seed) for _ in "ab")]
    mean = torch.stack([plain_loss(net, arch) for arch in paths]).mean()
    torch.testing.assert_close(got(net), gradients(net, mean))
    assert micro.passes == strategy.passes == 4


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_distillation_is_the_divergence_from_the_largest(net, temperature):
    strategy = Paths(
        SPACE, random=0, largest=True, smallest=True, distil=True, temperature=temperature
    )
    strategy.train_weights(micro_of(net))
    batch = batches("weights")
    student = net(batch.inputs, SPACE.smallest()).reshape(-1, 512)
    teacher = net(batch.inputs, SPACE.largest()).detach().reshape(-1, 512)
    # torch's own KL divergence, whose target is a constant; its gradient is the cross entropy's.
    soft = F.kl_div(
        (student / temperature).log_softmax(-1),
        (teacher / temperature).softmax(-1),
        reduction="batchmean",
    )
    total = (plain_loss(net, SPACE.largest()) + temperature**2 * soft) / 2
    torch.testing.assert_close(got(net), gradients(net, total), rtol=1e-6, atol=1e-9)


def test_distillation_waits_for_its_time(net):
    waiting = Paths(SPACE, random=0, largest=True, smallest=True, distil=True, distil_from=0.5)
    waiting.train_weights(micro_of(net, progress=0.4))
    both = plain_loss(net, SPACE.largest()) + plain_loss(net, SPACE.smallest())
    torch.testing.assert_close(got(net), gradients(net, both / 2))


def test_a_student_that_equals_its_teacher_has_nothing_to_learn(net):
    small = SPACE.restrict(embed_dim=[32], n_layer=[2], mlp_ratio=[1], n_head=[2])
    own = ElasticGPT(small, generator=generator(), dtype=torch.float64)
    Paths(small, random=0, largest=True, smallest=True, distil=True).train_weights(micro_of(own))
    half = gradients(own, plain_loss(own, small.largest()) / 2)
    torch.testing.assert_close(got(own), half, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", [DrNas, Darts])
def test_tanglenas_trains_weights_on_a_mixture(net, kind):
    distribution = kind(SPACE, generator=generator(1))
    micro = micro_of(net, seed=6)
    TangleNas(distribution).train_weights(micro)
    drawn = distribution.sample(generator(6))
    torch.testing.assert_close(got(net), gradients(net, plain_loss(net, drawn)))
    assert all(p.grad is None for p in distribution.parameters())
    assert micro.passes == 1


def test_hard_draws_train_weights_on_a_slice(net):
    chosen = []

    def spy(choice, inputs):
        chosen.append(choice)
        return run(net, choice, inputs)

    TangleNas(Gdas(SPACE, generator=generator(1))).train_weights(micro_of(net, run=spy))
    assert type(chosen[0]).__name__ == "Architecture"


def test_the_architecture_step_uses_its_own_text_and_leaves_weights_alone(net):
    distribution = Darts(SPACE, generator=generator(1))
    distribution.double()
    TangleNas(distribution).train_architecture(micro_of(net))
    assert all(p.grad is None for p in net.parameters())
    parameters = list(distribution.parameters())
    with torch.no_grad():
        for parameter, row in itertools.product(parameters, [0]):
            numbers = []
            for by in (1e-5, -1e-5):
                parameter.view(-1)[row] += by
                mixture = distribution.sample(generator())
                numbers.append(float(plain_loss(net, mixture, "architecture")))
                parameter.view(-1)[row] -= by
            difference = (numbers[0] - numbers[1]) / 2e-5
            assert float(parameter.grad.view(-1)[row]) == pytest.approx(difference, abs=1e-8)


def test_a_penalty_is_added_to_the_architecture_loss(net):
    plain, paid = (Darts(SPACE, generator=generator(1)) for _ in range(2))
    TangleNas(plain).train_architecture(micro_of(net))
    TangleNas(paid, penalty=lambda w: w["n_layer"][1]).train_architecture(micro_of(net))
    probability = plain.logits["n_layer"].detach().softmax(-1)
    # d p_1 / d logits = p_1 (e_1 - p)
    expected = probability[1] * (torch.tensor([0.0, 1.0]) - probability)
    added = paid.logits["n_layer"].grad - plain.logits["n_layer"].grad
    torch.testing.assert_close(added, expected, rtol=1e-4, atol=1e-6)


def test_second_order_on_a_quadratic():
    # train = |w - A a|^2 / 2, validation = |w - b|^2 / 2 + c.a. After one step of size r,
    # w' = (1 - r) w + r A a, so d validation / d a = r A^T (w' - b) + c, exactly.
    draw = generator(3)
    A, w, a, b, c = (
        torch.randn(shape, generator=draw, dtype=torch.float64)
        for shape in ((4, 3), (4,), (3,), (4,), (3,))
    )
    w.requires_grad_()
    a.requires_grad_()
    kept = w.detach().clone()
    found = unrolled_gradient(
        lambda: (w - A @ a).square().sum() / 2,
        lambda: (w - b).square().sum() / 2 + c @ a,
        weights=[w],
        architecture=[a],
        rate=0.3,
    )
    ahead = (0.7 * w + 0.3 * A @ a).detach()
    torch.testing.assert_close(found.gradient[0], 0.3 * A.T @ (ahead - b) + c)
    torch.testing.assert_close(found.loss, (ahead - b).square().sum() / 2 + c @ a.detach())
    assert torch.equal(w.detach(), kept)


def test_second_order_agrees_with_taking_the_step(net):
    distribution = Darts(SPACE, generator=generator(1)).double()
    TangleNas(distribution, order=2).train_architecture(micro := micro_of(net, learning_rate=0.5))
    first = {n: p.detach().clone() for n, p in net.named_parameters()}

    def after_a_step() -> float:
        mixture = distribution.sample(generator())
        steps = gradients(net, plain_loss(net, mixture))
        with torch.no_grad():
            for weight, step in zip(net.parameters(), steps, strict=True):
                weight -= 0.5 * step
            found = float(plain_loss(net, mixture, "architecture"))
        net.load_state_dict(first)
        return found

    for parameter in distribution.parameters():
        entry = parameter.data.view(-1)
        entry[0] += 1e-5
        above = after_a_step()
        entry[0] -= 2e-5
        below = after_a_step()
        entry[0] += 1e-5
        # The strategy's own difference has a width of 0.01, hence the tolerance.
        difference = (above - below) / 2e-5
        assert float(parameter.grad.view(-1)[0]) == pytest.approx(difference, rel=2e-2, abs=1e-6)
    assert micro.passes == 4


def test_standalone_trains_the_network_itself(net):
    arch = SPACE.smallest()
    module = net.extract(arch)
    micro = micro_of(module)
    Standalone().train_weights(micro)
    expected = plain_loss(net, arch)
    torch.testing.assert_close(
        module.wte.weight.grad, gradients(net, expected)[0][:, :32], rtol=1e-9, atol=1e-12
    )


def test_cross_entropy_is_computed_in_single_precision():
    logits = torch.randn(2, 3, 5, generator=generator()).bfloat16()
    targets = torch.randint(0, 5, (2, 3), generator=generator())
    expected = F.cross_entropy(logits.float().reshape(-1, 5), targets.reshape(-1))
    assert cross_entropy(logits, targets) == expected


@pytest.mark.parametrize("method", list(strategies.METHODS))
def test_methods_by_name(method):
    strategy = strategies.make(method, SPACE, generator=generator())
    assert isinstance(strategy.to_dict()["kind"], str)
    assert all(a is not None for a in strategy.watched().values())
    assert (strategy.distribution is not None) == (method == "tanglenas")


@pytest.mark.parametrize("method", list(strategies.METHODS))
def test_who_learns_a_distribution_says_how(method):
    strategy = strategies.make(method, SPACE, generator=generator())
    learns = isinstance(strategy, ArchitectureStrategy)
    assert learns == (strategy.distribution is not None)
    assert learns == hasattr(strategy, "train_architecture")


def test_a_strategy_that_does_not_say_how_cannot_be_made():
    class Mute(ArchitectureStrategy):
        train_weights = Standalone.train_weights
        watched = Standalone.watched
        to_dict = Standalone.to_dict

    with pytest.raises(TypeError, match="train_architecture"):
        Mute()  # type: ignore[abstract]


def test_settings_that_clash_are_refused():
    make = strategies.make
    with pytest.raises(UnknownNameError, match="unknown method 'sposs'"):
        make("sposs", SPACE, generator=generator())
    with pytest.raises(SpaceError, match="learns no architecture"):
        make("spos", SPACE, generator=generator(), order=2)
    with pytest.raises(SpaceError, match="without draws: darts, not DrNas"):
        make("tanglenas", SPACE, generator=generator(), order=2)
    with pytest.raises(SpaceError, match="needs a path"):
        Paths(SPACE, random=0)
    with pytest.raises(SpaceError, match="let it run, too"):
        Paths(SPACE, distil=True)
    with pytest.raises(SpaceError, match="temperature"):
        Paths(SPACE, temperature=0.0)
