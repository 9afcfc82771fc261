"""What a bundle is: surrogates with all that must be said about them. A frozen value.

`hwbench.benchmark.save` writes one as a folder, `load_bundle` reads it back, `Benchmark` answers
questions from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from hwbench import metrics
from hwbench.benchmark.closed_forms import ClosedForm
from hwbench.data.table import Protocol
from hwbench.errors import BundleError, UnknownNameError
from hwbench.spaces import Space
from hwbench.surrogates.layerwise_predictor import n_combinations
from hwbench.surrogates.predictor import Predictor
from hwbench.surrogates.uncertainty import Uncertainty

__all__ = ["Bundle", "Cell", "Device", "DeviceKind", "find_device"]

DeviceKind = Literal["gpu", "cpu"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True)
class Device:
    """A device that a bundle knows.

    Attributes:
        name: How it is called in queries: "rtx2080".
        label: How people know it: "NVIDIA GeForce RTX 2080 Ti".
        kind: "gpu" or "cpu".
        precision: Number format of the matrix products: "fp32", "bf16" or "fp16".
        notes: What a user of its numbers should know.
    """

    name: str
    label: str
    kind: DeviceKind
    precision: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_name("device", self.name)
        if self.kind not in get_args(DeviceKind):
            raise BundleError(f"device {self.name}: kind must be gpu or cpu, got {self.kind!r}")


@dataclass(frozen=True, eq=False)
class Cell:
    """One metric of some devices: what predicts it, how sure that is, how it was measured.

    Attributes:
        name: Unique in its bundle, such as "latency_s.h100" or "memory_bytes.bf16".
        metric: Name of the metric, unit included.
        devices: The devices it holds for; None for a metric that needs no device.
        model: A surrogate, or an exact formula.
        uncertainty: How far measurements may lie from the model; None for a formula, and for
            nothing else.
        protocol: How the metric was measured.
    """

    name: str
    metric: str
    devices: tuple[str, ...] | None
    model: Predictor | ClosedForm
    uncertainty: Uncertainty | None
    protocol: Protocol

    def __post_init__(self) -> None:
        _check_name("cell", self.name)
        metric = metrics.get(self.metric)
        if metric.name != self.metric:
            raise BundleError(f"cell {self.name}: the metric is called {metric.name}")
        if (self.devices is not None) != metric.needs_device or self.devices == ():
            raise BundleError(
                f"cell {self.name}: {self.metric} "
                f"{'needs a device' if metric.needs_device else 'belongs to no device'}"
            )
        if self.protocol.unit != metric.unit:
            raise BundleError(
                f"cell {self.name}: {self.metric} is in {metric.unit}, "
                f"its protocol says {self.protocol.unit!r}"
            )
        self._check_model()

    @property
    def exact(self) -> bool:
        """Whether a formula gives the metric."""
        return isinstance(self.model, ClosedForm)

    @property
    def model_name(self) -> str:
        """The formula's name, or the kind of the surrogate."""
        return self.model.name if isinstance(self.model, ClosedForm) else self.model.kind

    def _check_model(self) -> None:
        if isinstance(self.model, ClosedForm) and self.model.metric != self.metric:
            raise BundleError(
                f"cell {self.name}: {self.model.name} gives {self.model.metric}, not {self.metric}"
            )
        if self.exact != (self.uncertainty is None):
            raise BundleError(
                f"cell {self.name}: a surrogate needs an uncertainty, and a formula has none"
            )


@dataclass(frozen=True, eq=False)
class Bundle:
    """Everything a benchmark needs.

    Attributes:
        name: Name of the benchmark, such as "gpt-s".
        space: The search space, with the network variant that costs are about.
        devices: The devices, in the order in which they are shown.
        cells: At most one for each metric and device.
        fitted: When the surrogates were fitted, "2026-01-31".
        version: The hwbench that fitted them.
        provenance: Where the measurements come from: JSON values by name.
        licence: Licence of the data behind the surrogates.
        citation: What to cite.
        limits: What the bundle cannot tell, one sentence each.
        card: The report card, any JSON object; "cells" in it is for figures by name of the cell.
        card_text: The report card for people, in Markdown.
    """

    name: str
    space: Space
    devices: tuple[Device, ...]
    cells: tuple[Cell, ...]
    fitted: str
    version: str
    provenance: Mapping[str, object]
    licence: str
    citation: str
    limits: tuple[str, ...] = ()
    card: Mapping[str, object] = field(default_factory=dict)
    card_text: str = ""

    def __post_init__(self) -> None:
        _check_name("bundle", self.name)
        _check_distinct("device", [_plain(device.name) for device in self.devices])
        _check_distinct("cell", [cell.name for cell in self.cells])
        known = {device.name for device in self.devices}
        places = [(cell.metric, d) for cell in self.cells for d in cell.devices or (None,)]
        unknown = {d for _, d in places if d is not None} - known
        if unknown:
            raise BundleError(f"cells name unknown devices: {', '.join(sorted(unknown))}")
        _check_distinct("cell for", [f"{metric} on {device}" for metric, device in places])
        for cell in self.cells:
            _check_space(cell, self.space)

    def cell(self, metric: str, device: str | None, /) -> Cell | None:
        """Return the cell of a metric, by their exact names; None if there is none.

        Args:
            metric: "latency_s".
            device: A device; plays no part for metrics that need none.
        """
        for cell in self.cells:
            if cell.metric == metric and (cell.devices is None or device in cell.devices):
                return cell
        return None


def find_device(devices: tuple[Device, ...], name: str, /) -> Device:
    """Look a device up; case does not matter, nor which of `_`, `-` and blank stands in a name.

    So HW-GPT-Bench's names (`P100`, `cpu_xeon_gold`) lead to ours.

    Raises:
        UnknownNameError: If there is none; lists those that exist.
    """
    wanted = _plain(str(name))
    for device in devices:
        if _plain(device.name) == wanted:
            return device
    raise UnknownNameError.of("device", name, [device.name for device in devices])


def _plain(name: str) -> str:
    return re.sub(r"[-_ ]", "", name.strip().lower())


def _check_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BundleError(f"a {what} needs a name of letters, digits, '_', '.', '-'; got {name!r}")


def _check_distinct(what: str, names: list[str]) -> None:
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise BundleError(f"there is more than one {what} {', '.join(sorted(twice))}")


def _check_space(cell: Cell, space: Space) -> None:
    combinations = n_combinations(space)[0]
    if cell.uncertainty is not None and cell.uncertainty.group.shape != (combinations,):
        raise BundleError(
            f"cell {cell.name}: the uncertainty must name a group for each of {combinations} "
            f"combinations of shared choices, got shape {cell.uncertainty.group.shape}"
        )
    model = cell.model
    if isinstance(model, ClosedForm):
        return
    found = model.space  # its network may differ: perplexities belong to another one than times
    if found is None or _choices(found) != _choices(space):
        theirs = "none" if found is None else found.name
        raise BundleError(f"cell {cell.name}: fitted on the space {theirs}, not on {space.name}")


def _choices(space: Space) -> tuple[object, ...]:
    return space.name, space.shared, space.layered, space.depth
