"""What one measured iteration does: a prefill of whole sequences, or decoding token by token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from hwbench.errors import SchemaError

__all__ = ["Phase", "Workload"]

Phase = Literal["prefill", "decode"]
_PHASES: Final = ("prefill", "decode")


@dataclass(frozen=True, slots=True)
class Workload:
    """One iteration.

    Attributes:
        phase: "prefill" maps `(batch, length)` token ids to all their logits. "decode" starts from
            a filled key-value cache of `length` tokens and makes `new_tokens` more, one by one,
            each the likeliest after the last.
        batch: Sequences at a time.
        length: Tokens of a sequence that go in.
        new_tokens: Tokens of a sequence that come out; 0 for prefill.

    Raises:
        SchemaError: If the sizes are not positive, or do not fit the phase.
    """

    phase: Phase
    batch: int
    length: int
    new_tokens: int = 0

    def __post_init__(self) -> None:
        if self.phase not in _PHASES:
            raise SchemaError(f"unknown phase {self.phase!r}; known: {', '.join(_PHASES)}")
        if self.batch < 1 or self.length < 1:
            raise SchemaError(
                f"a workload needs a batch and a length of at least 1, got batch {self.batch}, "
                f"length {self.length}"
            )
        if (self.new_tokens > 0) != (self.phase == "decode") or self.new_tokens < 0:
            raise SchemaError(
                f"decode needs new_tokens of at least 1 and prefill 0, got {self.phase} with "
                f"{self.new_tokens}"
            )

    @property
    def context(self) -> int:
        """Longest sequence that appears."""
        return self.length + self.new_tokens

    @property
    def tokens(self) -> int:
        """Tokens that an iteration works on: those that go in (prefill) or come out (decode)."""
        return self.batch * (self.new_tokens or self.length)

    def to_dict(self) -> dict[str, object]:
        """Return the workload as a dict that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], /) -> Workload:
        """Read what `to_dict` returns.

        Raises:
            SchemaError: If a field is missing or unknown, or a size makes no sense.
        """
        try:
            return cls(**values)
        except TypeError as error:
            raise SchemaError(f"not a workload: {error}") from error
