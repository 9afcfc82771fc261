"""What is searched for: objectives, hard limits and fixed choices, as a frozen value.

`Problem.parse` reads what a person types (`latency=8ms`), `Problem.to_dict` what a file holds.
Objectives are minimised inside: a metric that is better when higher is negated.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hwbench import spaces
from hwbench.arrays import Codes
from hwbench.errors import HwbenchError, SchemaError, SpaceError
from hwbench.search.goals import Aggregate, Limit, Objective, ProblemError, Sense, column_name
from hwbench.spaces import Space
from hwbench.spaces.choice import Scalar, to_text

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from hwbench.benchmark import Benchmark

__all__ = ["Aggregate", "Limit", "Objective", "Problem", "ProblemError", "Sense", "column_name"]


@dataclass(frozen=True)
class Problem:
    """Objectives, limits and fixed choices on a search space.

    Attributes:
        space: The whole space; codes of results belong to it.
        objectives: One or more.
        limits: All of them must hold.
        fixed: Choice -> the values it may take.
    """

    space: Space
    objectives: tuple[Objective, ...]
    limits: tuple[Limit, ...] = ()
    fixed: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "objectives", tuple(self.objectives))
        object.__setattr__(self, "limits", tuple(self.limits))
        fixed = {name: tuple(values) for name, values in self.fixed.items()}
        object.__setattr__(self, "fixed", MappingProxyType(fixed))
        if not self.objectives:
            raise ProblemError("a problem needs an objective")
        if len(set(self.objectives)) != len(self.objectives):
            raise ProblemError(
                f"an objective is named twice: {', '.join(map(str, self.objectives))}"
            )
        _ = self.subspace  # refuses choices and values that do not exist

    def __hash__(self) -> int:
        return hash(self.fingerprint())

    def __reduce__(self) -> tuple[type[Problem], tuple[object, ...]]:
        return Problem, (self.space, self.objectives, self.limits, dict(self.fixed))

    def __str__(self) -> str:
        """Say it in one line."""
        text = ", ".join(f"{'min' if goal.sign > 0 else 'max'} {goal}" for goal in self.objectives)
        text += "".join(f"; {limit}" for limit in self.limits)
        return text + "".join(
            f"; {name} = {','.join(map(to_text, values))}" for name, values in self.fixed.items()
        )

    @cached_property
    def subspace(self) -> Space:
        """The space that is searched: the whole one, cut to the fixed choices."""
        return self.space.restrict(**self.fixed) if self.fixed else self.space

    def lift(self, codes: ArrayLike, /) -> Codes:
        """Turn codes of `subspace` into codes of `space`.

        Raises:
            ShapeError: If they have another shape.
            SpaceError: If an index does not exist.
        """
        if not self.fixed:
            return self.space.canonical(codes)
        return self.space.translate(codes, self.subspace)

    def lower(self, codes: ArrayLike, /) -> Codes:
        """Turn codes of `space` into codes of `subspace`; undoes `lift`.

        Raises:
            SpaceError: If an architecture does not fit the fixed choices.
        """
        if not self.fixed:
            return self.space.canonical(codes)
        return self.subspace.translate(codes, self.space)

    @cached_property
    def columns(self) -> tuple[tuple[str, str | None], ...]:
        """The numbers that objectives and limits need, each metric and device once."""
        needed = [column for goal in self.objectives for column in goal.columns]
        needed += [(limit.metric, limit.device) for limit in self.limits]
        return tuple(dict.fromkeys(needed))

    @classmethod
    def parse(
        cls,
        bench: Benchmark,
        /,
        *,
        minimize: Sequence[str] = (),
        maximize: Sequence[str] = (),
        devices: Sequence[str] = (),
        max: Sequence[str] = (),
        min: Sequence[str] = (),
        fix: Sequence[str] = (),
        confidence: float | None = None,
        margin: float = 0.0,
        aggregate: Aggregate = "max",
    ) -> Problem:
        """Read what a person types.

        Args:
            bench: What will be asked; says which metrics and devices exist.
            minimize: "perplexity,latency" or "latency@h100"; each text may name several.
            maximize: The same for metrics that are better when higher.
            devices: Devices of what is written without `@`; several mean the worst of them in an
                objective and each of them in a limit. None: the only one of a benchmark with one.
            max: "latency=8ms", "latency@h100=8ms", "memory=600MB", "params=90M". Time, energy and
                memory need their unit.
            min: "accuracy=0.4".
            fix: "embed_dim=768", "mlp_ratio=2,3".
            confidence: Of all limits.
            margin: Of all limits.
            aggregate: Of all objectives on several devices.

        Raises:
            UnknownNameError: If a metric, device or choice does not exist; lists what does.
            UnitError: If a quantity cannot be read, or lacks its unit; lists the units.
            ProblemError: If a direction is wrong or a device is missing.
        """
        from hwbench.search import parsing

        reader = parsing.Reader(bench, tuple(devices))
        return cls(
            bench.space,
            reader.objectives(minimize, maximize, aggregate),
            reader.limits(max, min, confidence, margin),
            parsing.fixed(bench.space, fix),
        )

    def to_dict(self) -> dict[str, object]:
        """Return the problem as a dict that JSON can hold; undoes `from_dict`."""
        return {
            "space": self.space.name,
            "network": self.space.network,
            "objectives": [
                asdict(goal) | {"devices": list(goal.devices)} for goal in self.objectives
            ],
            "limits": [asdict(limit) for limit in self.limits],
            "fixed": {name: list(values) for name, values in self.fixed.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], /, *, space: Space | None = None) -> Problem:
        """Read what `to_dict` wrote.

        Args:
            values: The dict.
            space: The space, if it is not one of the registry.

        Raises:
            SchemaError: If a field is missing or unknown, or another space is meant.
        """
        try:
            name, network = values["space"], values["network"]
            found = spaces.get(name).with_network(network) if space is None else space
            if (found.name, found.network) != (name, network):
                raise SpaceError(f"the problem is about {name} ({network}), not {found.name}")
            return cls(
                found,
                tuple(Objective(**goal) for goal in values["objectives"]),
                tuple(Limit(**limit) for limit in values["limits"]),
                values["fixed"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            if isinstance(error, HwbenchError):
                raise
            raise SchemaError(f"not a problem: {error!r}") from error

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that name the problem, its space included."""
        shape = [[c.name, list(c.values)] for c in (*self.space.shared, *self.space.layered)]
        text = json.dumps({**self.to_dict(), "choices": shape}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
