"""Turn the files of one campaign into tables; runs in a process of its own."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from hwbench.arrays import FloatArray
from hwbench.data.folder import table_path
from hwbench.data.hwgptbench import protocols, readings
from hwbench.data.hwgptbench.layout import Campaign, Chunk, chunks
from hwbench.data.hwgptbench.readings import Reader, Reading
from hwbench.data.hwgptbench.records import Batch, sort_out
from hwbench.data.hwgptbench.report import CampaignReport, FileReport, TableReport
from hwbench.data.hwgptbench.unpickle import loads, read_bytes
from hwbench.data.table import Flag, Protocol, Table
from hwbench.errors import DataError

__all__ = ["Output", "import_campaign", "outputs"]


@dataclass(frozen=True)
class Output:
    """One table that a campaign yields.

    Attributes:
        metric: Name of the metric.
        protocol: How it was measured.
        read: Gets the metric out of the records.
    """

    metric: str
    protocol: Protocol
    read: Reader


@dataclass(frozen=True, eq=False)
class _Part:
    """What one file gives: its usable rows without the records, and a reading for each output."""

    batch: Batch
    readings: list[Reading]


def outputs(campaign: Campaign, /) -> list[Output]:
    """List the tables of a campaign."""
    protocol = protocols.measured(campaign)
    if campaign.kind == "tracker":
        return [
            Output("energy_j", protocol, partial(readings.read_tracker, field="energy")),
            Output(
                "power_w", protocols.power(campaign), partial(readings.read_tracker, field="power")
            ),
        ]
    if campaign.kind == "memory":
        return [Output("memory_bytes", protocol, readings.read_memory)]
    if campaign.kind == "perplexity":
        names = ("perplexity", "accuracy")
        return [Output(n, protocol, partial(readings.read_number, field=n)) for n in names]
    assert campaign.device is not None
    kind = campaign.device.kind
    found = [Output("latency_s", protocol, partial(readings.read_latency, kind=kind))]
    if kind == "cpu":
        energy = protocols.cpu_energy(campaign)
        found.append(Output("energy_j", energy, readings.read_cpu_energy))
    return found


def import_campaign(checkout: Path, out: Path, campaign: Campaign, /) -> CampaignReport:
    """Read the files of a campaign and write its tables.

    A file that is missing or cannot be read is reported, the others are used. A table without
    rows is not written, and an older one in its place is removed.

    Args:
        checkout: Root of the checkout.
        out: Folder of the tables.
        campaign: Which one.
    """
    wanted = outputs(campaign)
    found = chunks(checkout, campaign)
    seen: set[bytes] = set()
    files, parts = [], []
    for chunk in found:
        file, part = _read(checkout, campaign, chunk, seen, wanted)
        files.append(file)
        if part is not None:
            parts.append(part)
    dropped: Counter[str] = Counter()
    noticed: Counter[str] = Counter()
    for part in parts:
        dropped.update(part.batch.dropped)
        noticed.update(part.batch.noticed)
    tables = [
        _write(out, campaign, output, parts, [part.readings[i] for part in parts])
        for i, output in enumerate(wanted)
    ]
    missing = campaign.missing(found)
    return CampaignReport(campaign.name, files, missing, tables, dict(dropped), dict(noticed))


def _read(
    checkout: Path, campaign: Campaign, chunk: Chunk, seen: set[bytes], wanted: Sequence[Output]
) -> tuple[FileReport, _Part | None]:
    name = chunk.path.relative_to(checkout).as_posix()
    try:
        data = read_bytes(chunk.path)
        found = loads(data, name=name)
        batch = sort_out(found, campaign, chunk, seen)
        rows = len(batch.records) + sum(batch.dropped.values())
        part = _Part(replace(batch, records=[]), [output.read(batch.records) for output in wanted])
    except DataError as error:
        return FileReport(name, 0, "", str(error)), None
    except OSError as error:
        return FileReport(name, 0, "", f"{name}: {error.strerror or error}"), None
    except MemoryError:
        return FileReport(name, 0, "", f"{name}: refused, it needs too much memory"), None
    return FileReport(name, rows, hashlib.sha256(data).hexdigest()), part


def _write(
    out: Path,
    campaign: Campaign,
    output: Output,
    parts: Sequence[_Part],
    found: Sequence[Reading],
) -> TableReport:
    device = campaign.device.name if campaign.device else None
    path = table_path(
        out,
        space=campaign.space,
        device=device,
        metric=output.metric,
        protocol=output.protocol.name,
    )
    rejects = [rule for reading in found for rule in reading.rejects]
    dropped = dict(Counter(rule for rule in rejects if rule is not None))
    relative = path.relative_to(out).as_posix()
    if len(rejects) == sum(dropped.values()):
        path.unlink(missing_ok=True)
        return TableReport(relative, 0, 0, dropped)
    table = Table(
        space=campaign.space,
        device=device,
        metric=output.metric,
        protocol=output.protocol,
        codes=np.concatenate([part.batch.codes for part in parts]),
        chunk=np.concatenate([part.batch.chunk for part in parts]),
        position=np.concatenate([part.batch.position for part in parts]),
        repeats=_stack([reading.repeats for reading in found]),
        source=campaign.folder,
        std=_join([reading.std for reading in found]),
        flags=np.concatenate([reading.flags for reading in found]),
    ).select(np.array([rule is None for rule in rejects]))
    table.save(path)
    flags = {flag.name or "": int(table.flagged(flag).sum()) for flag in Flag}
    counts = {name.lower(): count for name, count in flags.items() if count}
    return TableReport(relative, len(table), table.repeats.shape[1], dropped, counts)


def _stack(repeats: Sequence[FloatArray]) -> FloatArray:
    width = max(values.shape[1] for values in repeats)
    padded = [
        np.pad(values, ((0, 0), (0, width - values.shape[1])), constant_values=np.nan)
        for values in repeats
    ]
    return np.concatenate(padded)


def _join(std: Sequence[FloatArray | None]) -> FloatArray | None:
    known = [values for values in std if values is not None]
    return np.concatenate(known) if known else None
