"""Make the plan of a campaign: find the device, time a pilot, choose architectures for a budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from hwbench import metrics, spaces
from hwbench.arrays import Codes, FloatArray
from hwbench.benchmark.bundle import Bundle
from hwbench.benchmark.loading import load, names
from hwbench.errors import DataError, UnknownNameError
from hwbench.profiling import protocols
from hwbench.profiling.campaign import Measure
from hwbench.profiling.devices import Device
from hwbench.profiling.duration import (
    Speed,
    assumed_speed,
    iteration_flops,
    measured_speed,
    plan_seconds,
)
from hwbench.profiling.jobs import Job
from hwbench.profiling.meters.energy import Unavailable
from hwbench.profiling.plan import Plan, schedule
from hwbench.profiling.protocols import MeasuringProtocol
from hwbench.profiling.stopping import StopRule
from hwbench.profiling.workloads import Phase
from hwbench.spaces import Space

__all__ = ["Asked", "Made", "make"]

USUAL_N: Final = 20
_MOST_N: Final = 100
_PILOT: Final = StopRule(min_samples=2, max_samples=3, min_s=0.0, max_s=5.0, warmup_max_s=1.0)


@dataclass(frozen=True)
class Asked:
    """What a user asks a plan for.

    Attributes:
        bundle: Name or folder of a bundle, or name of a space without one.
        device: The device, open.
        metrics: Names of metrics.
        protocol: Name of a protocol.
        phases: "prefill", "decode".
        batch: Sequences in a batch; None: the protocol's.
        runtime: Name of a runtime.
        precision: Number format; None: the protocol's for the device.
        threads: CPU threads; None: one a core.
        n: Architectures; None: as many as the budget allows.
        passes: How often all are measured.
        anchor_every: Measurements between two visits to the anchor.
        budget_s: Time for the whole campaign; None: no limit.
        seed: Of design, order and weights.
        name: Of the campaign.
        stop: When a measurement has enough samples.
    """

    bundle: str
    device: Device
    metrics: tuple[str, ...]
    protocol: str
    phases: tuple[Phase, ...]
    batch: int | None
    runtime: str
    precision: protocols.Precision | None
    threads: int | None
    n: int | None
    passes: int
    anchor_every: int
    budget_s: float | None
    seed: int
    name: str
    stop: StopRule = field(default_factory=StopRule)


@dataclass(frozen=True)
class Made:
    """A plan, and what was found on the way to it.

    Attributes:
        plan: The plan.
        seconds: Estimated time.
        rows: Measurements.
        notes: What a user should know: what is missing here, what was assumed.
    """

    plan: Plan
    seconds: float
    rows: int
    notes: tuple[str, ...]


def make(asked: Asked, measure: Measure | None, /) -> Made:
    """Make a plan.

    Args:
        asked: What is wanted.
        measure: Takes the pilot measurement; None: assume how fast the device is.

    Raises:
        UnknownNameError: If there is no such bundle, protocol, metric, ...
        DataError: If the budget does not suffice for two architectures.
    """
    for name in asked.metrics:
        metrics.get(name)
    bundle, space = _source(asked.bundle)
    kind = asked.device.kind
    ways = tuple(
        protocols.get(
            asked.protocol,
            space,
            kind,
            batch=asked.batch,
            phase=phase,
            runtime=asked.runtime,
            precision=asked.precision,
            threads=asked.threads,
        )
        for phase in asked.phases
    )
    notes = _missing(asked)
    rng = np.random.default_rng(asked.seed)
    speeds: dict[str, Speed] = {}
    for way in ways:
        speeds[way.label] = _speed(asked, space, way, measure, rng, notes)
    metered = not isinstance(asked.device.energy_meter(), Unavailable)
    seed_plan = _draft(asked, space, ways, space.encode([space.smallest()]))

    def seconds_of(codes: Codes) -> FloatArray:
        rule = seed_plan.energy if metered and "energy_j" in seed_plan.metrics else None
        parts = [
            speeds[way.label].seconds(iteration_flops(space, codes, way), seed_plan.stop, rule)
            for way in ways
        ]
        return np.asarray(np.sum(parts, axis=0), dtype=np.float64)

    codes, design, expected = _choose(asked, bundle, space, seconds_of, rng)
    plan = replace(_draft(asked, space, ways, codes, seconds_of), design=design)
    seconds = plan_seconds(plan, lambda way: speeds[way.label], metered=metered)
    rows = len(schedule(plan))
    told = {"rows": rows, "seconds": round(seconds, 1), **expected}
    if asked.budget_s is not None and seconds > asked.budget_s:
        notes.append("the plan may take longer than the budget; what is measured by then counts")
    return Made(replace(plan, expected=told), seconds, rows, tuple(notes))


def _source(name: str) -> tuple[Bundle | None, Space]:
    """Find the bundle of a name and its space; a space may have no bundle."""
    try:
        bundle = load(name).bundle
    except UnknownNameError:
        if name not in spaces.names():
            raise UnknownNameError.of(
                "benchmark or space", name, {*names(), *spaces.names()}
            ) from None
        return None, spaces.get(name)
    return bundle, bundle.space


def _missing(asked: Asked) -> list[str]:
    from importlib.util import find_spec

    notes = []
    meter = asked.device.energy_meter()
    if isinstance(meter, Unavailable) and any(m.startswith("energy") for m in asked.metrics):
        notes.append(f"no energy will be measured: {meter.reason}. {meter.fix}")
    if find_spec("torch") is None:
        notes.append("torch is missing here: pip install 'hwbench-nas[profile]'")
    return notes


def _speed(
    asked: Asked,
    space: Space,
    way: MeasuringProtocol,
    measure: Measure | None,
    rng: np.random.Generator,
    notes: list[str],
) -> Speed:
    """Time one architecture of middling size, or say that its time is assumed."""
    if measure is None:
        return assumed_speed(asked.device.kind)
    drawn = space.sample_codes(33, rng)
    flops = iteration_flops(space, drawn, way)
    middle = int(np.argsort(flops)[len(flops) // 2])
    job = Job(
        space=space.name,
        architecture=str(space.decode(drawn[middle : middle + 1])[0]),
        protocol=way,
        device=asked.device.name,
        stop=_PILOT,
        seed=asked.seed,
    )
    with asked.device.lock():
        row = measure(job, device=asked.device)
    if row["status"] == "ok":
        return measured_speed(row, float(flops[middle]))
    reason = str(row["reason"]).strip().replace("\n", " ")
    notes.append(
        f"the pilot of {way.label} failed ({row['status']}: {reason}); its time is assumed"
    )
    return assumed_speed(asked.device.kind)


def _choose(
    asked: Asked,
    bundle: Bundle | None,
    space: Space,
    seconds_of: Callable[[Codes], FloatArray],
    rng: np.random.Generator,
) -> tuple[Codes, str, dict[str, object]]:
    """Choose architectures: by optimal design where a bundle knows devices, else at random."""
    n = asked.n or (USUAL_N if asked.budget_s is None else _MOST_N)
    share = None
    if asked.budget_s is not None and asked.n is None:
        # Anchors are cheap, about 0.7 of the mean: a pass needs that for each of them.
        share = asked.budget_s / asked.passes / (1 + 0.7 / asked.anchor_every)
        share -= 0.7 * float(seconds_of(space.sample_codes(64, rng)).mean())
    if bundle is not None:
        from hwbench.benchmark.calibration import design

        try:
            found = design(
                bundle,
                asked.metrics,
                n,
                rng=rng,
                kind=asked.device.kind,
                budget_s=share,
                seconds_of=seconds_of,
            )
        except DataError as error:
            reason = str(error)
        else:
            return found.codes, f"I-optimal; {found.note}", {"error": dict(found.expected)}
    else:
        reason = f"no benchmark of {space.name} to learn from"
    return _random(space, n, share, seconds_of, rng), f"at random: {reason}", {}


def _random(
    space: Space,
    n: int,
    budget_s: float | None,
    seconds_of: Callable[[Codes], FloatArray],
    rng: np.random.Generator,
) -> Codes:
    drawn = space.sample_codes(4 * n, rng)
    codes = drawn[np.sort(np.unique(drawn, axis=0, return_index=True)[1])][:n]
    if budget_s is None:
        return codes
    fits = np.cumsum(seconds_of(codes)) <= budget_s
    if fits.sum() < 2:
        each = float(seconds_of(codes).mean())
        raise DataError(
            f"the budget suffices for {fits.sum()} architectures of about {each:.0f} s a pass; "
            "take a longer one, a smaller --batch, or --passes 1"
        )
    return codes[fits]


def _draft(
    asked: Asked,
    space: Space,
    ways: Sequence[MeasuringProtocol],
    codes: Codes,
    seconds_of: Callable[[Codes], FloatArray] | None = None,
) -> Plan:
    texts = tuple(str(arch) for arch in space.decode(codes))
    order = np.argsort(np.zeros(len(codes)) if seconds_of is None else seconds_of(codes))
    anchor = texts[int(order[len(order) // 4])]  # cheap, yet a load like the others
    return Plan(
        space=space.name,
        device=asked.device.name,
        protocols=tuple(ways),
        architectures=texts,
        anchors=(anchor,),
        metrics=asked.metrics,
        passes=asked.passes,
        anchor_every=asked.anchor_every,
        seed=asked.seed,
        stop=asked.stop,
        budget_s=asked.budget_s,
        name=asked.name,
    )
