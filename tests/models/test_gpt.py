"""The GPT network against a plain numpy forward pass, and against itself under changes."""

import dataclasses
import math
import sys

import numpy as np
import pytest

import hwbench.spaces as spaces
from hwbench import models
from hwbench.errors import MissingExtraError, ShapeError, SpaceError, UnknownNameError
from hwbench.spaces import Choice, Space
from hwbench.spaces.gpt import NETWORKS

torch = pytest.importorskip("torch", reason="needs the extra [train]")
gpt = pytest.importorskip("hwbench.models.gpt")

SMALL = {
    name: dataclasses.replace(network, vocab_size=50, context=16)
    for name, network in NETWORKS.items()
}
SIZES = {"embed_dim": 24, "mlp_ratio": (2, 3), "n_head": (2, 1)}


def _model(network="profiled", *, bias=True, seed=0, **changes):
    net = dataclasses.replace(SMALL[network], **{"head_size": 8, **changes})
    config = gpt.GptConfig(**SIZES, bias=bias, network=net)
    model = gpt.GPT(config, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():  # far from the start, so that every weight counts
        generator = torch.Generator().manual_seed(seed + 1)
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator, dtype=torch.float64) / 3)
    return model.eval()


def _tokens(rows=2, length=9, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(50, (rows, length), generator=generator)


def _turned(row, position, net):
    n = int(net.rotary_fraction * len(row)) // 2 * 2
    if net.positions == "learned" or n == 0:
        return row
    half = n // 2
    # Dimensions i and i + half are the real and the imaginary part of a number that turns.
    angles = position * 10000.0 ** (-2 * np.arange(half) / n)
    turned = (row[:half] + 1j * row[half:n]) * np.exp(1j * angles)
    return np.concatenate([turned.real, turned.imag, row[n:]])


def _numpy_forward(model, tokens):
    """One sequence through the network, written out with loops over heads and positions."""
    weights = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    net = model.config.network

    def linear(x, name):
        return x @ weights[f"{name}.weight"].T + weights.get(f"{name}.bias", 0.0)

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def attention(x, name, heads):
        size = net.head_size or 24 // heads
        qkv = linear(x, f"{name}.qkv").reshape(len(x), heads, 3, size)
        mixed = np.zeros((len(x), heads, size))
        for h in range(heads):
            q = np.array([_turned(row, t, net) for t, row in enumerate(qkv[:, h, 0])])
            k = np.array([_turned(row, t, net) for t, row in enumerate(qkv[:, h, 1])])
            for t in range(len(x)):
                scores = np.exp(k[: t + 1] @ q[t] / np.sqrt(size))
                mixed[t, h] = scores / scores.sum() @ qkv[: t + 1, h, 2]
        return linear(mixed.reshape(len(x), -1), f"{name}.proj")

    def mlp(x, name):
        up = linear(x, f"{name}.up")
        if net.mlp == "gated_silu":
            gate = linear(x, f"{name}.gate")
            return linear(gate / (1 + np.exp(-gate)) * up, f"{name}.down")
        erf = np.vectorize(math.erf)
        return linear(up * (1 + erf(up / np.sqrt(2))) / 2, f"{name}.down")

    x = weights["wte.weight"][tokens]
    if net.positions == "learned":
        x = x + weights["wpe.weight"][: len(x)]
    for i, heads in enumerate(model.config.n_head):
        block = f"blocks.{i}"
        attended = x + attention(norm(x, f"{block}.norm_1"), f"{block}.attn", heads)
        seen = x if net.residual == "parallel" else attended
        x = attended + mlp(norm(seen, f"{block}.norm_2"), f"{block}.mlp")
    head = weights["wte.weight"] if net.tied else weights["lm_head.weight"]
    return norm(x, "norm") @ head.T


@pytest.mark.parametrize("network", list(NETWORKS))
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.5, 1.0])
def test_forward_pass(network, bias, fraction):
    model, tokens = _model(network, bias=bias, rotary_fraction=fraction), _tokens()
    logits = model(tokens)
    assert logits.shape == (2, 9, 50)
    for row, sequence in zip(logits, tokens, strict=True):
        expected = _numpy_forward(model, sequence.numpy())
        np.testing.assert_allclose(row.detach().numpy(), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("residual", ["parallel", "sequential"])
@pytest.mark.parametrize("positions", ["rotary", "learned"])
@pytest.mark.parametrize("head_size", [8, None])
def test_forward_pass_of_variants(residual, positions, head_size):
    changes = {"residual": residual, "positions": positions, "head_size": head_size}
    model, tokens = _model("supernet", **changes), _tokens(1)
    expected = _numpy_forward(model, tokens[0].numpy())
    np.testing.assert_allclose(model(tokens)[0].detach().numpy(), expected, rtol=1e-5, atol=1e-7)


def test_a_network_of_given_weights():
    model, tokens = _model("nano"), _tokens()
    same = gpt.GPT.from_weights(model.config, model.state_dict())
    assert torch.equal(same(tokens), model(tokens))
    assert same.wte.weight.data_ptr() == model.wte.weight.data_ptr()


@pytest.mark.parametrize("network", list(NETWORKS))
def test_no_look_into_the_future(network):
    model, tokens = _model(network), _tokens()
    changed = tokens.clone()
    changed[:, 5:] = (changed[:, 5:] + 1) % 50
    same, other = model(tokens), model(changed)
    torch.testing.assert_close(same[:, :5], other[:, :5], rtol=0, atol=1e-12)
    assert not torch.allclose(same[:, 5:], other[:, 5:])


def test_rotation_depends_on_distance_only():
    cos, sin = gpt.rotary_tables(12, 8)
    rng = np.random.default_rng(0)
    q, k = (torch.tensor(rng.normal(size=8), dtype=torch.float32) for _ in range(2))

    def turn(x, t):
        one, two = x.chunk(2)
        return x * cos[t] + torch.cat((-two, one)) * sin[t]

    products = torch.stack([turn(q, t + 4) @ turn(k, t) for t in range(8)])
    torch.testing.assert_close(products, products[:1].expand(8), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(turn(q, 0), q)


def test_rotary_tables_by_hand():
    cos, sin = gpt.rotary_tables(3, 4)
    angles = torch.tensor([[0.0, 0.0], [1.0, 0.01], [2.0, 0.02]]).repeat(1, 2)
    torch.testing.assert_close(cos, angles.cos())
    torch.testing.assert_close(sin, angles.sin())
    assert gpt.rotary_tables(3, 0)[0].shape == (3, 0)


def test_start_is_reproducible_and_leaves_the_global_generator_alone():
    config = gpt.GptConfig(**SIZES, bias=True, network=SMALL["profiled"])
    before = torch.random.get_rng_state()
    models_ = [gpt.GPT(config, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert torch.equal(before, torch.random.get_rng_state())
    one, same, other = (model.state_dict() for model in models_)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["wte.weight"], other["wte.weight"])
    assert one["wte.weight"].std().item() == pytest.approx(0.02, rel=0.1)
    assert not one["blocks.0.attn.qkv.bias"].any()
    assert (one["norm.weight"] == 1).all()


def test_a_tied_model_holds_its_weight_once():
    tied, untied = _model("supernet"), _model("profiled")
    assert "lm_head.weight" not in tied.state_dict()
    assert untied.state_dict()["lm_head.weight"].shape == (50, 24)
    assert not any(name.endswith(("cos", "sin")) for name in tied.state_dict())


def test_gradients_reach_every_weight():
    model = _model("profiled").train()
    model(_tokens()).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_tokens_that_do_not_fit():
    model = _model()
    with pytest.raises(ShapeError, match="T <= 16"):
        model(_tokens(length=17))
    with pytest.raises(ShapeError, match=r"\(9,\)"):
        model(_tokens()[0])


def test_sizes_that_do_not_fit():
    free = dataclasses.replace(SMALL["profiled"], head_size=None)
    with pytest.raises(SpaceError, match="do not divide"):
        gpt.GptConfig(24, (2, 2), (2, 5), bias=True, network=free)
    with pytest.raises(ShapeError, match="got 1 and 2"):
        gpt.GptConfig(24, (2,), (2, 5), bias=True, network=free)


def test_head_size_from_the_width():
    free = dataclasses.replace(SMALL["profiled"], head_size=None)
    config = gpt.GptConfig(24, (2, 2), (2, 3), bias=True, network=free)
    assert [config.head_size(i) for i in (0, 1)] == [12, 8]
    assert [config.rotated(i) for i in (0, 1)] == [2, 2]  # a quarter of 12 is 3: cut to pairs


def test_mixed_precision_keeps_activations_short():
    model = gpt.GPT(gpt.GptConfig(**SIZES, bias=True, network=SMALL["profiled"])).eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert model(_tokens()).dtype == torch.bfloat16
    assert model.to(torch.bfloat16)(_tokens()).dtype == torch.bfloat16


@pytest.mark.parametrize("network", ["profiled", "supernet"])
def test_build(network, rng):
    space = spaces.get("gpt-s").with_network(network)
    arch = space.architecture(embed_dim=192, n_layer=10, bias=True, mlp_ratio=2, n_head=[4, 8] * 5)
    model = models.build(arch, space, device="meta")
    assert isinstance(model, gpt.GPT)
    assert [block.attn.n_head for block in model.blocks] == [4, 8] * 5
    assert {p.device.type for p in model.parameters()} == {"meta"}
    assert model.config.network == NETWORKS[network]


def test_build_without_a_choice_of_bias():
    space = spaces.get("nano")
    model = models.build(space.largest(), space)
    assert not any("bias" in name for name in model.state_dict() if "norm" not in name)
    assert model.wpe.weight.shape == (128, 64)
    assert model(torch.zeros((1, 128), dtype=torch.long)).shape == (1, 128, 512)


def test_build_refuses_what_it_does_not_know(rng):
    arch = spaces.get("gpt-m").smallest()
    with pytest.raises(SpaceError, match="expected an architecture of gpt-s"):
        models.build(arch, spaces.get("gpt-s"))
    with pytest.raises(UnknownNameError, match="unknown space with a network 'toy'"):
        models.build(arch, Space("toy", (Choice("a", (1,)),)))


def test_the_extra_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "hwbench.models.gpt")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"\[train\]"):
        models.build(spaces.get("gpt-s").smallest(), spaces.get("gpt-s"))
