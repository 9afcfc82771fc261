"""A benchmark: a bundle that answers. Get one with `hwbench.load`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, final

from hwbench.benchmark.bundle import Bundle, Cell, Device, find_device
from hwbench.benchmark.engine import Engine, Plan
from hwbench.benchmark.planning import Planner, available
from hwbench.benchmark.reading import (
    ArchitectureLike,
    ArchitecturesLike,
    check_codes,
    read_code,
    read_codes,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike

    from hwbench.arrays import FloatArray
    from hwbench.data.table import Protocol
    from hwbench.spaces import Space
    from hwbench.surrogates.uncertainty import Noise, Uncertainty, Visit

__all__ = ["Benchmark"]


@final
class Benchmark:
    """Metrics of every architecture of a search space on every device of a bundle.

    The same question gets the same answer: nothing is set beforehand, nothing is drawn unless
    `noise` asks for it. Device names may be written as people do (`H100`, `cpu_xeon_gold`), metric
    names without their unit (`latency`).

    Args:
        bundle: What it answers from.
        sha256: Digest of the files it came from, which names the bundle; None for one made in
            memory.
    """

    def __init__(self, bundle: Bundle, /, *, sha256: str | None = None) -> None:
        self.bundle: Final = bundle
        self.sha256: Final = sha256
        self._devices: Final = tuple(device.name for device in bundle.devices)
        self._engine: Final = Engine(bundle)
        self._planner: Final = Planner(bundle, self._engine.cells)

    def __repr__(self) -> str:
        return f"<Benchmark {self.name}: {len(self.devices)} devices>"

    # -- what there is -------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Name of the benchmark, such as "gpt-s"."""
        return self.bundle.name

    @property
    def space(self) -> Space:
        """The search space."""
        return self.bundle.space

    @property
    def devices(self) -> tuple[str, ...]:
        """Names of the devices."""
        return self._devices

    @property
    def card(self) -> Mapping[str, object]:
        """The report card: how good the surrogates are, as JSON values."""
        return self.bundle.card

    def device(self, name: str, /) -> Device:
        """Look a device up.

        Raises:
            UnknownNameError: If there is none of that name; lists those that exist.
        """
        return find_device(self.bundle.devices, name)

    def metrics(self, device: str | None = None, /) -> tuple[str, ...]:
        """Name the metrics of a device, those that need no device included.

        Args:
            device: A device; None for the metrics that need no device.
        """
        return available(self.bundle, None if device is None else self.device(device).name)

    def cell(self, metric: str, device: str | None = None, /) -> Cell:
        """Return what answers for a metric: model, uncertainty and protocol.

        Args:
            metric: Name of the metric.
            device: The device; may be left out for a metric that needs none.

        Raises:
            UnknownNameError: If there is no such metric or device; lists what there is.
        """
        return self._engine.cells[self._planner.number(metric, device)]

    def protocol(self, metric: str, device: str | None = None, /) -> Protocol:
        """Return how a metric was measured; batch sizes differ between metrics and scales.

        Raises:
            UnknownNameError: As `cell`.
        """
        return self.cell(metric, device).protocol

    def uncertainty(self, metric: str, device: str | None = None, /) -> Uncertainty | None:
        """Return how far measurements may lie from a prediction; None if a formula gives it.

        Raises:
            UnknownNameError: As `cell`.
        """
        return self.cell(metric, device).uncertainty

    # -- one architecture ----------------------------------------------------------------------

    def query(
        self,
        architecture: ArchitectureLike,
        device: str | None = None,
        *,
        metrics: Sequence[str] | None = None,
        interval: float | None = 0.9,
        visit: Visit = "new",
        noise: Noise | None = None,
        rng: np.random.Generator | None = None,
    ) -> dict[str, float]:
        """Predict the metrics of one architecture on one device.

        Args:
            architecture: An `Architecture`, its text or dict, HW-GPT-Bench's dict or key, or a
                code.
            device: The device; None for the metrics that need no device.
            metrics: Which metrics; all by default.
            interval: Probability that a new measurement of a new architecture falls between the
                limits; None for no limits.
            visit: "new": measured in a visit to the device that is still to come; "measured": in
                one of those that were, which is narrower by what visits differ.
            noise: None for the prediction itself. "repeat" draws what one more measurement right
                after would show, "session" what another visit to the device would; the limits
                stay where they are.
            rng: Source of the noise.

        Returns:
            Metrics by name, in SI units, each followed by its limits: `latency_s`,
            `latency_s_lower`, `latency_s_upper`. Limits of an exact metric equal it.

        Raises:
            SpaceError: If the architecture is not one of this space.
            UnknownNameError: If there is no such device or metric; lists what there is.
            DataError: If `interval` lies outside (0, 1), `visit` is another word, or noise comes
                without a generator.
        """
        names = () if device is None else (device,)
        plan = self._planner.plan(names, metrics, interval, visit, strict=True)
        code = read_code(architecture, self.space)
        common, answers = _split(self._engine.answer(code, plan, noise=noise, rng=rng), plan)
        return answers.popitem()[1] if answers else common

    def query_devices(
        self,
        architecture: ArchitectureLike,
        devices: Sequence[str] | None = None,
        *,
        metrics: Sequence[str] | None = None,
        interval: float | None = 0.9,
        visit: Visit = "new",
        noise: Noise | None = None,
        rng: np.random.Generator | None = None,
    ) -> dict[str, dict[str, float]]:
        """Predict the metrics of one architecture on several devices at once.

        Args:
            architecture: As in `query`.
            devices: Which devices; all by default.
            metrics: Which metrics; all by default. A device that lacks one does not list it, but
                at least one of the devices must have it.
            interval: As in `query`.
            visit: As in `query`.
            noise: As in `query`; a number that devices share is drawn once.
            rng: Source of the noise.

        Returns:
            For each device what `query` returns.

        Raises:
            HwbenchError: As `query`.
        """
        names = self.devices if devices is None else devices
        plan = self._planner.plan(names, metrics, interval, visit, strict=False)
        code = read_code(architecture, self.space)
        return _split(self._engine.answer(code, plan, noise=noise, rng=rng), plan)[1]

    # -- many ----------------------------------------------------------------------------------

    def query_many(
        self,
        architectures: ArchitecturesLike,
        devices: Sequence[str] | None = None,
        *,
        metrics: Sequence[str] | None = None,
        interval: float | None = 0.9,
        visit: Visit = "new",
        noise: Noise | None = None,
        rng: np.random.Generator | None = None,
    ) -> pd.DataFrame:
        """Predict the metrics of many architectures on several devices.

        Args:
            architectures: Architectures in any of the forms of `query`, or `n x n_choices` codes.
            devices: Which devices; all by default.
            metrics: As in `query_devices`.
            interval: As in `query`.
            visit: As in `query`.
            noise: As in `query`; independent for each architecture and cell.
            rng: Source of the noise.

        Returns:
            One row an architecture and device, in this order, with the columns `architecture`
            (its text), `device`, and the keys of `query`; NaN where a device lacks a metric.

        Raises:
            HwbenchError: As `query`; says which architecture is wrong.
        """
        from hwbench.benchmark.frames import frame

        names = self.devices if devices is None else devices
        plan = self._planner.plan(names, metrics, interval, visit, strict=False)
        codes = read_codes(architectures, self.space)
        return frame(self._engine, codes, plan, noise=noise, rng=rng)

    def predict(self, codes: ArrayLike, metric: str, device: str | None = None, /) -> FloatArray:
        """Predict one metric for `n x n_choices` codes, as an array `(n,)`.

        Raises:
            ShapeError: If `codes` has another shape.
            SpaceError: If an index does not exist; says row and column.
            UnknownNameError: As `query`.
        """
        return self.predict_many(codes, [(metric, device)])[:, 0]

    def predict_many(
        self, codes: ArrayLike, columns: Sequence[tuple[str, str | None]], /
    ) -> FloatArray:
        """Predict several metrics for the same codes, which are checked once.

        Args:
            codes: `n x n_choices` codes.
            columns: For each column of the result, a metric and its device (None if it needs
                none).

        Returns:
            `n x len(columns)`.

        Raises:
            HwbenchError: As `predict`.
        """
        numbers = [self._planner.number(metric, device) for metric, device in columns]
        values = self._engine.columns(check_codes(codes, self.space), numbers)
        for column, number in enumerate(numbers):
            values[:, column] = self._engine.within(number, values[:, column])
        return values

    def bounds(
        self,
        codes: ArrayLike,
        metric: str,
        device: str | None = None,
        /,
        *,
        interval: float = 0.9,
        visit: Visit = "new",
    ) -> tuple[FloatArray, FloatArray]:
        """Return the lower and the upper limits of one metric for `n x n_choices` codes.

        Raises:
            HwbenchError: As `predict`.
            DataError: If `interval` lies outside (0, 1), or `visit` is another word.
        """
        number = self._planner.number(metric, device)
        checked = check_codes(codes, self.space)
        values = self._engine.columns(checked, [number])[:, 0]
        return self._engine.bounds(checked, number, values, level=interval, visit=visit)


def _split(
    numbers: list[float], plan: Plan
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Turn the numbers of a plan into the common metrics, and the full answer of each device."""
    left = iter(numbers)
    common = dict(zip(plan.common, left, strict=False))
    # Filling a copy of a dict that has all keys is faster than growing one for each device.
    filled = {names: dict.fromkeys(names, 0.0) | common for names in plan.layouts}
    answers = {}
    for device, names in plan.devices:
        answers[device] = own = filled[names].copy()
        for name, number in zip(names, left, strict=False):
            own[name] = number
    return common, answers
