"""From upstream's records to repeats in SI units: the wrong units and labels are put right here.

Each reader takes the records of one file and returns a `Reading`. Raw repeats are kept as they
are; a record that cannot be trusted is rejected with the name of a rule (`RULES`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from hwbench.arrays import BoolArray, FloatArray
from hwbench.data.hwgptbench.flags import find_flags
from hwbench.data.table import Flag

__all__ = [
    "RULES",
    "Reader",
    "Reading",
    "Record",
    "read_cpu_energy",
    "read_latency",
    "read_memory",
    "read_number",
    "read_tracker",
]

Record: TypeAlias = Mapping[str, Any]
Reader: TypeAlias = Callable[[Sequence[Record]], "Reading"]

RULES: Final[dict[str, str]] = {
    "malformed": "a field is missing or of the wrong type",
    "bad-architecture": "the architecture belongs to no space of the benchmark",
    "other-scale": "a row of another scale among this one's",
    "duplicate": "an architecture that an earlier row of the campaign holds",
    "params-mismatch": "the parameter count is not the architecture's",
    "macs-mismatch": "the multiply-accumulate count is not the architecture's at this batch size",
    "unknown-unit": "a unit or label that this importer does not know",
    "not-positive": "zero, negative or not a number: never measured",
}
"""Rule -> why it drops a row."""

# What one printed unit is worth in seconds, as a divisor: it rounds once.
_PER_SECOND: Final = {"s": 1.0, "ms": 1e3, "us": 1e6}
_JOULES_PER_WH: Final = 3600.0
_BYTES_PER_MB: Final = 1e6
_ALLOCATION: Final = 512  # CUDA's allocator hands out multiples of it
_MOST_REPEATS: Final = 1000


@dataclass(frozen=True, eq=False)
class Reading:
    """One metric of the records of a file.

    Attributes:
        repeats: `(n, r)` SI values, NaN where a record has fewer.
        flags: `(n,)` bits of `Flag`.
        rejects: `(n,)` name of the rule that drops the record, or None.
        std: `(n,)` standard deviation that the source gives in place of repeats.
    """

    repeats: FloatArray
    flags: NDArray[np.uint8]
    rejects: list[str | None]
    std: FloatArray | None = None


def read_latency(records: Sequence[Record], /, *, kind: Literal["gpu", "cpu"]) -> Reading:
    """Read times: each repeat has its own unit, seconds or milliseconds.

    The stored means are not used: they average the bare numbers of mixed units, and the stored
    deviation of CPU times is a copy of the mean.
    """
    rejects = [_reject_times(r, f"times_profiler_{kind}", f"unit_{kind}") for r in records]
    values = [
        [] if bad else list(map(_seconds, r[f"times_profiler_{kind}"], r[f"unit_{kind}"]))
        for r, bad in zip(records, rejects, strict=True)
    ]
    mixed = [
        not bad and len(set(r[f"unit_{kind}"])) > 1 for r, bad in zip(records, rejects, strict=True)
    ]
    reading = _reading(values, rejects, levels=True)
    reading.flags[np.array(mixed, dtype=bool)] |= np.uint8(Flag.MIXED_UNITS)
    return reading


def read_tracker(records: Sequence[Record], /, *, field: Literal["energy", "power"]) -> Reading:
    """Read the energy tracker's energy (J) or power (W), 50 repeats.

    Its labels are wrong: `emissions_gpu` ("co2") holds watts, and `unit_energy` says "KWh" where
    energy over power gives the measured time only if the numbers are watt-hours.
    """
    key, factor = {"energy": ("energy_gpu", _JOULES_PER_WH), "power": ("emissions_gpu", 1.0)}[field]
    rejects = [_reject_tracker(record, key) for record in records]
    values = [
        [] if bad else [value * factor for value in record[key]]
        for record, bad in zip(records, rejects, strict=True)
    ]
    return _reading(values, rejects)


def read_cpu_energy(records: Sequence[Record], /) -> Reading:
    """Read the mean and standard deviation of CPU energy (J); the repeats were not kept."""
    rejects = [_reject_cpu_energy(record) for record in records]
    pairs = [
        (np.nan, np.nan) if bad else (record["mean_energy_cpu"], record["std_energy_cpu"])
        for record, bad in zip(records, rejects, strict=True)
    ]
    joules = np.array(pairs, dtype=np.float64).reshape(-1, 2) * _JOULES_PER_WH
    reading = _reading(joules[:, :1].tolist(), rejects)
    return Reading(reading.repeats, reading.flags, reading.rejects, std=joules[:, 1])


def read_memory(records: Sequence[Record], /) -> Reading:
    """Read weight memory (bytes), which upstream keeps in MB (1e6) rounded to single precision.

    The allocator hands out multiples of 512 bytes, so the exact count is the multiple nearest to
    the rounded number; where that does not round to what is stored, the stored number stays.
    """
    reading = read_number(records, field="mean_mem")
    stored = reading.repeats * _BYTES_PER_MB
    exact = np.round(stored / _ALLOCATION) * _ALLOCATION
    fits = (exact / _BYTES_PER_MB).astype(np.float32) == reading.repeats.astype(np.float32)
    repeats = np.where(fits, exact, stored)
    return Reading(repeats, reading.flags, reading.rejects)


def read_number(records: Sequence[Record], /, *, field: str) -> Reading:
    """Read one positive number a record, as it is."""
    rejects = [None if _is_number(record.get(field)) else "malformed" for record in records]
    values = [
        [] if bad else [float(record[field])] for record, bad in zip(records, rejects, strict=True)
    ]
    return _reading(values, rejects)


def _reading(
    values: Sequence[Sequence[float]], rejects: Sequence[str | None], *, levels: bool = False
) -> Reading:
    """Pad the repeats, set aside what is not positive, flag what is odd.

    Args:
        values: Repeats of each record, empty for rejected ones.
        rejects: Rules that already drop records.
        levels: Look for two clean levels among the repeats.
    """
    repeats = _padded(values)
    lost: BoolArray = ~(np.isfinite(repeats) & (repeats > 0))
    real = np.arange(repeats.shape[1]) < np.array([len(v) for v in values])[:, None]
    repeats[lost] = np.nan
    flags = find_flags(repeats, levels=levels)
    flags[(lost & real).any(axis=1)] |= np.uint8(Flag.LOST_REPEATS)
    gone: BoolArray = np.asarray(lost.all(axis=1))
    ruled = [
        rule or ("not-positive" if empty else None)
        for rule, empty in zip(rejects, gone.tolist(), strict=True)
    ]
    return Reading(repeats, flags, ruled)


def _padded(values: Sequence[Sequence[float]]) -> FloatArray:
    longest = max((len(row) for row in values), default=0)
    if values and all(len(row) == longest for row in values) and longest:
        return np.array(values, dtype=np.float64)
    padded = np.full((len(values), max(longest, 1)), np.nan)
    for row, repeats in zip(padded, values, strict=True):
        row[: len(repeats)] = repeats
    return padded


def _seconds(value: float, unit: str) -> float:
    return value / _PER_SECOND[unit]


def _reject_times(record: Record, times: str, units: str) -> str | None:
    values, named = record.get(times), record.get(units)
    if not _is_list_of_numbers(values) or not isinstance(named, list) or len(named) != len(values):
        return "malformed"
    return None if all(_knows_unit(unit) for unit in named) else "unknown-unit"


def _knows_unit(unit: object) -> bool:
    return isinstance(unit, str) and unit in _PER_SECOND


def _reject_tracker(record: Record, key: str) -> str | None:
    if not _is_list_of_numbers(record.get(key)):
        return "malformed"
    labels = (record.get("unit"), record.get("unit_energy"))
    return None if labels == ("W", "KWh") else "unknown-unit"


def _reject_cpu_energy(record: Record) -> str | None:
    mean, std = record.get("mean_energy_cpu"), record.get("std_energy_cpu")
    if not (_is_number(mean) and _is_number(std)):
        return "malformed"
    return None if record.get("unit_energy") == "Wh" else "unknown-unit"


def _is_number(value: object) -> bool:
    return type(value) in (float, int)


def _is_list_of_numbers(values: object) -> TypeGuard[list[float]]:
    return (
        isinstance(values, list)
        and 0 < len(values) <= _MOST_REPEATS
        and set(map(type, values)) <= {float, int}
    )
