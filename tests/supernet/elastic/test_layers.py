"""Embedding, norms, MLP and attention: at one choice the slice, in between what they promise."""

import itertools

import pytest

from hwbench.errors import ShapeError

torch = pytest.importorskip("torch", reason="needs the extra [train]")
F = torch.nn.functional

from torch import nn  # noqa: E402

from hwbench.supernet.elastic import (  # noqa: E402
    Axis,
    Coupling,
    ElasticEmbedding,
    ElasticLayerNorm,
    ElasticMLP,
    ElasticRMSNorm,
    FixedHeadAttention,
    SplitMixture,
    SplitWidthAttention,
)
from tests.supernet.elastic.loops import (  # noqa: E402
    F64,
    draw,
    one_hots,
    padded,
    pairs,
    randomise,
    weights_of,
)

WIDTHS = (4, 8, 12)
HEADS = (1, 2, 4)


def _close(a, b):
    torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def _widths(mixture):
    return Axis(WIDTHS, 12, dtype=F64)(mixture)


# -- embedding -----------------------------------------------------------------------------------


def test_embedding():
    table = randomise(ElasticEmbedding(9, 12, dtype=F64))
    tokens, mixture = torch.tensor([[1, 5, 5], [0, 8, 2]]), weights_of(3)
    parts = [table(tokens, width) for width in WIDTHS]
    for part, width in zip(parts, WIDTHS, strict=True):
        assert torch.equal(part, table.weight[:, :width][tokens])
    expected = sum(p * padded(x, (2, 3, 12)) for p, x in zip(mixture, parts, strict=True))
    _close(table.superpose(tokens, _widths(mixture)), expected)


@pytest.mark.parametrize("width", [4, 8, 12])
@pytest.mark.parametrize("used", ["rows", "head", "both", "head twice"])
def test_a_tied_table_has_the_gradients_of_both_ends(width, used):
    table = randomise(ElasticEmbedding(9, 12, dtype=F64))
    tokens, x = torch.tensor([[1, 5, 5], [0, 8, 2]]), draw(2, 3, width)
    rows, head = table.tied(tokens, width)
    assert torch.equal(rows, table.weight[:, :width][tokens])
    weight = table.weight.detach().clone().requires_grad_()
    ends = {
        "rows": (rows.square().sum(), weight[:, :width][tokens].square().sum()),
        "head": (head(x).sin().sum(), (x @ weight[:, :width].T).sin().sum()),
        "again": (head(x + 1).cos().sum(), ((x + 1) @ weight[:, :width].T).cos().sum()),
    }
    chosen = {"both": ["rows", "head"], "head twice": ["rows", "head", "again"]}.get(used, [used])
    ours, theirs = (sum(side) for side in zip(*(ends[name] for name in chosen), strict=True))
    for _ in range(2):  # what the first way back left behind must not count in the second
        ours.backward(retain_graph=True)
        theirs.backward(retain_graph=True)
        _close(table.weight.grad, weight.grad)


@pytest.mark.parametrize("width", [4, 12])
def test_a_tied_table_under_autocast(width):
    table = randomise(ElasticEmbedding(9, 12))
    tokens, weight = torch.tensor([1, 5, 5]), table.weight.detach().clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        rows, head = table.tied(tokens, width)
        part = weight[:, :width]
        ours, theirs = head(rows), F.linear(F.embedding(tokens, part), part)
    assert ours.dtype == torch.bfloat16
    assert torch.equal(ours, theirs)
    ours.sum().backward()
    theirs.sum().backward()
    torch.testing.assert_close(table.weight.grad, weight.grad, rtol=1e-2, atol=1e-2)


# -- norms ---------------------------------------------------------------------------------------


def _norm(kind):
    return randomise({"layer": ElasticLayerNorm, "rms": ElasticRMSNorm}[kind](12, dtype=F64))


@pytest.mark.parametrize("kind", ["layer", "rms"])
@pytest.mark.parametrize("shift", [0.0, 1000.0])
def test_norm_is_the_mixture_of_norms(kind, shift):
    norm, x, mixture = _norm(kind), draw(2, 5, 12) + shift, weights_of(3)
    parts = [norm(x[..., :e].contiguous()) for e in WIDTHS]
    expected = sum(p * padded(y, x.shape) for p, y in zip(mixture, parts, strict=True))
    tolerance = 1e-12 if not shift else 1e-9  # torch's own variance loses these digits too
    torch.testing.assert_close(
        norm.superpose(x, _widths(mixture)), expected, rtol=0, atol=tolerance
    )


@pytest.mark.parametrize("kind", ["layer", "rms"])
def test_norm_at_one_width(kind):
    norm, x = _norm(kind), draw(7, 12)
    for width, mixture in zip(WIDTHS, one_hots(3), strict=True):
        cut = x[:, :width].contiguous()
        sliced = norm(cut)
        plain = (torch.nn.LayerNorm if kind == "layer" else torch.nn.RMSNorm)(
            width, eps=1e-5, dtype=F64
        )
        plain.weight.data = norm.weight.detach()[:width].clone()
        if kind == "layer":
            plain.bias.data = norm.bias.detach()[:width].clone()
        assert torch.equal(sliced, plain(cut))
        # What stands in the other channels does not matter.
        _close(norm.superpose(x, _widths(mixture)), padded(sliced.detach(), x.shape))


@pytest.mark.parametrize("kind", ["layer", "rms"])
def test_gradients_of_norms_are_finite_differences(kind):
    norm = _norm(kind)

    def run(x, gain, mixture):
        norm.weight.data.copy_(gain)  # the value; its gradient is checked below
        return norm.superpose(x, _widths(mixture))

    x, mixture = draw(3, 12).requires_grad_(), weights_of(3).requires_grad_()
    assert torch.autograd.gradcheck(run, (x, norm.weight.detach().clone(), mixture))

    def of_weights(*weights):
        return torch.func.functional_call(
            _Superposed(norm),
            {f"norm.{n}": w for n, w in zip(names, weights, strict=True)},
            (x, mixture),
        )

    names = [name for name, _ in norm.named_parameters()]
    weights = [w.detach().clone().requires_grad_() for w in norm.parameters()]
    assert torch.autograd.gradcheck(of_weights, weights)


class _Superposed(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.norm = norm

    def forward(self, x, mixture):
        return self.norm.superpose(x, _widths(mixture))


def test_norm_of_channels_beyond_the_widest_is_zero():
    norm = _norm("rms")
    widths = Axis((4, 8), 12, dtype=F64)(weights_of(2))
    assert not norm.superpose(draw(3, 12), widths)[:, 8:].any()


# -- MLP -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gelu", "gated_silu"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("tokens", [1, 60])
def test_mlp_at_each_choice(kind, bias, tokens):
    mlp = randomise(ElasticMLP(12, 36, kind=kind, bias=bias, dtype=F64))
    slices = pairs(WIDTHS, (1, 2, 3))
    inner, outer = [e * r for e, r in slices], [e for e, _ in slices]
    up = Coupling(inner, outer, (36, 12), small=0, dtype=F64)
    down = Coupling(outer, inner, (12, 36), small=0, dtype=F64)
    for (e, r), mixture in zip(slices, one_hots(9), strict=True):
        x = draw(tokens, e)
        sliced = mlp(x, e * r)
        weights = {k: (w.detach(), b) for k, (w, b) in mlp.plain(e, e * r).items()}
        hidden = F.linear(x, *weights["up"])
        if kind == "gelu":
            hidden = F.gelu(hidden)
        else:
            hidden = F.silu(F.linear(x, *weights["gate"])) * hidden
        assert torch.equal(sliced, F.linear(hidden, *weights["down"]))
        mixed = mlp.superpose(padded(x, (tokens, 12)), up(mixture[None])[0], down(mixture[None])[0])
        _close(mixed, padded(sliced.detach(), (tokens, 12)))


# -- attention -----------------------------------------------------------------------------------


def _fixed(rotated=2):
    made = FixedHeadAttention(12, 4, 4, rotated=rotated, context=8, bias=True, dtype=F64)
    return randomise(made)


def _split():
    return randomise(SplitWidthAttention(12, HEADS, bias=True, dtype=F64))


def _mixed(attention, x, widths, heads):
    mixture = _widths(widths)
    if isinstance(attention, FixedHeadAttention):
        return attention.superpose(x, mixture, Axis(HEADS, 4, dtype=F64)(heads).scale)
    (qkv,) = Coupling([3 * e for e in WIDTHS], WIDTHS, (36, 12), small=0, dtype=F64)(widths[None])
    (proj,) = Coupling(WIDTHS, WIDTHS, (12, 12), small=0, dtype=F64)(widths[None])
    return attention.superpose(x, SplitMixture(mixture, qkv, proj, heads))


MADE = {"fixed": _fixed, "fixed, not rotary": lambda: _fixed(0), "split": _split}


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("T", [1, 8])
def test_attention_at_each_choice(kind, T):
    attention = MADE[kind]()
    choices = itertools.product(
        zip(WIDTHS, one_hots(3), strict=True), zip(HEADS, one_hots(3), strict=False)
    )
    for (e, widths), (h, heads) in choices:
        x = draw(2, T, e)
        sliced = attention(x, h).detach()
        mixed = _mixed(attention, padded(x, (2, T, 12)), widths, heads)
        _close(mixed, padded(sliced, (2, T, 12)))


@pytest.mark.parametrize("kind", MADE)
def test_numbers_of_heads_mix_outputs(kind):
    attention, x, heads = MADE[kind](), draw(2, 5, 8), weights_of(3)
    mixed = _mixed(attention, padded(x, (2, 5, 12)), one_hots(3)[1], heads)
    expected = sum(p * attention(x, h) for p, h in zip(heads, HEADS, strict=True))
    _close(mixed, padded(expected.detach(), (2, 5, 12)))


@pytest.mark.parametrize("kind", MADE)
def test_attention_gradients_are_finite_differences(kind):
    attention, x = MADE[kind](), draw(1, 3, 12)
    p, q = weights_of(3).requires_grad_(), weights_of(3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda p, q: _mixed(attention, x, p, q), (p, q))


def test_slices_of_split_heads_nest():
    """The first d rows are the first d / h dimensions of each head, whatever the width."""
    attention = _split()
    for heads in HEADS:
        whole = attention.plain(12, heads).qkv[0].view(heads, 3, 12 // heads, 12)
        for width in (4, 8):
            part = attention.plain(width, heads).qkv[0].view(heads, 3, width // heads, width)
            assert torch.equal(part, whole[:, :, : width // heads, :width])


def test_heads_must_divide_the_width():
    with pytest.raises(ShapeError, match="5 heads do not divide the width 12"):
        SplitWidthAttention(12, (2, 5), bias=False)
    with pytest.raises(ShapeError, match="8 heads do not divide the width 12"):
        _split()(draw(1, 2, 12), 8)
