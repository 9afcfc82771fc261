"""One line of a journal: a JSON object that says its own checksum.

`{"crc32":"89abcdef","record":{...}}` and a newline. The checksum is that of the record's bytes as
they stand in the line, so that a line that was cut off or changed is recognised, while `jq` and
every other reader of JSON lines still understand the file.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from hwbench.errors import DataError

__all__ = ["decode", "encode"]

_HEAD, _MIDDLE, _TAIL = b'{"crc32":"', b'","record":', b"}"
_DIGITS = 8
_START = len(_HEAD) + _DIGITS + len(_MIDDLE)


def encode(record: Mapping[str, Any], /) -> bytes:
    r"""Write a record as one line, newline included.

    Args:
        record: What JSON can hold; no NaN and no infinity.

    Raises:
        DataError: If JSON cannot hold it.

    >>> encode({"a": 1})
    b'{"crc32":"561bacaf","record":{"a":1}}\n'
    """
    try:
        text = json.dumps(record, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise DataError(f"a journal holds JSON values only: {error}") from error
    body = text.encode("ascii")
    return _HEAD + _sum(body) + _MIDDLE + body + _TAIL + b"\n"


def decode(line: bytes, /) -> dict[str, Any] | None:
    """Read a line, without its newline; None if it is torn, changed or something else."""
    if not (line.startswith(_HEAD) and line.endswith(_TAIL)):
        return None
    body = line[_START : -len(_TAIL)]
    if line[len(_HEAD) : _START] != _sum(body) + _MIDDLE:
        return None
    try:
        record = json.loads(body)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _sum(body: bytes) -> bytes:
    return b"%08x" % zlib.crc32(body)
