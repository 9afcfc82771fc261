"""A small made-up bundle, for tests of whatever needs one without waiting for real surrogates."""

from __future__ import annotations

import numpy as np

from hwbench import metrics
from hwbench.arrays import AnyArray, FloatArray
from hwbench.benchmark.bundle import Bundle, Cell, Device
from hwbench.benchmark.closed_forms import ClosedForm, closed_form
from hwbench.data.table import Protocol
from hwbench.spaces import Choice, Space
from hwbench.surrogates.layerwise_predictor import LayerwisePredictor, Link, n_combinations
from hwbench.surrogates.predictor import Predictor
from hwbench.surrogates.uncertainty import LEVELS, Uncertainty

__all__ = [
    "made_bundle",
    "made_figures",
    "made_protocol",
    "made_space",
    "made_tables",
    "made_uncertainty",
]

_DEVICES = (
    Device("gpu-one", "Graphics One", "gpu", "bf16"),
    Device("gpu-two", "Graphics Two", "gpu", "bf16", ("its clock was not fixed",)),
    Device("cpu-one", "Processor One", "cpu", "fp32"),
)


def made_space() -> Space:
    """Return a small space with the choices of a GPT, so that its exact costs are known."""
    return Space(
        name="made",
        shared=(Choice("embed_dim", (64, 128)), Choice("n_layer", (2, 3, 5)), _BIAS),
        layered=(Choice("mlp_ratio", (1, 2, 4)), Choice("n_head", (1, 2))),
        depth="n_layer",
        network="profiled",
        networks=("profiled", "supernet"),
    )


_BIAS = Choice("bias", (False, True))


def made_tables(
    space: Space,
    rng: np.random.Generator,
    /,
    *,
    base: float,
    link: Link = "log",
    chain: bool = False,
    rest: bool = False,
) -> LayerwisePredictor:
    """Make up layer-wise tables of `space`.

    Args:
        space: The space.
        rng: Draws the tables.
        base: About what the score is without layers; each layer adds a few per cent of it, or of 1
            if it is a logarithm.
        link: "log" or "identity".
        chain: Whether adjacent layers interact.
        rest: Whether other pairs of layers interact.
    """
    combinations, choices = n_combinations(space)
    layers, slots = space.max_depth, choices + 1
    group = rng.integers(2, size=combinations)
    far = np.array([(i, j) for i in range(layers) for j in range(i + 2, layers)])
    unit = 1.0 if link == "log" else base
    optional: dict[str, AnyArray] = {}
    if chain:
        optional |= {"chain": _single(unit * _pairs(rng, layers - 1, slots)), "chain_group": group}
    if rest:
        optional |= {"rest": _single(unit * _pairs(rng, len(far), slots)), "rest_group": 1 - group}
        optional |= {"rest_pairs": far}
    unary = unit * rng.uniform(0.01, 0.1, size=(combinations, layers, slots))
    unary[..., -1] = 0.0
    start = base + unit * rng.uniform(-0.3, 0.3, size=combinations)
    return LayerwisePredictor(space, link, _single(start), _single(unary), **optional)


def made_uncertainty(space: Space, rng: np.random.Generator, /) -> Uncertainty:
    """Make up an uncertainty of two groups of networks."""
    spread = rng.uniform(0.01, 0.1, size=(2, 1))
    total = spread * np.linspace(-2.0, 2.0, len(LEVELS))
    return Uncertainty(
        group=rng.integers(2, size=n_combinations(space)[0]),
        total=_single(total),
        visit=_single(1.5 * total),
        session=_single(0.6 * total[0]),
        repeat=_single(0.1 * total[0]),
        parts={"model": 0.02, "session": 0.01, "repeat": 0.001},
    )


def made_protocol(metric: str, /, *, statistic: str = "made up") -> Protocol:
    """Make up a protocol in the unit of a metric."""
    unit = metrics.get(metric).unit
    return Protocol("made", 4, 1024, "bf16", statistic, unit, "nobody", ("no such device",))


def made_figures() -> dict[str, object]:
    """Make up the figures of a cell, as `hwbench fit` writes them."""
    return {
        "n": 100,
        "chosen": "layerwise",
        "architectures": {"layerwise": {"r2": 0.99, "mape": 0.021, "kendall": 0.95}},
        "calibration": {"coverage_90": 0.91},
        "parts": {"model": 0.02},
    }


def made_bundle(space: Space | None = None, /, *, seed: int = 0) -> Bundle:
    """Make up a bundle: three devices, all metrics, every kind of layer-wise table.

    Args:
        space: A space with GPT choices; `made_space()` by default.
        seed: Another seed, other numbers.
    """
    space = made_space() if space is None else space
    rng = np.random.default_rng(seed)
    pairs = made_tables(space, rng, base=3.0, chain=True, rest=True)
    far = made_tables(space, rng, base=-2.0, rest=True)
    chain = made_tables(space, rng, base=0.5, link="identity", chain=True)
    cells = [
        *(
            _cell(space, f"latency_s.{d.name}", (d.name,), made_tables(space, rng, base=-5.0), rng)
            for d in _DEVICES
        ),
        _cell(space, "energy_j.gpu-one", ("gpu-one",), chain, rng),
        _cell(
            space,
            "memory_bytes.bf16",
            ("gpu-one", "gpu-two"),
            made_tables(space, rng, base=3e7, link="identity"),
            rng,
        ),
        _cell(space, "memory_bytes.fp32", ("cpu-one",), closed_form("gpt.weight_bytes_fp32"), rng),
        _cell(space, "perplexity", None, pairs, rng),
        _cell(space, "accuracy", None, far, rng),
        _cell(space, "params", None, closed_form("gpt.params"), rng),
        _cell(space, "flops", None, closed_form("gpt.flops"), rng),
    ]
    return Bundle(
        name=space.name,
        space=space,
        devices=_DEVICES,
        cells=tuple(cells),
        fitted="2026-01-31",
        version="0.1.0",
        provenance={"source": "made up", "seed": seed},
        licence="none needed",
        citation="nobody, 2026",
        limits=("Nothing here is real.",),
        card={"cells": {"latency_s.gpu-one": made_figures()}},
        card_text="# Made\n",
    )


def _cell(
    space: Space,
    name: str,
    devices: tuple[str, ...] | None,
    model: Predictor | ClosedForm,
    rng: np.random.Generator,
) -> Cell:
    metric = name.partition(".")[0]
    if isinstance(model, ClosedForm):
        protocol = made_protocol(metric, statistic="closed form")
        return Cell(name, metric, devices, model, None, protocol)
    return Cell(name, metric, devices, model, made_uncertainty(space, rng), made_protocol(metric))


def _pairs(rng: np.random.Generator, n: int, slots: int) -> FloatArray:
    tables = rng.uniform(0.0, 0.01, size=(2, n, slots, slots))
    tables[..., -1, :] = tables[..., -1] = 0.0
    return tables


def _single(values: FloatArray) -> FloatArray:
    """Round to what a file holds, so that saving changes nothing."""
    return values.astype(np.float32).astype(np.float64)
