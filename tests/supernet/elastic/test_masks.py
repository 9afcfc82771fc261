"""Masks against loops of pads, in both forms: over weights (many tokens) and over activations."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwbench.errors import ShapeError

torch = pytest.importorskip("torch", reason="needs the extra [train]")

from hwbench.supernet.elastic import (  # noqa: E402
    Axis,
    Blocks,
    Coupling,
    Dense,
    ElasticLinear,
    Scales,
    _products,
)
from tests.supernet.elastic.loops import (  # noqa: E402
    F64,
    draw,
    loop_of_pads,
    one_hots,
    padded,
    pairs,
    randomise,
    weights_of,
)

WIDTHS, RATIOS = (4, 6, 10), (1, 2, 3)
FEW, MANY = 1, 40  # tokens: the masks scale activations, or the weight


def _close(a, b):
    torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.fixture(params=["small", "large"])
def size(request, monkeypatch):
    """Small and large weights are multiplied in two ways: take all for the one or the other."""
    if request.param == "large":
        monkeypatch.setattr(_products, "SMALL", 0)


def _masked(mask, weight):
    """The mask times the weight: what it makes of unit vectors."""
    return mask.linear(torch.eye(weight.shape[1], dtype=weight.dtype), weight).T


@pytest.mark.parametrize("tokens", [FEW, MANY])
@pytest.mark.parametrize("flip", [False, True], ids=["up", "down"])
@pytest.mark.parametrize("small", [0, 1000], ids=["blocks", "dense"])
def test_coupled_choices(tokens, flip, small):
    rows, columns = zip(*[(e * r, e) for e, r in pairs(WIDTHS, RATIOS)], strict=True)
    shape = (30, 10)
    if flip:
        rows, columns, shape = columns, rows, (10, 30)
    coupling = Coupling(rows, columns, shape, small=small, dtype=F64)
    weight, x, mixture = draw(*shape), draw(tokens, shape[1], seed=1), weights_of(9)
    (mask,) = coupling(mixture[None])
    assert isinstance(mask, Dense if small else Blocks)
    assert coupling.axis == int(not flip)
    expected = loop_of_pads(weight, rows, columns, mixture)
    _close(_masked(mask, weight), expected)
    _close(mask.linear(x, weight), x @ expected.T)
    vector = sum(
        p * padded(torch.ones(r, dtype=F64), shape[:1]) for p, r in zip(mixture, rows, strict=True)
    )
    _close(mask.rows(), vector)


@settings(max_examples=40, deadline=None)
@given(
    slices=st.lists(st.tuples(st.integers(1, 7), st.integers(1, 5)), min_size=1, max_size=6),
    tokens=st.sampled_from([1, 2, 9, 30]),
    small=st.sampled_from([0, 1000]),
    seed=st.integers(0, 99),
)
def test_any_slices(slices, tokens, small, seed):
    rows, columns = zip(*slices, strict=True)
    weight, x = draw(7, 5, seed=seed), draw(tokens, 5, seed=seed + 1)
    mixture = draw(len(slices), seed=seed + 2)  # weights may be negative and need not sum to one
    (mask,) = Coupling(rows, columns, (7, 5), small=small, dtype=F64)(mixture[None])
    expected = loop_of_pads(weight, rows, columns, mixture)
    _close(mask.linear(x, weight), x @ expected.T)
    _close(_masked(mask, weight), expected)


@pytest.mark.parametrize("tokens", [FEW, MANY])
@pytest.mark.parametrize("outputs", [False, True])
@pytest.mark.parametrize("inputs", [False, True])
def test_independent_choices(tokens, outputs, inputs):
    rows, columns = Axis((3, 8), 8, dtype=F64), Axis(WIDTHS, 10, dtype=F64)
    p, q = weights_of(2), weights_of(3, seed=1)
    mask = Scales(rows(p).scale if outputs else None, columns(q).scale if inputs else None)
    weight, x = draw(8, 10), draw(tokens, 10, seed=1)
    slices = list(itertools.product((3, 8), WIDTHS))
    joint = torch.outer(p, q).flatten()
    expected = loop_of_pads(
        weight,
        [r if outputs else 8 for r, _ in slices],
        [c if inputs else 10 for _, c in slices],
        joint,
    )
    _close(mask.linear(x, weight), x @ expected.T)


@pytest.mark.parametrize("tokens", [FEW, MANY])
@pytest.mark.parametrize("small", [0, 1000])
@pytest.mark.parametrize("kind", ["scales", "rows", "columns"])
def test_gradients_are_those_of_the_loop(tokens, kind, small):
    weight, x = draw(6, 4).requires_grad_(), draw(tokens, 4, seed=1).requires_grad_()
    p, q = weights_of(2).requires_grad_(), weights_of(2, seed=1).requires_grad_()

    def run(weight, x, p, q):
        if kind == "scales":
            rows, columns = Axis((3, 6), 6, dtype=F64), Axis((2, 4), 4, dtype=F64)
            return Scales(rows(p).scale, columns(q).scale).linear(x, weight)
        sizes = ([3, 6, 3, 6], [2, 3, 4, 4]) if kind == "rows" else ([3, 4, 6, 6], [2, 4, 2, 4])
        (mask,) = Coupling(*sizes, (6, 4), small=small, dtype=F64)(
            torch.outer(p, q).flatten()[None]
        )
        return mask.linear(x, weight)

    assert torch.autograd.gradcheck(run, (weight, x, p, q))


def test_what_no_slice_reaches_is_masked_out():
    (mask,) = Coupling([2], [3], (4, 6), small=0, dtype=F64)(torch.ones(1, 1, dtype=F64))
    torch.testing.assert_close(
        _masked(mask, torch.ones(4, 6, dtype=F64)).sum(), torch.tensor(6.0, dtype=F64)
    )


def test_mask_of_a_batch_of_mixtures():
    coupling = Coupling([2, 4], [3, 6], (4, 6), dtype=F64)
    masks = coupling(torch.eye(2, dtype=F64))
    assert [int(_masked(mask, torch.ones(4, 6, dtype=F64)).sum()) for mask in masks] == [6, 24]


@pytest.mark.parametrize("sizes", [([1], [2, 3]), ([], []), ([5], [1]), ([0], [1])])
def test_slices_that_do_not_fit(sizes):
    with pytest.raises(ShapeError):
        Coupling(sizes[0], sizes[1], (4, 4))


# -- ElasticLinear -------------------------------------------------------------------------------


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("tokens", [FEW, MANY])
@pytest.mark.parametrize("bias", [False, True])
def test_linear_at_each_slice(tokens, bias):
    layer = randomise(ElasticLinear(10, 30, bias=bias, dtype=F64))
    slices = pairs(WIDTHS, RATIOS)
    inner, outer = [e * r for e, r in slices], [e for e, _ in slices]
    coupling = Coupling(inner, outer, (30, 10), small=0, dtype=F64)
    for (e, r), mixture in zip(slices, one_hots(9), strict=True):
        x = draw(tokens, e)
        sliced = layer(x, e * r)
        plain = torch.nn.Linear(e, e * r, bias=bias, dtype=F64)
        plain.weight.data = layer.weight.detach()[: e * r, :e].clone()
        if bias:
            plain.bias.data = layer.bias.detach()[: e * r].clone()
        assert torch.equal(sliced, plain(x))
        (mask,) = coupling(mixture[None])
        mixed = layer.superpose(padded(x, (tokens, 10)), mask)
        _close(mixed, padded(sliced.detach(), (tokens, 30)))


@pytest.mark.usefixtures("size")
def test_bias_as_a_choice():
    layer = randomise(ElasticLinear(4, 6, bias=True, dtype=F64))
    x, on = draw(3, 4), torch.tensor(0.25, dtype=F64)
    expected = 0.25 * layer(x, 6) + 0.75 * layer(x, 6, bias=False)
    _close(layer.superpose(x, Scales(), bias=on), expected)


@pytest.mark.usefixtures("size")
def test_biases_follow_the_rows():
    layer = randomise(ElasticLinear(4, 6, bias=True, dtype=F64))
    x, mixture = draw(3, 4), weights_of(2)
    mask = Scales(outputs=Axis((2, 6), 6, dtype=F64)(mixture).scale)
    expected = sum(p * padded(layer(x, n), (3, 6)) for p, n in zip(mixture, (2, 6), strict=True))
    _close(layer.superpose(x, mask), expected)


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("inputs", "outputs"), [(17, 33), (48, 96), (1, 1), (70, 33)])
@pytest.mark.parametrize("tokens", [1, 7, 64])
def test_slices_give_the_bits_of_the_plain_layer(dtype, inputs, outputs, tokens):
    layer = randomise(ElasticLinear(70, 130, bias=True, dtype=dtype))
    x = draw(tokens, inputs).to(dtype)
    weight, bias = (w.detach().clone() for w in layer.plain(inputs, outputs))
    assert torch.equal(layer(x, outputs), torch.nn.functional.linear(x, weight, bias))


@pytest.mark.usefixtures("size")
def test_gradients_stay_within_the_slice():
    layer = randomise(ElasticLinear(10, 30, bias=True, dtype=F64))
    layer(draw(5, 4), 12).square().sum().backward()
    inside = padded(torch.ones(12, 4), (30, 10)) > 0
    assert layer.weight.grad[inside].abs().min() > 0
    assert not layer.weight.grad[~inside].any()
    assert not layer.bias.grad[12:].any()


@pytest.mark.usefixtures("size")
def test_slices_beyond_the_layer():
    layer = ElasticLinear(4, 6, bias=False)
    for x, outputs in [(torch.zeros(1, 5), 6), (torch.zeros(1, 4), 7), (torch.zeros(1, 4), 0)]:
        with pytest.raises(ShapeError, match="cannot cut"):
            layer(x, outputs)


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("bias", [False, True])
def test_gradients_of_a_slice_are_finite_differences(bias):
    layer = randomise(ElasticLinear(5, 6, bias=bias, dtype=F64))

    def run(x, *weights):
        names = [name for name, _ in layer.named_parameters()]
        held = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(layer, held, (x, 4))

    weights = [weight.detach().clone().requires_grad_() for weight in layer.parameters()]
    assert torch.autograd.gradcheck(run, (draw(2, 3, 3).requires_grad_(), *weights))


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("frozen", ["x", "weight", "bias"])
def test_gradients_where_one_is_not_asked_for(frozen):
    layer = randomise(ElasticLinear(5, 6, bias=True, dtype=F64))
    held = {"x": draw(7, 3).requires_grad_(), **dict(layer.named_parameters())}
    part = [held["weight"][:4, :3], held["bias"][:4]]
    expected = torch.autograd.grad(
        torch.nn.functional.linear(held["x"], *part).sin().sum(), list(held.values())
    )
    held[frozen].requires_grad_(False)
    layer(held["x"], 4).sin().sum().backward()
    for (name, tensor), grad in zip(held.items(), expected, strict=True):
        if name == frozen:
            assert tensor.grad is None
        else:
            _close(tensor.grad, grad)


# -- half precision ------------------------------------------------------------------------------


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_slice_under_autocast_is_the_plain_layer_under_autocast(dtype):
    layer = randomise(ElasticLinear(70, 130, bias=True))
    x = draw(2, 9, 33).to(torch.float32)
    part = [w.detach().clone().requires_grad_() for w in layer.plain(33, 48)]
    with torch.autocast("cpu", dtype):
        ours, theirs = layer(x, 48), torch.nn.functional.linear(x, *part)
    assert ours.dtype == dtype
    assert torch.equal(ours, theirs)
    for y in (ours, theirs):
        y.float().square().sum().backward()
    grads = layer.weight.grad[:48, :33], layer.bias.grad[:48]
    for grad, expected in zip(grads, part, strict=True):
        assert grad.dtype == torch.float32
        torch.testing.assert_close(grad, expected.grad, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("tokens", [FEW, 2 * MANY])
def test_a_mixture_under_autocast(tokens):
    slices = pairs(WIDTHS, RATIOS)
    coupling = Coupling([e * r for e, r in slices], [e for e, _ in slices], (30, 10), small=0)
    weight, x = draw(30, 10).float().requires_grad_(), draw(tokens, 10, seed=1).float()
    mixture = weights_of(9).float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        (mask,) = coupling(mixture[None])
        y = mask.linear(x, weight)
    assert y.dtype == torch.bfloat16
    expected = loop_of_pads(weight, [e * r for e, r in slices], [e for e, _ in slices], mixture)
    plain = x @ expected.T
    torch.testing.assert_close(y.float(), plain, rtol=2e-2, atol=5e-2)
    ours, theirs = (
        torch.autograd.grad(side.float().sin().sum(), (weight, mixture)) for side in (y, plain)
    )
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == torch.float32
        assert (a - b).norm() < 0.05 * b.norm()
