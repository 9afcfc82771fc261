"""Turn a text source into a corpus, once: later calls find it in the cache by its content."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from hwbench.data.text.corpus import CARD, SCHEMA_VERSION, TOKENIZER, Corpus, token_type
from hwbench.data.text.sources import STDLIB, TextSource, open_source
from hwbench.data.text.split import PARTS, Part, Shares, by_document, cut, digest, way_to_split
from hwbench.data.text.tokenizer import Tokenizer, TokenizerKind, has_pairs, train_tokenizer
from hwbench.errors import DataError

__all__ = ["CACHE_VARIABLE", "cache_folder", "prepare"]

CACHE_VARIABLE: Final = "HWBENCH_CACHE"
"""Environment variable that names the folder for what can be made again."""

_CHUNK: Final = 1 << 23  # characters tokenized at a time


@dataclass(frozen=True, slots=True)
class _Scan:
    """What one reading of a source says: names of kept documents are their digests."""

    digests: tuple[str, ...]
    sizes: tuple[int, ...]
    duplicates: int
    way: Literal["document", "span"]
    part_of: dict[str, Part]  # by document only


def cache_folder() -> Path:
    """Return where corpora are kept: `$HWBENCH_CACHE`, or else `hwbench` in the user's cache."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hwbench"


def prepare(
    source: TextSource | str | Path = STDLIB,
    /,
    *,
    vocab_size: int,
    tokenizer: TokenizerKind = "auto",
    shares: Shares | None = None,
    cache: Path | None = None,
) -> Corpus:
    """Tokenize and split a text, or find it done.

    The tokenizer learns from the weights part alone. The source is read two or three times, a
    document at a time; the cache knows a text by its content, wherever it lies.

    Args:
        source: A source, or the words that name one (`hwbench.data.text.open_source`).
        vocab_size: Most tokens the tokenizer may have.
        tokenizer: Kind of tokenizer.
        shares: How much text each part gets.
        cache: Where to keep corpora; `cache_folder()/text` by default.

    Returns:
        The corpus; its folder is named by its key.

    Raises:
        DataError: If there is no such text, or none in it, or it changes while it is read.
        MissingExtraError: If the tokenizer or the source needs a package that is not installed.
    """
    text = open_source(source) if isinstance(source, str | Path) else source
    cuts = shares or Shares()
    kind = tokenizer
    if kind == "auto":
        kind = "bpe" if has_pairs(vocab_size) else "bytes"
    scan = _scan(text, cuts)
    key = _key(scan, cuts, kind, vocab_size)
    folder = (cache or cache_folder() / "text") / key
    if not (folder / CARD).is_file():
        learned = train_tokenizer(
            _pieces(text, scan, cuts, "weights"), vocab_size=vocab_size, kind=kind
        )
        _write(folder, text, scan, cuts, learned, key)
    return Corpus.open(folder)


def _scan(source: TextSource, shares: Shares) -> _Scan:
    sizes: dict[str, int] = {}
    duplicates = 0
    for document in source.documents():
        name = digest(document.text)
        duplicates += name in sizes
        sizes[name] = len(document.text.encode())
    if not sizes:
        raise DataError(f"{source.name} holds no text: no file in UTF-8 with anything in it")
    digests, numbers = tuple(sizes), tuple(sizes.values())
    way = way_to_split(numbers, shares)
    dealt = by_document(numbers, digests, shares) if way == "document" else []
    return _Scan(digests, numbers, duplicates, way, dict(zip(digests, dealt, strict=False)))


def _key(scan: _Scan, shares: Shares, kind: TokenizerKind, vocab_size: int) -> str:
    settings = [SCHEMA_VERSION, asdict(shares), kind, vocab_size, scan.way]
    hashed = hashlib.sha256(json.dumps([*settings, *scan.digests]).encode())
    return hashed.hexdigest()[:16]


def _pieces(source: TextSource, scan: _Scan, shares: Shares, part: Part) -> Iterator[str]:
    """Yield the text of one part, a document (or its span) at a time."""
    seen: set[str] = set()
    for document in source.documents():
        name = digest(document.text)
        if name in seen:
            continue
        seen.add(name)
        if scan.way == "span":
            yield cut(document.text, shares)[part]
        elif scan.part_of.get(name) == part:
            yield document.text
    if seen != set(scan.digests):
        raise DataError(f"{source.name} changed while it was read; try again")


def _write(
    folder: Path, source: TextSource, scan: _Scan, shares: Shares, tokenizer: Tokenizer, key: str
) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        tokens: dict[Part, int] = {}
        sizes: dict[Part, int] = {}
        for part in PARTS:
            pieces = _pieces(source, scan, shares, part)
            tokens[part], sizes[part] = _write_part(draft / f"{part}.bin", pieces, tokenizer)
        corpus = Corpus(
            folder=draft,
            key=key,
            source=source.name,
            split=scan.way,
            documents=len(scan.digests),
            duplicates=scan.duplicates,
            tokens=tokens,
            text_bytes=sizes,
            tokenizer=tokenizer,
        )
        (draft / TOKENIZER).write_text(tokenizer.to_json(), encoding="utf-8")
        (draft / CARD).write_text(json.dumps(corpus.card(), indent=2) + "\n", encoding="utf-8")
        _move(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _move(draft: Path, folder: Path) -> None:
    try:
        draft.rename(folder)
    except OSError:
        if not (folder / CARD).is_file():  # unless another process was first
            raise


def _write_part(path: Path, pieces: Iterable[str], tokenizer: Tokenizer) -> tuple[int, int]:
    """Write the tokens of one part; return how many tokens and how many bytes of text."""
    kind = token_type(tokenizer.vocab_size)
    end = np.array([tokenizer.end], dtype=kind)
    n_tokens = n_bytes = 0
    with path.open("wb") as file:
        for chunk in _chunks(pieces):
            n_bytes += sum(len(piece.encode()) for piece in chunk)
            for ids in tokenizer.encode(chunk):
                file.write(ids.astype(kind).tobytes() + end.tobytes())
                n_tokens += len(ids) + 1
    return n_tokens, n_bytes


def _chunks(pieces: Iterable[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    size = 0
    for piece in pieces:
        if piece:
            chunk.append(piece)
            size += len(piece)
        if size >= _CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
