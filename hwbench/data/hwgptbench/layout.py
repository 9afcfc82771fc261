"""Where upstream keeps what: folders, file names, chunks, and the true names of the devices.

The five named CPUs are published under other names than their folders carry; which is which was
settled by comparing the published statistics and old surrogates with the raw files, per device,
scale and metric (`data/hw-gpt-bench.md` shows the figures).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from hwbench.errors import UnknownNameError

__all__ = [
    "ARCHITECTURES",
    "DEVICES",
    "IGNORED",
    "PPL_FOLDER",
    "RAW_FOLDER",
    "SCALES",
    "Campaign",
    "Chunk",
    "Device",
    "Kind",
    "Scale",
    "campaigns",
    "chunks",
    "device",
    "ignored_files",
]

Scale = Literal["s", "m", "l"]
Kind = Literal["latency", "tracker", "memory", "perplexity"]

RAW_FOLDER: Final = "data_collection/raw_results_hw"
PPL_FOLDER: Final = "arch_ppl_bench_"
ARCHITECTURES: Final = 10_000
"""Architectures of a scale in a whole checkout; the same ones, in one order, for all devices."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device that was measured.

    Attributes:
        name: Our name.
        folder: Upstream's, as in `latency_{folder}_m`.
        kind: "gpu" or "cpu".
        precision: Number format of the matrix products.
    """

    name: str
    folder: str
    kind: Literal["gpu", "cpu"]
    precision: Literal["fp32", "bf16", "fp16"]


_DEVICES: Final = (
    Device("a100", "a100", "gpu", "bf16"),
    Device("a40", "a40", "gpu", "bf16"),
    Device("a6000", "a6000", "gpu", "bf16"),
    Device("h100", "h100", "gpu", "bf16"),
    Device("p100", "P100", "gpu", "fp16"),
    Device("rtx2080", "rtx2080", "gpu", "fp16"),
    Device("rtx3080", "rtx3080", "gpu", "fp16"),
    Device("v100", "v100", "gpu", "fp16"),
    Device("cpu-xeon-silver", "cpu_mlgpu", "cpu", "fp32"),
    Device("cpu-xeon-gold", "cpu_meta", "cpu", "fp32"),
    Device("cpu-amd-7452", "cpu_a6000", "cpu", "fp32"),
    Device("cpu-amd-7502", "cpu_alldlc", "cpu", "fp32"),
    Device("cpu-amd-7513", "helix_cpu", "cpu", "fp32"),
    Device("cpu-unnamed", "cpu_p100", "cpu", "fp32"),
)
DEVICES: Final[dict[str, Device]] = {entry.name: entry for entry in _DEVICES}
"""Our name -> device. "cpu-unnamed" is in the raw files, but was never published."""

SCALES: Final[dict[Scale, str]] = {"s": "", "m": "_m", "l": "_l"}
"""Scale -> what its folders of hardware measurements end with."""

# Weight memory does not depend on the device; each precision was measured on one.
_MEMORY: Final = (("mem_a100", "bf16"), ("mem_rtx2080", "fp16"))

_PREFIX: Final[dict[Kind, str]] = {
    "latency": "efficiency_observations",
    "tracker": "efficiency_energy_observations_tracker",
    "memory": "efficiency_observations",
    "perplexity": "ppl_observations_tracker",
}
_CHUNK_ROWS: Final[dict[Kind, int]] = {
    "latency": 2500,
    "tracker": 2500,
    "memory": 2500,
    "perplexity": 1000,
}
_NAME: Final = re.compile(r"(?P<prefix>\w+?)_(?P<start>\d+)_(?P<stop>\d+)\.pkl")

IGNORED: Final[dict[str, str]] = {
    "efficiency_energy_observations": "superseded: incomplete, and its ranks disagree with the "
    "tracker's (tau 0.06 to 0.27)",
    "efficiency_energy_20_observations": "superseded: incomplete, and its ranks disagree with the "
    "tracker's (tau 0.06 to 0.27)",
}
"""File name without its range -> why it is left out."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """One job of measuring all architectures of a scale; its files are consecutive chunks.

    Attributes:
        kind: What was measured.
        scale: Which architectures.
        folder: Where its files lie in the checkout, as a POSIX path.
        precision: Number format of the matrix products.
        device: On what it ran; None where the metric does not depend on the device.
    """

    kind: Kind
    scale: Scale
    folder: str
    precision: str
    device: Device | None = None

    @property
    def space(self) -> str:
        """Name of the search space."""
        return f"gpt-{self.scale}"

    @property
    def prefix(self) -> str:
        """What its file names start with."""
        return _PREFIX[self.kind]

    @property
    def name(self) -> str:
        """Folder and start of the file names."""
        return f"{self.folder}/{self.prefix}"

    def file(self, start: int, stop: int) -> str:
        """Return the path of a chunk in the checkout."""
        return f"{self.name}_{start}_{stop}.pkl"

    def missing(self, found: Iterable[Chunk]) -> list[str]:
        """Name the files that would cover the architectures no file covers."""
        step = _CHUNK_ROWS[self.kind]
        covered = {i for chunk in found for i in range(chunk.start // step, -(-chunk.stop // step))}
        starts = (i * step for i in range(ARCHITECTURES // step) if i not in covered)
        return [self.file(start, start + step) for start in starts]


@dataclass(frozen=True, slots=True, order=True)
class Chunk:
    """One file of a campaign: architectures `start` to `stop` of the list."""

    start: int
    stop: int
    path: Path

    @property
    def number(self) -> int:
        """Its number in the campaign, the same whether or not the others are there."""
        return self.start // max(self.stop - self.start, 1)


def device(name: str, /) -> Device:
    """Look a device up.

    Raises:
        UnknownNameError: If there is none of that name; lists those that exist.
    """
    if name not in DEVICES:
        raise UnknownNameError.of("device", name, DEVICES)
    return DEVICES[name]


def campaigns(scales: Iterable[Scale], devices: Iterable[Device | None], /) -> list[Campaign]:
    """List what a whole checkout holds.

    Args:
        scales: Which scales.
        devices: Which devices; None stands for the metrics that need no device.
    """
    chosen = list(devices)
    return [c for scale in scales for entry in chosen for c in _of_device(scale, entry)]


def chunks(checkout: Path, campaign: Campaign, /) -> list[Chunk]:
    """Find the files of a campaign, in the order of their ranges."""
    found = []
    for path in (checkout / campaign.folder).glob(f"{campaign.prefix}_*.pkl"):
        match = _NAME.fullmatch(path.name)
        if match is not None and match["prefix"] == campaign.prefix:
            found.append(Chunk(int(match["start"]), int(match["stop"]), path))
    return sorted(found)


def ignored_files(checkout: Path, /) -> dict[str, str]:
    """Name the pickles beside the campaigns' files that are left out, each with the reason."""
    known = {c.name for c in campaigns(SCALES, (*_DEVICES, None))}
    folders = [checkout / RAW_FOLDER, *checkout.glob(f"{PPL_FOLDER}*")]
    ignored = {}
    for path in sorted(path for folder in folders for path in folder.rglob("*.pkl")):
        relative = PurePosixPath(path.relative_to(checkout).as_posix())
        match = _NAME.fullmatch(path.name)
        prefix = match["prefix"] if match else path.stem
        if match is None or f"{relative.parent}/{prefix}" not in known:
            ignored[str(relative)] = IGNORED.get(prefix, "not a file of a known campaign")
    return ignored


def _of_device(scale: Scale, entry: Device | None) -> Iterator[Campaign]:
    suffix = SCALES[scale]
    if entry is None:
        for folder, precision in _MEMORY:
            yield Campaign("memory", scale, f"{RAW_FOLDER}/{folder}{suffix}", precision)
        yield Campaign("perplexity", scale, f"{PPL_FOLDER}{scale}", "fp16")
        return
    folder = f"{RAW_FOLDER}/latency_{entry.folder}{suffix}"
    yield Campaign("latency", scale, folder, entry.precision, entry)
    if entry.kind == "gpu":
        yield Campaign("tracker", scale, folder, entry.precision, entry)
