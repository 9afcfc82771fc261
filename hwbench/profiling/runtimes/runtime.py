"""What every runtime answers: it prepares a network, and the prepared network runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from hwbench.errors import HwbenchError
from hwbench.profiling._types import DeviceKind
from hwbench.profiling.protocols import MeasuringProtocol
from hwbench.profiling.workloads import Phase
from hwbench.spaces.architecture import Architecture
from hwbench.spaces.space import Space

__all__ = ["Request", "Runnable", "Runtime", "UnsupportedError"]


class UnsupportedError(HwbenchError, RuntimeError):
    """A runtime or device cannot do what a protocol asks for."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to prepare.

    Attributes:
        arch: The architecture.
        space: Its space, in the network variant to be built.
        protocol: How it will be run.
        torch_name: The device as torch calls it: "cpu", "cuda:0".
        threads: CPU threads.
        seed: Seed of weights and token ids.
        quiet: Whether idle threads shall sleep, not spin: so that energy is measured fairly.
    """

    arch: Architecture
    space: Space
    protocol: MeasuringProtocol
    torch_name: str = "cpu"
    threads: int = 1
    seed: int = 0
    quiet: bool = False

    @property
    def device_kind(self) -> DeviceKind:
        """Kind of the device."""
        return "cpu" if self.torch_name == "cpu" else "gpu"


class Runnable(ABC):
    """A network that is loaded and ready."""

    @abstractmethod
    def run(self) -> None:
        """Do one iteration of the workload and wait until the device is done."""

    def event_s(self) -> float | None:
        """Return the time between GPU events around the last iteration; None without events."""
        return None

    def reset_memory(self) -> None:
        """Forget the peak of the memory so far."""
        return

    def memory(self) -> dict[str, int]:
        """Return what the runtime itself counted: name, ending in "_bytes" -> bytes."""
        return {}

    def settings(self) -> dict[str, str]:
        """Return what else the numbers depend on: name -> value."""
        return {}

    def close(self) -> None:
        """Free what is held."""
        return


class Runtime(ABC):
    """Turns an architecture into something that runs.

    Attributes:
        name: As in the registry.
        device_kinds: Where it runs.
        phases: What it can do.
        precisions: In which number formats.
    """

    name: str
    device_kinds: tuple[DeviceKind, ...]
    phases: tuple[Phase, ...] = ("prefill", "decode")
    precisions: tuple[str, ...]

    @abstractmethod
    def load(self) -> Mapping[str, str]:
        """Import what the runtime needs and return the versions: name -> version.

        Raises:
            MissingExtraError: If a package is missing.
        """

    @abstractmethod
    def prepare(self, request: Request, /) -> Runnable:
        """Build the network with random weights and make it ready to run.

        Raises:
            UnsupportedError: If this cannot be done, here or at all.
        """

    def check(self, request: Request, /) -> None:
        """Refuse what the runtime cannot do at all.

        Raises:
            UnsupportedError: Saying what it can do.
        """
        asked = (
            ("device", request.device_kind, self.device_kinds),
            ("phase", request.protocol.workload.phase, self.phases),
            ("precision", request.protocol.precision, self.precisions),
        )
        for what, value, known in asked:
            if value not in known:
                raise UnsupportedError(
                    f"runtime {self.name} does not do {what} {value!r}; it does {', '.join(known)}"
                )
