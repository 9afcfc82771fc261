"""A corpus: text as token ids on disk, one memory-mapped file a part, and windows into it.

`prepare` (in `hwbench.data.text.build`) makes the folder, `Corpus.open` reads it. A folder holds
`corpus.json`, `tokenizer.json` and `<part>.bin`: little-endian uint16 (uint32 for more than 65,536
tokens), documents one after the other, each followed by the token that ends a document.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwbench.arrays import Int64Array
from hwbench.data.text.split import PARTS, Part
from hwbench.data.text.tokenizer import Tokenizer
from hwbench.errors import DataError, SchemaError, ShapeError

__all__ = [
    "CARD",
    "SCHEMA_VERSION",
    "TOKENIZER",
    "Corpus",
    "TokenArray",
    "Windows",
    "bits_per_byte",
    "token_type",
]

CARD: Final = "corpus.json"
TOKENIZER: Final = "tokenizer.json"
SCHEMA_VERSION: Final = 1

TokenArray: TypeAlias = NDArray[np.uint16] | NDArray[np.uint32]
"""Token ids, `(n,)`, as they lie on disk."""


def token_type(vocab_size: int, /) -> np.dtype[Any]:
    """Return the narrower of uint16 and uint32 that holds every id."""
    return np.dtype("<u2" if vocab_size <= 1 << 16 else "<u4")


@dataclass(frozen=True)
class Corpus:
    """Token ids of one text source, in parts that share no text.

    Attributes:
        folder: Where it lies.
        key: Hash of the text and of how it was cut and tokenized; equal keys, equal tokens.
        source: What the text is called.
        split: "document" or "span".
        documents: How many documents there are, those with equal text counted once.
        duplicates: How many documents were left out because another has the same text.
        tokens: Number of tokens of each part.
        text_bytes: Bytes of text (UTF-8) of each part.
        tokenizer: Turns ids into text.
    """

    folder: Path
    key: str
    source: str
    split: str
    documents: int
    duplicates: int
    tokens: Mapping[Part, int]
    text_bytes: Mapping[Part, int]
    tokenizer: Tokenizer = field(repr=False)

    @classmethod
    def open(cls, folder: Path | str, /) -> Corpus:
        """Read the folder of a corpus.

        Raises:
            DataError: If there is none, or its token files are cut short.
            SchemaError: If the folder follows another schema.
        """
        folder = Path(folder)
        if not (folder / CARD).is_file():
            raise DataError(f"{folder}: not a corpus (no {CARD}); `prepare` makes one")
        try:
            card = json.loads((folder / CARD).read_text(encoding="utf-8"))
            if card.pop("version") != SCHEMA_VERSION:
                raise SchemaError(f"{folder}: a corpus of another version; prepare it again")
            tokenizer = Tokenizer.from_json((folder / TOKENIZER).read_text(encoding="utf-8"))
            corpus = cls(folder=folder, tokenizer=tokenizer, **card)
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise SchemaError(f"{folder}: its {CARD} is damaged ({error})") from error
        for part in PARTS:
            corpus.array(part)
        return corpus

    def card(self) -> dict[str, object]:
        """Return what stands in `corpus.json`."""
        names = ("key", "source", "split", "documents", "duplicates")
        plain = {name: getattr(self, name) for name in names}
        counts = {"tokens": dict(self.tokens), "text_bytes": dict(self.text_bytes)}
        return {"version": SCHEMA_VERSION, **plain, **counts}

    def array(self, part: Part, /) -> TokenArray:
        """Return the token ids of a part, `(n,)`, mapped from disk.

        Raises:
            DataError: If the file has another length than the card says.
        """
        path = self.folder / f"{part}.bin"
        kind, n = token_type(self.tokenizer.vocab_size), self.tokens[part]
        if not path.is_file() or path.stat().st_size != n * kind.itemsize:
            raise DataError(f"{path}: is missing or cut short; prepare the corpus again")
        if n == 0:
            return np.zeros(0, dtype=kind)
        return np.memmap(path, dtype=kind, mode="r", shape=(n,))

    def windows(self, *parts: Part, context: int) -> Windows:
        """Return the windows of one part, or of several taken together.

        Raises:
            DataError: If a part is shorter than one window.
        """
        short = [p for p in parts if self.tokens[p] <= context]
        if short:
            raise DataError(
                f"the {short[0]} part of {self.source} has {self.tokens[short[0]]} tokens, a "
                f"window takes {context + 1}: give more text or a shorter context"
            )
        return Windows([self.array(part) for part in parts], context)

    def bytes_per_token(self, part: Part, /) -> float:
        """Return how many bytes of text a token of a part stands for, on average."""
        return self.text_bytes[part] / max(self.tokens[part], 1)

    def verify(self) -> None:
        """Check that the tokens are those that the card counts, id by id.

        Raises:
            DataError: If an id lies outside the vocabulary.
        """
        for part in PARTS:
            ids = self.array(part)
            if ids.size and int(ids.max()) >= self.tokenizer.vocab_size:
                raise DataError(f"{self.folder}: {part} holds ids outside the vocabulary")


class Windows:
    """Stretches of context + 1 tokens: a window's inputs, and the same moved on by one token.

    Args:
        arrays: Token ids; no window reaches from one array into the next.
        context: Tokens that a network sees at once, T.
    """

    def __init__(self, arrays: Sequence[TokenArray], context: int) -> None:
        if context < 1:
            raise ShapeError(f"a context has one token or more, got {context}")
        self.arrays = tuple(arrays)
        self.context = context
        self._starts = np.cumsum([0, *(max(len(a) - context, 0) for a in self.arrays)])
        if self._starts[-1] == 0:
            raise DataError(f"no array is longer than {context} tokens")

    def __len__(self) -> int:
        """Number of places where a window can start."""
        return int(self._starts[-1])

    def draw(self, n: int, rng: np.random.Generator, /) -> Int64Array:
        """Draw windows with replacement, each place equally likely.

        Returns:
            `(n, context + 1)` token ids.
        """
        return self._take(rng.integers(0, len(self), n))

    def rows(self, most: int | None = None, /) -> Int64Array:
        """Return windows one after the other, so that every token is predicted once.

        Neighbours share one token, the last of one being the first of the next. What does not
        fill a window at the end of an array is left out.

        Args:
            most: Take at most so many, spread evenly.

        Returns:
            `(m, context + 1)` token ids.
        """
        places = [
            np.arange(start, stop, self.context)
            for start, stop in zip(self._starts[:-1], self._starts[1:], strict=True)
        ]
        every = np.concatenate(places)
        if most is not None and most < len(every):
            every = every[np.linspace(0, len(every) - 1, most).round().astype(np.int64)]
        return self._take(every)

    def _take(self, places: Int64Array) -> Int64Array:
        which = np.searchsorted(self._starts, places, side="right") - 1
        found = np.empty((len(places), self.context + 1), dtype=np.int64)
        for i in np.unique(which):
            mine = which == i
            inner = (places[mine] - self._starts[i])[:, None] + np.arange(self.context + 1)
            found[mine] = self.arrays[i][inner]
        return found


def bits_per_byte(loss: float, bytes_per_token: float, /) -> float:
    """Turn nats a token into bits a byte, which texts in other tokens can be compared by.

    >>> round(bits_per_byte(math.log(2) * 3, 3.0), 12)
    1.0
    """
    return loss / math.log(2.0) / bytes_per_token
