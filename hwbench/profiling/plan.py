"""The plan of a campaign: what is measured, how, and in which order.

A plan is a TOML file that people read and edit; see `profiling/README.md` for its fields. The order
follows from it: each pass visits all architectures in a random order of its own, and comes back to
an anchor every few measurements, so that drift of the machine can be told from the architectures.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

from hwbench import metrics, spaces
from hwbench.errors import SchemaError
from hwbench.profiling import runtimes
from hwbench.profiling.jobs import Job
from hwbench.profiling.protocols import MeasuringProtocol
from hwbench.profiling.stopping import EnergyRule, StopRule

__all__ = ["Plan", "Slot", "parse_shard", "schedule"]

_ID_DIGITS = 12


@dataclass(frozen=True)
class Plan:
    """What a campaign measures.

    Attributes:
        space: Name of the search space.
        device: Name of the device, as `hwbench.profiling.devices.open_device` takes it.
        protocols: How to run each architecture; all of them take part in every pass.
        architectures: One line of text each.
        anchors: Architectures measured again and again, in turn; usually one of `architectures`.
        metrics: Names of metrics; latency is always recorded.
        passes: How often everything is measured.
        anchor_every: Measurements between two visits to an anchor.
        seed: Of the order, the weights and the token ids.
        stop: When enough samples of the time are taken.
        energy: Windows and idle time of the energy measurement.
        timeout_s: After which a measurement is given up.
        budget_s: Time for the whole campaign; no measurement starts after it. None: no limit.
        name: For people.
        design: How the architectures were chosen, for people.
        expected: What the author of the plan expects, such as its duration; for people.

    Raises:
        SchemaError: If a number makes no sense, or an architecture comes twice or is not of the
            space.
        UnknownNameError: If the space, a metric, a runtime or a network does not exist.
    """

    space: str
    device: str
    protocols: tuple[MeasuringProtocol, ...]
    architectures: tuple[str, ...]
    anchors: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ("latency_s",)
    passes: int = 2
    anchor_every: int = 8
    seed: int = 0
    stop: StopRule = field(default_factory=StopRule)
    energy: EnergyRule = field(default_factory=EnergyRule)
    timeout_s: float = 600.0
    budget_s: float | None = None
    name: str = "campaign"
    design: str = ""
    expected: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", tuple(metrics.get(m).name for m in self.metrics))
        for name in ("architectures", "anchors"):
            object.__setattr__(self, name, _canonical(name, getattr(self, name), self.space))
        for name in ("protocols", "architectures", "metrics"):
            if not getattr(self, name):
                raise SchemaError(f"a plan needs one or more {name}, got none")
        if len({protocol.label for protocol in self.protocols}) < len(self.protocols):
            raise SchemaError("protocols of a plan must differ in more than their notes")
        for protocol in self.protocols:
            runtimes.get(protocol.runtime)
            spaces.get(self.space).with_network(protocol.network)
        seed: object = self.seed  # a file may hold anything
        if not isinstance(seed, int) or seed < 0:
            raise SchemaError(f"seed of a plan is a whole number from 0 on, got {seed!r}")
        for name in ("passes", "anchor_every", "timeout_s"):
            if not getattr(self, name) >= (1 if name != "timeout_s" else 0.1):
                raise SchemaError(f"{name} of a plan is positive, got {getattr(self, name)}")
        if self.budget_s is not None and not self.budget_s > 0:
            raise SchemaError(f"budget of a plan is positive, got {self.budget_s} s")

    @property
    def id(self) -> str:
        """Short name that changes with anything that changes what is measured."""
        told = {
            "space": self.space,
            "protocols": [protocol.to_dict() for protocol in self.protocols],
            "architectures": self.architectures,
            "anchors": self.anchors,
            "metrics": self.metrics,
            "passes": self.passes,
            "anchor_every": self.anchor_every,
            "seed": self.seed,
            "stop": asdict(self.stop),
            "energy": asdict(self.energy),
        }
        text = json.dumps(told, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS]

    def job(self, slot: Slot, /, *, device: str, key: str) -> Job:
        """Return what a worker is asked for at one place of the plan."""
        return Job(
            space=self.space,
            architecture=slot.architecture,
            protocol=slot.protocol,
            device=device,
            metrics=self.metrics,
            stop=self.stop,
            energy=self.energy,
            timeout_s=self.timeout_s,
            seed=self.seed,
            key=key,
        )


@dataclass(frozen=True)
class Slot:
    """One place in the order of a campaign.

    Attributes:
        position: Counted from 0 within the shard.
        pass_number: Counted from 0.
        architecture: One line of text.
        protocol: How to run it.
        anchor: Whether it watches the machine.
        occurrence: How often this architecture came under this protocol in this pass before.
        shard: Which part of the plan, counted from 0.
    """

    position: int
    pass_number: int
    architecture: str
    protocol: MeasuringProtocol
    anchor: bool
    occurrence: int
    shard: int = 0

    def key(self, device_id: str, /) -> str:
        """Return the identity of the measurement: the same slot on the same device, the same."""
        place = (self.shard, self.pass_number, self.occurrence)
        return _key(self.architecture, self.protocol, device_id, place)


@lru_cache(maxsize=100_000)  # asked again after each measurement
def _key(
    architecture: str, protocol: MeasuringProtocol, device_id: str, place: tuple[int, int, int]
) -> str:
    told = [architecture, protocol.to_dict(), device_id, *place]
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def schedule(plan: Plan, shard: tuple[int, int] = (0, 1), /) -> tuple[Slot, ...]:
    """Lay out the order of a plan, or of a part of it.

    Args:
        plan: The plan.
        shard: Number of the part, from 0, and how many there are. A part has its share of the
            architectures in all passes, and anchors of its own.

    Raises:
        SchemaError: If there are more parts than architectures, or no such part.
    """
    number, parts = shard
    if not 0 <= number < parts or parts > len(plan.architectures):
        raise SchemaError(
            f"shard {number + 1}/{parts}: a plan of {len(plan.architectures)} architectures has "
            f"1 to {len(plan.architectures)} shards"
        )
    slots: list[Slot] = []
    for pass_number in range(plan.passes):
        seen: Counter[tuple[str, str]] = Counter()
        for architecture, protocol, anchor in _visits(plan, number, parts, pass_number):
            pair = (architecture, protocol.label)
            occurrence, seen[pair] = seen[pair], seen[pair] + 1
            slots.append(
                Slot(len(slots), pass_number, architecture, protocol, anchor, occurrence, number)
            )
    return tuple(slots)


def _visits(
    plan: Plan, shard: int, parts: int, pass_number: int
) -> Iterator[tuple[str, MeasuringProtocol, bool]]:
    """Yield the measurements of one pass; between two passes an anchor is visited once."""
    work = list(product(plan.architectures[shard::parts], plan.protocols))
    order = np.random.default_rng([plan.seed, shard, pass_number]).permutation(len(work))
    visits = 0 if pass_number == 0 else 1
    for count, place in enumerate(order):
        if count % plan.anchor_every == 0 and (count > 0 or pass_number == 0):
            yield from _anchor(plan, visits)
            visits += 1
        yield (*work[place], False)
    yield from _anchor(plan, visits)


def _anchor(plan: Plan, visit: int) -> Iterator[tuple[str, MeasuringProtocol, bool]]:
    if plan.anchors:
        anchor = plan.anchors[visit % len(plan.anchors)]
        yield from ((anchor, protocol, True) for protocol in plan.protocols)


def parse_shard(text: str, /) -> tuple[int, int]:
    """Read "2/4", the second of four, as `schedule` takes it.

    Raises:
        SchemaError: If it is something else.

    >>> parse_shard("2/4")
    (1, 4)
    """
    number, _, parts = text.partition("/")
    if not (number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts)):
        raise SchemaError(f"a shard is written like 2/4, the second of four; got {text!r}")
    return int(number) - 1, int(parts)


def _canonical(name: str, texts: tuple[str, ...], space: str) -> tuple[str, ...]:
    known = spaces.get(space)
    found = tuple(str(known.parse(text)) for text in texts)
    if len(set(found)) < len(found):
        raise SchemaError(f"{name} of a plan must differ; one comes twice")
    return found
