"""Add a device to a benchmark: what to measure on it, and what the measurements tell.

`design` chooses architectures before anything is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from hwbench import metrics as metric_names
from hwbench.arrays import Codes, FloatArray
from hwbench.benchmark.bundle import Bundle, DeviceKind
from hwbench.benchmark.closed_forms import ClosedForm, tabulate
from hwbench.errors import DataError
from hwbench.surrogates.fewshot.design import choose
from hwbench.surrogates.fewshot.noise import Noise, noises_of
from hwbench.surrogates.fewshot.prior import Prior
from hwbench.surrogates.predictor import Predictor

__all__ = ["Design", "design", "prior_of"]

_CANDIDATES: Final = 600
"""Architectures that a design chooses from, drawn uniformly per choice."""


@dataclass(frozen=True, eq=False)
class Design:
    """Architectures to measure.

    Attributes:
        codes: `n x n_choices`, those that tell most first.
        expected: Metric -> relative error (root mean square over the space) to expect from them,
            were the new device as different from the known ones as these are from each other.
        seconds: What measuring them takes by the given cost; None without one.
        note: The same in a sentence.
    """

    codes: Codes
    expected: Mapping[str, float]
    seconds: float | None
    note: str


def design(
    bundle: Bundle,
    metrics: Sequence[str],
    n: int,
    /,
    *,
    rng: np.random.Generator,
    kind: DeviceKind | None = None,
    budget_s: float | None = None,
    seconds_of: Callable[[Codes], FloatArray] | None = None,
) -> Design:
    """Choose `n` architectures to measure on a new device.

    Args:
        bundle: Benchmark whose devices are the prior.
        metrics: What is to be measured; metrics that need no device play no part.
        n: How many architectures; fewer come back if the budget allows no more.
        rng: Draws the candidates.
        kind: Kind of the new device: devices of its kind count more. None: all count alike.
        budget_s: Most seconds of measuring in all; needs `seconds_of`.
        seconds_of: Takes `N x n_choices` codes to the `(N,)` seconds measuring each takes.

    Raises:
        UnknownNameError: If a metric is not known.
        DataError: If no known device has any of the metrics, `n` cannot be chosen, or the budget
            is too small for a single architecture.
    """
    if budget_s is not None and seconds_of is None:
        raise DataError("a budget needs seconds_of, which says how long an architecture takes")
    names = [metric_names.get(metric).name for metric in metrics]
    priors = {name: prior_of(bundle, name, kind=kind) for name in dict.fromkeys(names)}
    known = {name: prior for name, prior in priors.items() if prior is not None}
    if not known:
        raise DataError(f"{bundle.name} knows no device with any of: {', '.join(metrics)}")
    space = bundle.space
    drawn = space.sample_codes(max(_CANDIDATES, 4 * n), rng)
    candidates = drawn[np.sort(np.unique(drawn, axis=0, return_index=True)[1])]
    seconds = None if seconds_of is None else np.asarray(seconds_of(candidates), dtype=np.float64)
    chosen = choose(list(known.values()), candidates, n, seconds=seconds, budget_s=budget_s)
    expected = dict(zip(known, chosen.expected, strict=True))
    total = None if seconds is None else float(seconds[chosen.rows].sum())
    return Design(candidates[chosen.rows], expected, total, _note(len(chosen.rows), expected))


def prior_of(
    bundle: Bundle, metric: str, /, *, kind: DeviceKind | None, without: str | None = None
) -> Prior | None:
    """Return what the devices of a bundle say of a metric; None if they say nothing.

    Args:
        bundle: The bundle.
        metric: Exact name of the metric.
        kind: Kind of the new device; None: all devices count alike.
        without: A device to leave out.
    """
    kinds = {device.name: device.kind for device in bundle.devices}
    known: dict[str, Predictor] = {}
    same = set()
    for cell in bundle.cells:
        devices = [device for device in cell.devices or () if device != without]
        if cell.metric != metric or not devices:
            continue
        model = cell.model
        known[cell.name] = tabulate(model, bundle.space) if isinstance(model, ClosedForm) else model
        if kind is None or any(kinds[device] == kind for device in devices):
            same.add(cell.name)
    return Prior.of(bundle.space, known, same=same or None) if known else None


def noises_for(
    bundle: Bundle, metric: str, /, *, kind: DeviceKind | None, without: str | None = None
) -> tuple[Noise, ...]:
    """Return how measurements of a metric may scatter, learned from a bundle's devices.

    Args:
        bundle: The bundle.
        metric: Exact name of the metric.
        kind: Kind of the new device; None: all devices count alike.
        without: A device to leave out.
    """
    kinds = {device.name: device.kind for device in bundle.devices}
    known, same = {}, set()
    for cell in bundle.cells:
        devices = [device for device in cell.devices or () if device != without]
        if cell.metric != metric or not devices or cell.uncertainty is None:
            continue
        known[cell.name] = cell.uncertainty
        if kind is None or any(kinds[device] == kind for device in devices):
            same.add(cell.name)
    return noises_of(known, same=same or None)


def _note(n: int, expected: Mapping[str, float]) -> str:
    errors = ", ".join(f"{100 * error:.2g} % for {name}" for name, error in expected.items())
    return (
        f"{n} architectures; error to expect, relative: {errors} "
        "(if the device differs from the known ones as they differ from each other)"
    )
