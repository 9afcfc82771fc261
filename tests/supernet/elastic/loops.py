"""Mixtures as the papers write them: loops over slices padded with zeros."""

import itertools

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [train]")

F64 = torch.float64


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def weights_of(k, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(k, generator=generator, dtype=F64).softmax(0)


def padded(part, shape):
    whole = torch.zeros(shape, dtype=part.dtype)
    whole[tuple(slice(n) for n in part.shape)] = part
    return whole


def loop_of_pads(weight, rows, columns, mixture):
    """Sum `mixture[k] pad(weight[:rows[k], :columns[k]])`."""
    slices = zip(rows, columns, mixture, strict=True)
    return sum(p * padded(weight[:r, :c], weight.shape) for r, c, p in slices)


def one_hots(k):
    return list(torch.eye(k, dtype=F64))


def randomise(module, seed=0):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator, dtype=weight.dtype) / 2)
    return module


def pairs(widths, ratios):
    return list(itertools.product(widths, ratios))
