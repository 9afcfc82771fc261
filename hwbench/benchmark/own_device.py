"""What `calibrate` is given of a device of your own: its tables, and who it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hwbench.benchmark.bundle import Device, DeviceKind
from hwbench.data import Table
from hwbench.data import journal as journals
from hwbench.errors import DataError

__all__ = ["device_tables", "measured_device"]


def device_tables(journal: Path, space: str, /, *, protocol: str | None = None) -> list[Table]:
    """Read the tables of a space, all of one device.

    Args:
        journal: What `hwbench profile run` or `hwbench profile compact` wrote, or a folder of
            tables.
        space: Name of the space.
        protocol: Only tables of this protocol.

    Raises:
        DataError: If there is none, or they are of several devices.
    """
    found = [table for table in journals.tables(journal) if table.device is not None]
    wanted = [
        table
        for table in found
        if table.space == space and protocol in (None, table.protocol.name) and len(table)
    ]
    if not wanted:
        there = sorted({f"{t.space} by {t.protocol.name}" for t in found}) or ["nothing"]
        asked = f"{space} by {protocol}" if protocol else space
        raise DataError(f"{journal}: nothing measured of {asked}; there is {', '.join(there)}")
    devices = sorted({str(table.device) for table in wanted})
    if len(devices) > 1:
        raise DataError(
            f"{journal}: measured on several devices ({', '.join(devices)}); "
            "calibrate them one by one"
        )
    return wanted


def measured_device(
    name: str,
    tables: Sequence[Table],
    /,
    *,
    kind: DeviceKind | None = None,
    label: str | None = None,
) -> Device:
    """Describe the device that tables were measured on.

    Args:
        name: What to call it.
        tables: Its tables.
        kind: "cpu" or "gpu"; None: as the id of the device begins.
        label: How people know it; None: its name.

    Raises:
        DataError: If the id does not tell the kind.
    """
    of = str(tables[0].device)
    kinds: tuple[DeviceKind, ...] = ("cpu", "gpu")
    guess = kind or next((known for known in kinds if of.startswith(known)), None)
    if guess is None:
        raise DataError(f"cannot tell the kind of the device {of}: say --kind cpu or --kind gpu")
    rows = max(len(table) for table in tables)
    note = f"calibrated from {rows} measurements, with the other devices as prior"
    return Device(name, label or name, guess, tables[0].protocol.precision, (note,))
