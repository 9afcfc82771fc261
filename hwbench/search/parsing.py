"""Read problems from the words of the command line; `Problem.parse` is the way in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hwbench import metrics, units
from hwbench.errors import UnknownNameError
from hwbench.search.problem import Aggregate, Limit, Objective, ProblemError, Sense
from hwbench.spaces import Space
from hwbench.spaces.choice import Scalar

if TYPE_CHECKING:
    from hwbench.benchmark import Benchmark

__all__ = ["Reader", "fixed"]

_PLAIN: Final = ("1", "FLOP")  # whose numbers mean one thing only


@dataclass(frozen=True, eq=False)
class Reader:
    """Reads objectives and limits that a benchmark can answer.

    Attributes:
        bench: Says which metrics and devices exist.
        devices: Where a metric written without `@` is meant; none stands for the only device of a
            benchmark that has one.
    """

    bench: Benchmark
    devices: tuple[str, ...]

    def __post_init__(self) -> None:
        only = self.bench.devices if len(self.bench.devices) == 1 else ()
        names = dict.fromkeys(self.bench.device(name).name for name in self.devices or only)
        object.__setattr__(self, "devices", tuple(names))

    def objectives(
        self, minimize: Sequence[str], maximize: Sequence[str], aggregate: Aggregate, /
    ) -> tuple[Objective, ...]:
        """Read objectives, those to minimise first."""
        found = []
        for direction, texts in (("minimize", minimize), ("maximize", maximize)):
            for word in _words(texts):
                metric, devices = self._place(word)
                goal = Objective(metric, devices, aggregate)
                right = metrics.get(metric).direction
                if right != direction:
                    better = "lower" if right == "minimize" else "higher"
                    raise ProblemError(f"{metric} is better when {better}; write --{right} {word}")
                found.append(goal)
        return tuple(found)

    def limits(
        self,
        upper: Sequence[str],
        lower: Sequence[str],
        confidence: float | None,
        margin: float,
        /,
    ) -> tuple[Limit, ...]:
        """Read limits; one without a device holds on each of the devices."""
        senses: tuple[tuple[Sense, Sequence[str]], ...] = (("max", upper), ("min", lower))
        found = []
        for sense, texts in senses:
            for word in _words(texts):
                name, amount = _pair(word, f"--{sense} latency=8ms")
                metric, devices = self._place(name)
                unit = metrics.get(metric).unit
                bound = units.parse(amount, unit, bare=unit in _PLAIN)
                found += [
                    Limit(metric, device, bound, sense, confidence, margin)
                    for device in devices or (None,)
                ]
        return tuple(found)

    def _place(self, word: str) -> tuple[str, tuple[str, ...]]:
        """Return the metric of "latency@h100+a100" and its devices."""
        name, _, places = word.partition("@")
        metric = metrics.get(name.strip())
        if not metric.needs_device:
            if places:
                raise ProblemError(f"{metric.name} belongs to no device, got {word!r}")
            self.bench.cell(metric.name)
            return metric.name, ()
        named = tuple(place.strip() for place in places.split("+")) if places else self.devices
        if not named:
            known = ", ".join(self.bench.devices)
            raise ProblemError(f"{metric.short} needs a device: --device NAME; known: {known}")
        devices = tuple(dict.fromkeys(self.bench.device(place).name for place in named))
        for device in devices:
            self.bench.cell(metric.name, device)
        return metric.name, devices


def fixed(space: Space, texts: Sequence[str], /) -> dict[str, tuple[Scalar, ...]]:
    """Read fixed choices: "embed_dim=768", "mlp_ratio=2,3".

    Raises:
        UnknownNameError: If a choice does not exist.
        SpaceError: If it does not offer a value.
        ProblemError: If a text is not of this form, or a choice is fixed twice.
    """
    found: dict[str, tuple[Scalar, ...]] = {}
    for text in texts:
        name, values = _pair(text, "--fix embed_dim=768")
        choice = space.choice(name)
        if name in found:
            raise ProblemError(f"{name} is fixed twice; write --fix {name}=VALUE,VALUE")
        found[name] = choice.keep(choice.read(word.strip()) for word in values.split(",")).values
    return found


def _pair(text: str, example: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip() or not value.strip():
        raise ProblemError(f"expected NAME=VALUE as in {example}, got {text!r}")
    return name.strip(), value.strip()


def _words(texts: Iterable[str]) -> list[str]:
    words = [word.strip() for text in texts for word in text.split(",")]
    if not all(words):
        raise UnknownNameError.of("metric", "", metrics.names())
    return words
