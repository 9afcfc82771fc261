"""Sort out the rows of a file: which architecture, which place in the campaign, fit to be used?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwbench import spaces
from hwbench.arrays import Codes
from hwbench.data.hwgptbench.layout import SCALES, Campaign, Chunk
from hwbench.data.hwgptbench.protocols import BATCH_SIZES
from hwbench.data.hwgptbench.readings import Record
from hwbench.errors import DataError, SpaceError
from hwbench.spaces import gpt_costs
from hwbench.spaces.upstream import from_upstream_dict

__all__ = ["MACS_NOT_COUNTED", "Batch", "sort_out"]

MACS_NOT_COUNTED: Final = "macs-not-counted"
"""Not a reason to drop a row: its count of multiply-accumulates is 0, as it was never made."""


_Key: TypeAlias = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, eq=False)
class Batch:
    """The usable rows of a file.

    Attributes:
        records: Upstream's rows.
        codes: `(n, n_choices)` canonical codes.
        position: `(n,)` place in the order of measurement.
        chunk: `(n,)` number of the file.
        dropped: Rule -> number of rows it dropped.
        noticed: What was noticed without dropping a row -> number of rows.
    """

    records: list[Record]
    codes: Codes
    position: NDArray[np.int32]
    chunk: NDArray[np.int32]
    dropped: Counter[str]
    noticed: Counter[str] = field(default_factory=Counter)


def sort_out(found: object, campaign: Campaign, chunk: Chunk, seen: set[bytes], /) -> Batch:
    """Return the usable rows of a file.

    A row's position is the start of its chunk plus its place among the file's rows. Rows that
    got in by mistake (of another scale, or repeated within the file) take no place; other dropped
    rows leave a gap.

    Args:
        found: What the pickle held.
        campaign: What the file belongs to.
        chunk: Which part of it.
        seen: Codes of the campaign's earlier rows; those of this file are added.

    Raises:
        DataError: If the file does not hold a list of rows.
    """
    space = spaces.get(campaign.space)
    dropped: Counter[str] = Counter()
    kept: list[tuple[Record, bytes, int]] = []
    here: set[bytes] = set()
    place = chunk.start
    for record in _rows(found, campaign.file(chunk.start, chunk.stop)):
        code, rule = _judge(record, campaign.space, seen)
        inserted = rule == "other-scale" or (rule == "duplicate" and code in here)
        if rule is not None:
            dropped[rule] += 1
        elif code is not None:
            kept.append((record, code, place))
            here.add(code)
            seen.add(code)
        place += not inserted
    raw = b"".join([code for _, code, _ in kept])
    batch = Batch(
        records=[record for record, _, _ in kept],
        codes=np.frombuffer(raw, dtype=np.uint8).reshape(-1, space.n_choices),
        position=np.array([place for _, _, place in kept], dtype=np.int32),
        chunk=np.full(len(kept), chunk.number, dtype=np.int32),
        dropped=dropped,
    )
    return _check_counts(batch, campaign) if campaign.kind == "latency" else batch


def _rows(found: object, name: str) -> list[Record]:
    if isinstance(found, list) and all(type(row) is dict for row in found):
        return found
    raise DataError(f"{name}: holds no list of rows")


def _judge(record: Record, space: str, seen: set[bytes]) -> tuple[bytes | None, str | None]:
    """Return a row's code, and the rule that drops it or None."""
    arch = record.get("arch")
    if not isinstance(arch, dict):
        return None, "malformed"
    key = _key(arch)
    if key is None:
        return None, "malformed"
    code = _encode(space, key)
    if code is not None:
        return code, "duplicate" if code in seen else None
    others = (f"gpt-{scale}" for scale in SCALES if f"gpt-{scale}" != space)
    foreign = any(_encode(other, key) is not None for other in others)
    return None, "other-scale" if foreign else "bad-architecture"


def _check_counts(batch: Batch, campaign: Campaign) -> Batch:
    """Drop rows whose parameter or multiply-accumulate count is not their architecture's."""
    space = spaces.get(campaign.space)
    params = gpt_costs.params(space, batch.codes).tolist()
    batch_size = BATCH_SIZES[campaign.scale]
    macs = gpt_costs.macs(
        space, batch.codes, batch_size=batch_size, attention_products=False
    ).tolist()
    keep = np.ones(len(batch.records), dtype=bool)
    for i, record in enumerate(batch.records):
        rule = _wrong_count(record, params[i], macs[i])
        if rule == MACS_NOT_COUNTED:
            batch.noticed[rule] += 1
        elif rule is not None:
            batch.dropped[rule] += 1
            keep[i] = False
    return Batch(
        records=[record for record, good in zip(batch.records, keep, strict=True) if good],
        codes=batch.codes[keep],
        position=batch.position[keep],
        chunk=batch.chunk[keep],
        dropped=batch.dropped,
        noticed=batch.noticed,
    )


def _wrong_count(record: Record, params: int, macs: int) -> str | None:
    if record.get("params") != params:
        return "params-mismatch" if "params" in record else "malformed"
    if record.get("macs") != macs:
        return "macs-mismatch" if record.get("macs") else MACS_NOT_COUNTED
    return None


def _key(arch: dict[object, object]) -> _Key | None:
    """Return a dict of plain values and lists of numbers as a hashable value, else None."""
    items: list[tuple[str, Any]] = []
    for name, value in arch.items():
        if type(name) is not str:
            return None
        if type(value) is list and set(map(type, value)) <= {int}:
            items.append((name, tuple(value)))
        elif type(value) in (bool, int, str):
            items.append((name, value))
        else:
            return None
    return tuple(items)


# Every file of a scale holds the same architectures, so each is encoded once a process.
@lru_cache(maxsize=60_000)
def _encode(space: str, items: _Key, /) -> bytes | None:
    of = spaces.get(space)
    try:
        code: bytes = of.encode([from_upstream_dict(dict(items), of)])[0].tobytes()
    except SpaceError:
        return None
    return code
