"""Tokenizers: byte-level byte pairs by the package `tokenizers`, or plain bytes without it.

Both lose nothing: decoding what was encoded gives the text back. Both have one token more that
ends a document and never comes from text.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import numpy as np

from hwbench.arrays import Int64Array
from hwbench.data.text.sources import END_OF_TEXT
from hwbench.errors import DataError, MissingExtraError, SchemaError, ShapeError, require

__all__ = [
    "BytePairTokenizer",
    "ByteTokenizer",
    "Tokenizer",
    "TokenizerKind",
    "has_pairs",
    "train_tokenizer",
]

TokenizerKind = Literal["auto", "bpe", "bytes"]
"""Which tokenizer to train; "auto" takes byte pairs where `tokenizers` is installed."""

_BYTES: Final = 256


class Tokenizer(ABC):
    """Turns text into token ids and back."""

    @property
    @abstractmethod
    def vocab_size(self) -> int:
        """Number of tokens, the one that ends documents included."""

    @property
    @abstractmethod
    def end(self) -> int:
        """Id of the token that ends a document."""

    @abstractmethod
    def encode(self, texts: Sequence[str], /) -> list[Int64Array]:
        """Return the token ids of each text, without the end of a document."""

    @abstractmethod
    def decode(self, ids: Iterable[int], /) -> str:
        """Return the text of token ids; ends of documents are left out."""

    @abstractmethod
    def to_json(self) -> str:
        """Return what `from_json` reads."""

    @staticmethod
    def from_json(text: str, /) -> Tokenizer:
        """Read a tokenizer.

        Raises:
            SchemaError: If the text is neither of the two kinds.
            MissingExtraError: If it needs `tokenizers`, which is not installed.
        """
        try:
            kind = json.loads(text)
        except ValueError as error:
            raise SchemaError(f"not a tokenizer: {error}") from error
        if kind == {"hwbench": "bytes"}:
            return ByteTokenizer()
        return BytePairTokenizer(text)


class ByteTokenizer(Tokenizer):
    """One token a byte of UTF-8; token 256 ends a document."""

    @property
    def vocab_size(self) -> int:
        """257: the bytes and the end of a document."""
        return _BYTES + 1

    @property
    def end(self) -> int:
        """Id of the token that ends a document: 256."""
        return _BYTES

    def encode(self, texts: Sequence[str], /) -> list[Int64Array]:
        """Return the bytes of each text."""
        return [np.frombuffer(t.encode(), dtype=np.uint8).astype(np.int64) for t in texts]

    def decode(self, ids: Iterable[int], /) -> str:
        """Return the text of bytes; a cut character becomes U+FFFD."""
        return bytes(i for i in ids if i < _BYTES).decode("utf-8", errors="replace")

    def to_json(self) -> str:
        """Return what `from_json` reads."""
        return '{"hwbench": "bytes"}'


class BytePairTokenizer(Tokenizer):
    """Byte-level byte pairs (Sennrich et al. 2016; Radford et al. 2019) by `tokenizers`.

    Args:
        text: The JSON that `tokenizers` writes; its token `<|endoftext|>` ends a document.
    """

    def __init__(self, text: str) -> None:
        library = require("tokenizers", "train")
        try:
            self._inner: Any = library.Tokenizer.from_str(text)
        except Exception as error:  # the package raises no narrower type
            raise SchemaError(f"not a tokenizer of the package tokenizers: {error}") from error
        end = self._inner.token_to_id(END_OF_TEXT)
        if end is None:
            raise SchemaError(f"the tokenizer lacks the token {END_OF_TEXT}")
        self._end: int = end
        # Text that happens to hold the marker is text.
        self._inner.encode_special_tokens = True

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int, /) -> BytePairTokenizer:
        """Learn merges from texts; text too short for that many gives a smaller vocabulary.

        Raises:
            ShapeError: If `vocab_size` has no room for the 256 bytes and the end of a document.
        """
        if vocab_size <= _BYTES:
            raise ShapeError(f"byte pairs need a vocabulary of 257 or more, got {vocab_size}")
        library = require("tokenizers", "train")
        byte_level = library.pre_tokenizers.ByteLevel
        inner = library.Tokenizer(library.models.BPE())
        inner.pre_tokenizer = byte_level(add_prefix_space=False)
        inner.decoder = library.decoders.ByteLevel()
        trainer = library.trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=[END_OF_TEXT],
            initial_alphabet=sorted(byte_level.alphabet()),
            show_progress=False,
        )
        inner.train_from_iterator(texts, trainer)
        return cls(inner.to_str())

    @property
    def vocab_size(self) -> int:
        """Number of tokens, the one that ends documents included."""
        return int(self._inner.get_vocab_size())

    @property
    def end(self) -> int:
        """Id of the token that ends a document."""
        return self._end

    def encode(self, texts: Sequence[str], /) -> list[Int64Array]:
        """Return the token ids of each text."""
        return [np.array(e.ids, dtype=np.int64) for e in self._inner.encode_batch_fast(list(texts))]

    def decode(self, ids: Iterable[int], /) -> str:
        """Return the text of token ids; ends of documents are left out."""
        return str(self._inner.decode([int(i) for i in ids], skip_special_tokens=True))

    def to_json(self) -> str:
        """Return the JSON that `tokenizers` writes."""
        return str(self._inner.to_str())


def train_tokenizer(
    texts: Iterable[str], /, *, vocab_size: int, kind: TokenizerKind = "auto"
) -> Tokenizer:
    """Make a tokenizer for texts.

    Args:
        texts: What to learn from: the text that weights are trained on, nothing held out.
        vocab_size: Most tokens it may have.
        kind: "bpe", "bytes", or "auto": byte pairs where `tokenizers` is installed and the
            vocabulary has room for a merge.

    Raises:
        MissingExtraError: If `kind` is "bpe" and `tokenizers` is not installed.
        DataError: If the vocabulary is smaller than 257.
    """
    if vocab_size <= _BYTES:
        raise DataError(f"a vocabulary of {vocab_size} cannot hold 256 bytes and an end of text")
    if kind == "bytes" or (kind == "auto" and not has_pairs(vocab_size)):
        return ByteTokenizer()
    return BytePairTokenizer.train(texts, vocab_size)


def has_pairs(vocab_size: int, /) -> bool:
    """Say whether "auto" means byte pairs: `tokenizers` is there, and room for a merge."""
    try:
        require("tokenizers", "train")
    except MissingExtraError:
        return False
    return vocab_size > _BYTES + 1
