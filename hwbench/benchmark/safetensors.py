"""The safetensors format, in numpy alone: named arrays in one file, nothing to execute.

The file is an 8-byte little-endian length N, N bytes of JSON that name each array's type, shape and
place, and the arrays one after the other (github.com/huggingface/safetensors, "Format"). Reading is
strict: the arrays must fill the rest of the file without holes or overlap.
"""

import json
import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from hwbench.arrays import AnyArray
from hwbench.benchmark.strict_json import is_clean, parse_object
from hwbench.errors import BundleError

__all__ = ["DTYPES", "dump", "parse"]

DTYPES: Final[dict[str, str]] = {
    "BOOL": "|b1",
    "U8": "|u1",
    "I8": "|i1",
    "I16": "<i2",
    "U16": "<u2",
    "I32": "<i4",
    "U32": "<u4",
    "I64": "<i8",
    "U64": "<u8",
    "F32": "<f4",
    "F64": "<f8",
}
"""Types that a bundle may hold -> numpy's name for them."""

_NAMES: Final = {np.dtype(code): name for name, code in DTYPES.items()}
_LENGTH: Final = 8
_LARGEST_HEADER: Final = 8 << 20
_METADATA: Final = "__metadata__"


def dump(arrays: Mapping[str, AnyArray], /) -> bytes:
    """Write arrays as one safetensors file; equal arrays give equal bytes.

    Raises:
        BundleError: If an array has a type that is not in `DTYPES`, or a name that is taken.
    """
    header: dict[str, object] = {}
    parts: list[bytes] = []
    end = 0
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        kind = _NAMES.get(array.dtype.newbyteorder("<"))
        if kind is None or name == _METADATA or not is_clean(name):
            raise BundleError(f"array {name!r} of type {array.dtype} cannot be saved")
        parts.append(np.ascontiguousarray(array, dtype=DTYPES[kind]).tobytes())
        start, end = end, end + len(parts[-1])
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH)  # arrays start at a multiple of 8
    return b"".join([len(text).to_bytes(_LENGTH, "little"), text, *parts])


def parse(data: bytes, /) -> dict[str, AnyArray]:
    """Read a safetensors file.

    Args:
        data: The whole file.

    Returns:
        Name -> read-only array, a view of `data`.

    Raises:
        BundleError: If the file is not well-formed, or holds NaN.
    """
    size = int.from_bytes(data[:_LENGTH], "little")
    if len(data) < _LENGTH or size > min(_LARGEST_HEADER, len(data) - _LENGTH):
        raise BundleError(f"arrays: a header of {size} bytes in a file of {len(data)} bytes")
    header = parse_object(data[_LENGTH : _LENGTH + size], "the header of the arrays")
    body = memoryview(data)[_LENGTH + size :]
    entries = {k: _Entry(k, v, len(body)) for k, v in header.items() if k != _METADATA}
    end = 0
    for entry in sorted(entries.values(), key=lambda e: (e.start, e.stop)):
        if entry.start != end:
            raise BundleError(f"array {entry.name!r} starts at {entry.start}, expected {end}")
        end = entry.stop
    if end != len(body):
        raise BundleError(f"arrays end at byte {end} of {len(body)}")
    return {name: entry.read(body) for name, entry in entries.items()}


class _Entry:
    """One checked line of the header."""

    def __init__(self, name: str, line: object, limit: int) -> None:
        self.name = name
        if not isinstance(line, dict) or set(line) != {"dtype", "shape", "data_offsets"}:
            raise BundleError(f"array {name!r}: the header needs dtype, shape and data_offsets")
        kind, shape, offsets = line["dtype"], line["shape"], line["data_offsets"]
        if not isinstance(kind, str) or kind not in DTYPES:
            raise BundleError(f"array {name!r}: unknown type {kind!r}")
        self.dtype = np.dtype(DTYPES[kind])
        self.shape = _whole_numbers(shape, name)
        bounds = _whole_numbers(offsets, name)
        if len(bounds) != 2 or not bounds[0] <= bounds[1] <= limit:
            raise BundleError(f"array {name!r}: offsets {offsets} lie outside the file")
        self.start, self.stop = bounds
        if self.stop - self.start != math.prod(self.shape) * self.dtype.itemsize:
            raise BundleError(f"array {name!r}: shape {shape} does not fit offsets {offsets}")

    def read(self, body: memoryview) -> AnyArray:
        flat = np.frombuffer(body[self.start : self.stop], dtype=self.dtype)
        if self.dtype.kind == "f" and np.isnan(flat).any():
            raise BundleError(f"array {self.name!r} holds NaN")
        if self.dtype.kind == "b" and (flat.view(np.uint8) > 1).any():
            raise BundleError(f"array {self.name!r} holds bytes that are no booleans")
        return flat.reshape(self.shape)


def _whole_numbers(values: object, name: str) -> tuple[int, ...]:
    # Beyond 32 axes or 2^48 bytes numpy itself would fail.
    if not isinstance(values, list) or len(values) > 32:
        raise BundleError(f"array {name!r}: expected a list of whole numbers, got {values!r}")
    if any(type(v) is not int or not 0 <= v < 1 << 48 for v in values):
        raise BundleError(f"array {name!r}: expected whole numbers, got {values!r}")
    return tuple(values)
