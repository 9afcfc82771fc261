"""Slices: entries, gradients, and what a copy may rearrange; against plain indexing."""

import pytest

from hwbench.errors import ShapeError

torch = pytest.importorskip("torch", reason="needs the extra [train]")

from hwbench.supernet.elastic import slices  # noqa: E402
from hwbench.supernet.elastic.slices import corner, framed  # noqa: E402
from tests.supernet.elastic.loops import draw  # noqa: E402


@pytest.fixture(autouse=True, params=["small", "large"])
def size(request, monkeypatch):
    """Small and large weights are cut in two ways: take all weights for the one or the other."""
    if request.param == "large":
        monkeypatch.setattr(slices, "SMALL", 0)


def _turned(weight):
    return weight.view(2, weight.shape[0] // 2, -1).transpose(0, 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("sizes", [(6, 5), (4, 5), (6, 3), (4, 3)])
@pytest.mark.parametrize("arrange", [None, _turned])
def test_a_corner_and_its_gradient(dtype, sizes, arrange):
    weight = draw(6, 5).to(dtype).requires_grad_()
    part = corner(weight, *sizes, arrange=arrange)
    expected = weight.detach()[: sizes[0], : sizes[1]]
    expected = expected if arrange is None else arrange(expected)
    assert torch.equal(part, expected)
    assert part.is_contiguous()
    given = torch.arange(1.0, 1 + part.numel()).view(part.shape).to(dtype)
    part.backward(given)
    whole = torch.zeros_like(weight)
    target = whole[: sizes[0], : sizes[1]]
    (target if arrange is None else arrange(target)).copy_(given)
    assert torch.equal(weight.grad, whole)


def test_gradients_add_up():
    weight = draw(6, 5).requires_grad_()
    (corner(weight, 4, 3).sum() + corner(weight, 2, 5).sum()).backward()
    counted = torch.zeros(6, 5, dtype=weight.dtype)
    counted[:4, :3] += 1
    counted[:2, :5] += 1
    assert torch.equal(weight.grad, counted)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("large", [2**25, 0], ids=["filled", "untouched"])
@pytest.mark.parametrize("sizes", [(4, 3), (6, 3), (4, 5), (0, 3)])
def test_a_frame_is_of_zeros(sizes, large, dtype, monkeypatch):
    monkeypatch.setattr(slices, "_LARGE", large)
    made = framed(draw(1), (6, 5), sizes, dtype=dtype)
    made[: sizes[0], : sizes[1]] = 1
    assert made.dtype == dtype
    assert made.data_ptr() % 64 == 0
    assert made.count_nonzero() == made.sum() == sizes[0] * sizes[1]


def test_a_frame_is_of_zeros_where_memory_was_used_before(monkeypatch):
    monkeypatch.setattr(slices, "_LARGE", 0)
    for _ in range(4):
        made = framed(draw(1), (1000, 1000), (3, 5))
        made[:3, :5] = 0
        assert not made.any()
        made.fill_(7.0)


@pytest.mark.parametrize("large", [2**25, 0], ids=["filled", "untouched"])
def test_a_gradient_becomes_that_of_the_weight_without_a_copy(large, monkeypatch):
    monkeypatch.setattr(slices, "_LARGE", large)
    monkeypatch.setattr(slices, "SMALL", 0)
    made = []

    def kept(*args):
        whole = framed(*args)
        made.append(whole.data_ptr())
        return whole

    monkeypatch.setattr(slices, "framed", kept)
    weight = draw(6, 5).requires_grad_()
    corner(weight, 4, 3).sum().backward()
    assert [weight.grad.data_ptr()] == made


def test_a_corner_beyond_the_weight_is_refused():
    for sizes in ((7, 5), (0, 5), (6,)):
        with pytest.raises(ShapeError, match="cannot cut"):
            corner(draw(6, 5), *sizes)
