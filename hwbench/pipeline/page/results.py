"""What `verify/results.json` holds, as values; whatever is missing in it is None or empty.

Perplexities are of the test text, metrics in SI units, regrets shares of the best perplexity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from hwbench.pipeline.page.fields import Fields, Interval

__all__ = [
    "Architecture",
    "Cost",
    "Device",
    "Found",
    "Hardware",
    "Measured",
    "Problem",
    "Rank",
    "Regret",
    "Results",
]

_SAMPLE: Final = "sample"


@dataclass(frozen=True)
class Found:
    """What one method found for a problem, and what that took."""

    by: str
    arch: str
    evaluations: int | None = None
    seconds: float | None = None
    tokens: int | None = None
    predicted_regret: float | None = None


@dataclass(frozen=True)
class Problem:
    """A problem: its limits as (metric, bound), who found what, and the exact solver's proof."""

    name: str
    text: str = ""
    limits: tuple[tuple[str, float], ...] = ()
    certificate: str = ""
    found: tuple[Found, ...] = ()

    @property
    def by_architecture(self) -> dict[str, tuple[Found, ...]]:
        """Architecture -> all that found it, in the order in which they come."""
        names = dict.fromkeys(item.arch for item in self.found)
        return {name: tuple(i for i in self.found if i.arch == name) for name in names}


@dataclass(frozen=True)
class Measured:
    """A metric of an architecture: predicted, and measured once a visit."""

    predicted: Interval | None
    measured: tuple[float, ...]


@dataclass(frozen=True)
class Architecture:
    """An architecture that was checked: `retrained` has one perplexity a seed."""

    arch: str
    roles: tuple[str, ...] = ()
    params: float | None = None
    surrogate: Interval | None = None
    inherited: float | None = None
    retrained: tuple[float, ...] = ()
    metrics: Mapping[str, Measured] = field(default_factory=dict)

    @property
    def picked(self) -> bool:
        """Whether it is there for a problem, and not only as one drawn at random."""
        return any(role != _SAMPLE for role in self.roles)


@dataclass(frozen=True)
class Rank:
    """How alike two orders of the same architectures are: Kendall's tau with its interval."""

    of: str
    other: str
    n: int | None
    tau: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Hardware:
    """How well one metric was predicted."""

    metric: str
    n: int | None
    mape: float | None
    tau: float | None
    inside: float | None


@dataclass(frozen=True)
class Regret:
    """What a method's architecture reaches once it is retrained."""

    problem: str
    by: str
    perplexity: float | None
    low: float | None
    high: float | None
    kept: bool | None
    from_best: float | None


@dataclass(frozen=True)
class Cost:
    """What a stage took."""

    stage: str
    seconds: float | None
    tokens: int | None


@dataclass(frozen=True)
class Device:
    """Where it was measured: a name, a label for people, and "cpu" or "gpu"."""

    name: str = ""
    label: str = ""
    kind: str = ""

    @classmethod
    def of(cls, told: Fields, /) -> Self:
        """Read it."""
        return cls(told.text("name"), told.text("label"), told.text("kind"))


@dataclass(frozen=True)
class Results:
    """All of it."""

    device: Device = field(default_factory=Device)
    sha256: str = ""
    energy: str = ""
    steps: int | None = None
    seeds: int | None = None
    tokens_each: int | None = None
    problems: tuple[Problem, ...] = ()
    architectures: tuple[Architecture, ...] = ()
    ranks: tuple[Rank, ...] = ()
    hardware: tuple[Hardware, ...] = ()
    regret: tuple[Regret, ...] = ()
    cost: tuple[Cost, ...] = ()

    @classmethod
    def of(cls, values: object, /) -> Self:
        """Read the JSON value of the file."""
        told = Fields(values)
        retraining = told.inner("retraining")
        return cls(
            device=Device.of(told.inner("device")),
            sha256=told.inner("bundle").text("sha256"),
            energy=told.text("energy"),
            steps=retraining.whole("steps"),
            seeds=retraining.whole("seeds"),
            tokens_each=retraining.whole("tokens_each"),
            problems=tuple(map(_problem, told.each("problems"))),
            architectures=tuple(map(_architecture, told.each("architectures"))),
            ranks=tuple(map(_rank, told.each("ranks"))),
            hardware=tuple(map(_hardware, told.each("hardware"))),
            regret=tuple(map(_regret, told.each("regret"))),
            cost=tuple(
                Cost(c.text("stage"), c.number("seconds"), c.whole("tokens"))
                for c in told.each("cost")
            ),
        )

    def architecture(self, text: str, /) -> Architecture:
        """Return what is known of an architecture."""
        known = (item for item in self.architectures if item.arch == text)
        return next(known, Architecture(text))

    def regret_of(self, problem: str, by: str, /) -> Regret | None:
        """Return the regret of a method in a problem."""
        known = (r for r in self.regret if (r.problem, r.by) == (problem, by))
        return next(known, None)


def _problem(told: Fields) -> Problem:
    limits = ((item.text("metric"), item.number("bound")) for item in told.each("limits"))
    return Problem(
        told.text("name"),
        told.text("text"),
        tuple((metric, bound) for metric, bound in limits if bound is not None),
        told.text("certificate"),
        tuple(map(_found, told.each("found"))),
    )


def _found(told: Fields) -> Found:
    return Found(
        told.text("by"),
        told.text("arch"),
        told.whole("evaluations"),
        told.number("seconds"),
        told.whole("tokens"),
        told.number("predicted_regret"),
    )


def _architecture(told: Fields) -> Architecture:
    quality = told.inner("quality")
    return Architecture(
        told.text("arch"),
        told.texts("roles"),
        told.number("params"),
        quality.interval("surrogate"),
        quality.number("inherited"),
        tuple(value for value in quality.numbers("retrained") if value > 0.0),
        {
            name: Measured(item.interval("predicted"), item.numbers("measured"))
            for name, item in told.inner("metrics").items()
        },
    )


def _rank(told: Fields) -> Rank:
    numbers = (told.number("tau"), told.number("low"), told.number("high"))
    return Rank(told.text("of"), told.text("with"), told.whole("n"), *numbers)


def _hardware(told: Fields) -> Hardware:
    shares = (told.number("mape"), told.number("tau"), told.number("inside_90"))
    return Hardware(told.text("metric"), told.whole("n"), *shares)


def _regret(told: Fields) -> Regret:
    return Regret(
        told.text("problem"),
        told.text("by"),
        *(told.number("perplexity"), told.number("low"), told.number("high")),
        told.flag("kept_limits"),
        told.number("from_best"),
    )
