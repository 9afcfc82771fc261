"""A table: the raw repeats of one metric, measured on one device under one protocol.

Statistics are derived (`Table.center`), never stored in place of the repeats, and nothing is
trimmed: what looks odd is flagged, in `Table.flags`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import IntFlag
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwbench.arrays import BoolArray, Codes, FloatArray
from hwbench.errors import SchemaError, ShapeError

__all__ = ["SCHEMA_VERSION", "Flag", "Protocol", "Table"]

SCHEMA_VERSION = 1


class Flag(IntFlag):
    """What is odd about the repeats of one row; the values stay as they are."""

    TWO_STATES = 1
    """The repeats fall into two clean levels, as when a clock changes while measuring."""
    COLD_START = 2
    """The first repeat lies far above the others."""
    OUTLIER = 4
    """A later repeat lies far from the median."""
    MIXED_UNITS = 8
    """The source wrote some repeats in another unit, hence at another resolution."""
    LOST_REPEATS = 16
    """A repeat was not a positive number; it is NaN here."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How the numbers of a table were measured.

    Attributes:
        name: Short name, part of the file name.
        batch_size: Sequences in one forward pass; None where it is not known or plays no part.
        sequence_length: Tokens in a sequence.
        precision: Number format of the matrix products: "fp32", "bf16" or "fp16".
        statistic: What one repeat is.
        unit: SI unit of the repeats.
        source: Whose measurements they are.
        notes: What a user of the numbers should know.
        skip_first: First repeats that `Table.center` leaves out, because they are cold starts.
        resolution: Coarsest step of the repeats in `unit`; 0 if they are not rounded.
        network: Variant of the space that was measured.
    """

    name: str
    batch_size: int | None
    sequence_length: int
    precision: str
    statistic: str
    unit: str
    source: str
    notes: tuple[str, ...] = ()
    skip_first: int = 0
    resolution: float = 0.0
    network: str = "profiled"

    def to_dict(self) -> dict[str, object]:
        """Return the protocol as a dict that JSON can hold."""
        return {**asdict(self), "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], /) -> Protocol:
        """Read what `to_dict` returns.

        Raises:
            SchemaError: If a field is missing or unknown.
        """
        try:
            return cls(**{**values, "notes": tuple(values.get("notes", ()))})
        except TypeError as error:
            known = ", ".join(field.name for field in fields(cls))
            raise SchemaError(f"not a protocol ({error}); its fields are {known}") from error


@dataclass(frozen=True, eq=False)
class Table:
    """Measurements of `n` architectures, `r` repeats each.

    Attributes:
        space: Name of the search space.
        device: Name of the device; None if the metric does not depend on one.
        metric: Name of the metric, unit included: "latency_s".
        protocol: How it was measured.
        codes: `(n, n_choices)` canonical codes.
        chunk: `(n,)` number of the file a row came from: rows of a chunk were measured one after
            the other, chunks perhaps at the same time by other jobs.
        position: `(n,)` place in the order of measurement over the whole campaign, counted from 0;
            there are gaps where rows or chunks are missing.
        repeats: `(n, r)` raw values in SI units, in the order taken; NaN where a row has fewer.
        source: Where the numbers came from.
        schema_version: Version of the file format.
        std: `(n,)` standard deviation over repeats as the source gives it; None wherever the
            repeats themselves are known.
        flags: `(n,)` bits of `Flag`.
    """

    space: str
    device: str | None
    metric: str
    protocol: Protocol
    codes: Codes
    chunk: NDArray[np.int32]
    position: NDArray[np.int32]
    repeats: FloatArray
    source: str
    schema_version: int = SCHEMA_VERSION
    std: FloatArray | None = None
    flags: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        self._set("codes", _as_bytes(np.asarray(self.codes)), ndim=2)
        n = len(self.codes)
        self._set("chunk", np.asarray(self.chunk, dtype=np.int32), n=n)
        self._set("position", np.asarray(self.position, dtype=np.int32), n=n)
        self._set("repeats", np.asarray(self.repeats, dtype=np.float64), n=n, ndim=2)
        if self.std is not None:
            self._set("std", np.asarray(self.std, dtype=np.float64), n=n)
        flags = np.zeros(n) if self.flags is None else self.flags
        self._set("flags", np.asarray(flags, dtype=np.uint8), n=n)
        if self.repeats.shape[1] == 0:
            raise ShapeError("repeats need at least one column")

    def _set(self, name: str, array: NDArray[Any], *, ndim: int = 1, n: int | None = None) -> None:
        if array.ndim != ndim or (n is not None and len(array) != n):
            rows = "n" if n is None else n
            shape = f"({rows},)" if ndim == 1 else f"({rows}, columns)"
            raise ShapeError(f"{name} needs shape {shape}, got {array.shape}")
        object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.codes)

    def center(self, *, skip_first: int | None = None) -> FloatArray:
        """Return the median over the repeats of each row.

        Args:
            skip_first: First repeats to leave out; by default as many as the protocol says. A row
                keeps its last repeat in any case.

        Returns:
            `(n,)` medians in the unit of the repeats; NaN for a row without repeats.
        """
        skip = self.protocol.skip_first if skip_first is None else skip_first
        if skip < 0:
            raise ShapeError(f"cannot skip {skip} repeats")
        kept = self.repeats[:, min(skip, self.repeats.shape[1] - 1) :]
        gone = np.isnan(kept).all(axis=1)
        if gone.any():  # fewer repeats than skipped: take what there is
            last = np.where(gone, _last_known(self.repeats), kept[:, 0])
            kept = np.concatenate([last[:, None], kept[:, 1:]], axis=1)
            gone = np.isnan(kept).all(axis=1)
        center = np.full(len(self), np.nan)
        center[~gone] = np.nanmedian(kept[~gone], axis=1)
        return center

    def select(self, mask: BoolArray | NDArray[np.integer[Any]], /) -> Table:
        """Return the table of some rows.

        Args:
            mask: `(n,)` booleans, or indices in the order wanted.
        """
        keep = np.asarray(mask)
        if keep.dtype == np.bool_ and keep.shape != (len(self),):
            raise ShapeError(f"a mask needs shape ({len(self)},), got {keep.shape}")
        assert self.flags is not None
        return replace(
            self,
            codes=self.codes[keep],
            chunk=self.chunk[keep],
            position=self.position[keep],
            repeats=self.repeats[keep],
            std=None if self.std is None else self.std[keep],
            flags=self.flags[keep],
        )

    def flagged(self, flag: Flag, /) -> BoolArray:
        """Mark the rows that carry a flag, `(n,)`."""
        assert self.flags is not None
        carried: BoolArray = (self.flags & np.uint8(flag)) != 0
        return carried

    def save(self, path: Path | str, /) -> None:
        """Write the table to a Parquet file, whole or not at all.

        Raises:
            MissingExtraError: If pyarrow is not installed.
        """
        from hwbench.data import parquet

        parquet.write(self, Path(path))

    @classmethod
    def load(cls, path: Path | str, /) -> Table:
        """Read a table.

        Raises:
            SchemaError: If the file is not a table, or of another schema version.
            MissingExtraError: If pyarrow is not installed.
        """
        from hwbench.data import parquet

        return parquet.read(Path(path))


def _as_bytes(codes: NDArray[Any]) -> Codes:
    narrow = codes.astype(np.uint8)
    if codes.dtype != np.uint8 and not np.array_equal(narrow, codes):
        raise ShapeError(f"codes are whole numbers from 0 to 255, got {codes.dtype} beyond them")
    return narrow


def _last_known(repeats: FloatArray) -> FloatArray:
    known = ~np.isnan(repeats)
    last = repeats.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
    value: FloatArray = np.take_along_axis(repeats, last[:, None], axis=1)[:, 0]
    return value
