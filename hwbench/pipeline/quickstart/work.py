"""What all steps of a quickstart share."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hwbench.pipeline.quickstart.folder import Folder
from hwbench.pipeline.quickstart.result import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwbench.profiling.campaign import Campaign, Progress
    from hwbench.profiling.devices import Device

__all__ = ["BUNDLE", "METRICS", "PROTOCOL", "Work"]

BUNDLE: Final = "gpt-s"
PROTOCOL: Final = "serving"
METRICS: Final = ("latency", "memory")


@dataclass(frozen=True, eq=False)
class Work:
    """What all steps share.

    Attributes:
        wanted: What is asked for.
        folder: Where.
        opened: The device, open.
        say: Told what begins.
        progress: Called after each measurement.
        seconds: Step -> time it took.
    """

    wanted: Wanted
    folder: Folder
    opened: Device
    say: Callable[[str], None]
    progress: Callable[[Progress], None] | None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def device(self) -> str:
        """What the device is called in the benchmark."""
        return f"my-{self.opened.kind}"

    @contextmanager
    def step(self, name: str, what: str) -> Iterator[None]:
        """Say what begins, and time it."""
        self.say(f"{name}: {what}")
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began

    def run(self, campaign: Campaign) -> None:
        """Measure."""
        from hwbench.profiling import measuring

        campaign.run(self.opened, measuring.measure, progress=self.progress)
