"""The supernet: slices are extracted networks, superpositions hold them, gradients go where due."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hwbench.spaces as spaces
from hwbench.errors import ShapeError, SpaceError, UnknownNameError
from hwbench.spaces import Choice, Space
from hwbench.spaces.gpt import NETWORKS

torch = pytest.importorskip("torch", reason="needs the extra [train]")

from hwbench.supernet.gpt import ElasticGPT  # noqa: E402
from hwbench.supernet.weights import ArchWeights  # noqa: E402

F64 = torch.float64
V, T = 30, 9
TOY = Space(
    "toy",
    (
        Choice("embed_dim", (4, 8, 12)),
        Choice("n_layer", (1, 2, 4)),
        Choice("bias", (False, True)),
    ),
    (Choice("mlp_ratio", (1, 2, 4)), Choice("n_head", (1, 2, 4))),
    depth="n_layer",
    network="supernet",
    networks=tuple(NETWORKS),
)


def _supernet(name="supernet", space=TOY, **changes):
    heads = None if NETWORKS[name].head_size is None else 4
    small = {"vocab_size": V, "context": 12, "head_size": heads, **changes}
    network = dataclasses.replace(NETWORKS[name], **small)
    net = ElasticGPT(space.with_network(name), network=network, dtype=F64)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():  # far from the start, so that every weight counts
        for weight in net.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator, dtype=F64) / 3)
    return net


def _tokens(rows=2, length=T):
    return torch.randint(V, (rows, length), generator=torch.Generator().manual_seed(1))


def _archs(n, seed=0, space=TOY):
    drawn = space.decode(space.sample_codes(n, np.random.default_rng(seed)))
    return [space.smallest(), space.largest(), *drawn]


def _random_weights(space=TOY, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = ArchWeights.shapes(space).items()
    return {n: torch.randn(s, generator=generator, dtype=F64).softmax(-1) for n, s in shapes}


SHALLOW = Choice("n_layer", (1, 2))
NETS = {name: _supernet(name) for name in NETWORKS}


# -- slice, extraction, superposition ------------------------------------------------------------


@pytest.mark.parametrize("name", NETS)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_slice_is_the_extracted_network_and_superposition_holds_it(name, seed):
    net, arch = NETS[name], TOY.sample(np.random.default_rng(seed))
    sliced, plain = net(_tokens(), arch), net.extract(arch)
    assert torch.equal(sliced, plain(_tokens()))
    assert net.count(arch) == sum(weight.numel() for weight in plain.parameters())
    mixed = net.superpose(_tokens(), ArchWeights.one_hot(arch, TOY, dtype=F64))
    torch.testing.assert_close(mixed, sliced, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NETS)
def test_the_ends_of_the_space(name):
    net = NETS[name]
    for arch in (TOY.smallest(), TOY.largest()):
        for rows, length in ((1, 1), (3, 12)):
            sliced = net(_tokens(rows, length), arch)
            assert torch.equal(sliced, net.extract(arch)(_tokens(rows, length)))
            weights = ArchWeights.one_hot(arch, TOY, dtype=F64)
            mixed = net(_tokens(rows, length), weights)
            torch.testing.assert_close(mixed, sliced, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["small-lm", "nano", "gpt-s"])
def test_registered_spaces(name):
    """Real widths, whose masks are in blocks; the vocabulary is cut, so that it stays quick."""
    space = spaces.get(name)
    space = space.with_network("supernet") if name == "gpt-s" else space
    space = dataclasses.replace(
        space, shared=tuple(SHALLOW if c.name == "n_layer" else c for c in space.shared)
    )
    network = dataclasses.replace(NETWORKS[space.network], vocab_size=64)
    net = ElasticGPT(space, network=network, dtype=F64)
    tokens = torch.randint(64, (1, 20), generator=torch.Generator().manual_seed(0))
    rng = np.random.default_rng(0)
    for arch in [space.smallest(), space.largest(), space.sample(rng)]:
        sliced, plain = net(tokens, arch), net.extract(arch)
        assert torch.equal(sliced, plain(tokens))
        assert net.count(arch) == sum(weight.numel() for weight in plain.parameters())
        mixed = net.superpose(tokens, ArchWeights.one_hot(arch, space, dtype=F64))
        torch.testing.assert_close(mixed, sliced, rtol=0, atol=1e-12)


def test_the_hidden_state():
    net, arch = NETS["nano"], TOY.largest()
    assert torch.equal(net.hidden(_tokens(), arch), net.extract(arch).hidden(_tokens()))
    small = TOY.smallest()
    mixed = net.hidden(_tokens(), ArchWeights.one_hot(small, TOY, dtype=F64))
    torch.testing.assert_close(mixed[..., :4], net.hidden(_tokens(), small), rtol=0, atol=1e-12)
    assert not mixed[..., 4:].any()


@pytest.mark.parametrize("name", NETS)
def test_depths_mix_activations(name):
    """Against the plain network, layer by layer."""
    net, arch = NETS[name], TOY.largest()
    plain, depths = net.extract(arch), torch.tensor([0.2, 0.5, 0.3], dtype=F64)
    choices = dict(ArchWeights.one_hot(arch, TOY, dtype=F64).choices)
    x = plain.wte(_tokens())
    if plain.wpe is not None:
        x = x + plain.wpe.weight[:T]
    states = []
    for block in plain.blocks:
        x = block(x)
        states.append(x)
    mixed = plain.norm(0.2 * states[0] + 0.5 * states[1] + 0.3 * states[3])
    head = plain.wte.weight if plain.lm_head is None else plain.lm_head.weight
    logits = net.superpose(_tokens(), ArchWeights({**choices, "n_layer": depths}))
    torch.testing.assert_close(logits, mixed @ head.T, rtol=0, atol=1e-12)


def test_an_extracted_network_is_on_its_own():
    net = _supernet("nano")
    plain, before = net.extract(TOY.largest()), net(_tokens(), TOY.largest())
    with torch.no_grad():
        for weight in plain.parameters():
            weight.zero_()
    assert torch.equal(net(_tokens(), TOY.largest()), before)


# -- gradients -----------------------------------------------------------------------------------


def _numbered(net):
    """A copy in which every weight is its own number, and the numbers of an architecture's."""
    numbered = _supernet(net.network.name)
    start = 0
    with torch.no_grad():
        for weight in numbered.parameters():
            weight.copy_(torch.arange(start, start + weight.numel()).view(weight.shape))
            start += weight.numel()
    return numbered


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("superposed", [False, True])
def test_gradients_touch_active_weights_only(name, superposed):
    net = _supernet(name)
    numbered = _numbered(net)
    for arch in _archs(4):
        given_arch = ArchWeights.one_hot(arch, TOY, dtype=F64) if superposed else arch
        net.zero_grad()
        net(_tokens(), given_arch).square().sum().backward()
        active = torch.cat([w.flatten() for w in numbered.extract(arch).parameters()])
        assert len(active.unique()) == net.count(arch)
        numbers = zip(net.parameters(), numbered.parameters(), strict=True)
        for weight, number in numbers:
            if weight.grad is not None:
                touched = number[weight.grad != 0]
                assert torch.isin(touched, active).all()


@pytest.mark.parametrize("name", NETS)
def test_gradients_of_a_slice_are_those_of_the_extracted_network(name):
    net, arch = _supernet(name), _archs(1)[-1]
    plain = net.extract(arch)
    net(_tokens(), arch).square().sum().backward()
    plain(_tokens()).square().sum().backward()
    sums = [
        sum(w.grad.square().sum() for w in module.parameters() if w.grad is not None)
        for module in (net, plain)
    ]
    torch.testing.assert_close(*sums)


@pytest.mark.parametrize("name", NETS)
def test_architecture_gradients_are_finite_differences(name):
    net, drawn = NETS[name], _random_weights()

    def run(*values):
        weights = ArchWeights(dict(zip(drawn, values, strict=True)))
        return net.superpose(_tokens(1, 3), weights).square().mean()

    values = [value.requires_grad_() for value in drawn.values()]
    assert torch.autograd.gradcheck(run, values, atol=1e-6)


# -- edges ---------------------------------------------------------------------------------------


def test_start_follows_the_generator():
    nets = [
        ElasticGPT(spaces.get("nano"), generator=torch.Generator().manual_seed(s))
        for s in (1, 1, 2)
    ]
    one, same, other = (net.state_dict() for net in nets)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["wte.weight"], other["wte.weight"])
    assert one["wte.weight"].std().item() == pytest.approx(0.02, rel=0.1)
    assert (one["norm.weight"] == 1).all()
    assert not one["norm.bias"].any()


def test_only_weights_are_saved():
    """What the space fixes is made anew, so that checkpoints hold weights alone."""
    net = ElasticGPT(spaces.get("nano"))
    assert set(net.state_dict()) == {name for name, _ in net.named_parameters()}


def test_mixed_precision():
    space = spaces.get("nano")
    net, tokens = ElasticGPT(space), torch.randint(512, (2, 16))
    arch = space.largest()
    weights = ArchWeights.one_hot(arch, space)
    with torch.autocast("cpu", torch.bfloat16):
        sliced, mixed = net(tokens, arch), net.superpose(tokens, weights)
        assert torch.equal(sliced, net.extract(arch)(tokens))
    assert sliced.dtype == mixed.dtype == torch.bfloat16
    torch.testing.assert_close(mixed.float(), net(tokens, arch), rtol=0, atol=0.02)
    mixed.float().square().mean().backward()
    assert all(weight.grad is not None for weight in net.parameters())


def test_a_sub_space():
    space = spaces.get("nano").restrict(embed_dim=[32, 48], n_layer=[2, 3], n_head=[4])
    net, tokens = ElasticGPT(space, dtype=F64), torch.randint(512, (1, 8))
    assert net.wte.weight.shape == (512, 48)
    assert len(net.blocks) == 3
    arch = space.smallest()
    mixed = net.superpose(tokens, ArchWeights.one_hot(arch, space, dtype=F64))
    torch.testing.assert_close(mixed, net(tokens, arch), rtol=0, atol=1e-12)


def test_what_is_refused():
    net, arch = NETS["nano"], TOY.largest()
    with pytest.raises(ShapeError, match="T <= 12"):
        net(_tokens(1, 13), arch)
    with pytest.raises(ShapeError, match="T <= 12"):
        net(_tokens(1, 13), ArchWeights.uniform(TOY, dtype=F64))
    with pytest.raises(SpaceError, match="expected an architecture of toy"):
        net(_tokens(), spaces.get("nano").largest())
    with pytest.raises(UnknownNameError, match="unknown GPT network"):
        ElasticGPT(Space("other", (Choice("a", (1,)),)))
    with pytest.raises(SpaceError, match="3 heads do not divide the width 4"):
        ElasticGPT(
            dataclasses.replace(
                TOY, layered=(TOY.layered[0], Choice("n_head", (3,))), network="nano"
            )
        )
    with pytest.raises(SpaceError, match="rotary"):
        _supernet("supernet", head_size=None)


# -- weights -------------------------------------------------------------------------------------


def test_one_hot_weights_of_an_architecture():
    arch = TOY.architecture(embed_dim=8, n_layer=2, bias=True, mlp_ratio=[4, 2], n_head=[1, 4])
    weights = ArchWeights.one_hot(arch, TOY)
    assert weights["embed_dim"].tolist() == [0, 1, 0]
    assert weights["n_layer"].tolist() == [0, 1, 0]
    assert weights["bias"].tolist() == [0, 1]
    assert weights["mlp_ratio"].argmax(1).tolist() == [2, 1, 0, 0]
    assert weights["n_head"].argmax(1).tolist() == [0, 2, 0, 0]
    assert all((value.sum(-1) == 1).all() for value in weights.choices.values())


def test_uniform_weights():
    weights = ArchWeights.uniform(TOY, dtype=F64)
    assert {n: tuple(w.shape) for n, w in weights.choices.items()} == ArchWeights.shapes(TOY)
    torch.testing.assert_close(weights["n_head"].sum(1), torch.ones(4, dtype=F64))


def test_weights_that_do_not_fit():
    net, good = NETS["nano"], dict(ArchWeights.uniform(TOY, dtype=F64).choices)
    with pytest.raises(ShapeError, match=r"mlp_ratio need shape \(4, 3\), got \(3,\)"):
        net.superpose(_tokens(), ArchWeights({**good, "mlp_ratio": good["embed_dim"]}))
    with pytest.raises(UnknownNameError, match="colour"):
        net.superpose(_tokens(), ArchWeights({**good, "colour": good["bias"]}))
    del good["bias"]
    with pytest.raises(UnknownNameError, match="bias"):
        net.superpose(_tokens(), ArchWeights(good))
