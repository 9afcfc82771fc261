"""Where text comes from: a file, a folder, the standard library's sources, a Hugging Face dataset.

A source yields documents in an order that does not change. The words that name a source are those
of the command line: a path, "stdlib", or "hf:NAME:SPLIT:COLUMN".
"""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from hwbench.errors import DataError, MissingExtraError, require

__all__ = [
    "END_OF_TEXT",
    "STDLIB",
    "Document",
    "FileSource",
    "FolderSource",
    "HuggingFaceSource",
    "TextSource",
    "open_source",
]

STDLIB: Final = "stdlib"
"""Name of the default source: the sources of the running Python's standard library."""
END_OF_TEXT: Final = "<|endoftext|>"
"""Stands between the documents of one file (TinyStories, GPT-2 dumps)."""

_HUGGING_FACE: Final = "hf:"
_NOT_LIBRARY: Final = frozenset({"site-packages", "dist-packages", "test", "tests", "__pycache__"})


@dataclass(frozen=True, slots=True)
class Document:
    """One text that belongs together.

    Attributes:
        name: Where it comes from, for people.
        text: What it says; never empty.
    """

    name: str
    text: str


class TextSource(Protocol):
    """Anything that yields the same documents in the same order each time it is asked."""

    @property
    def name(self) -> str:
        """What a person would call it."""
        ...

    def documents(self) -> Iterator[Document]:
        """Yield the documents."""
        ...


@dataclass(frozen=True, slots=True)
class FileSource:
    """One text file; `<|endoftext|>` in it separates documents."""

    path: Path

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.path.name

    def documents(self) -> Iterator[Document]:
        """Yield the documents of the file.

        Raises:
            DataError: If the file is not UTF-8 text.
        """
        text = _read(self.path)
        if text is None:
            raise DataError(f"{self.path}: not UTF-8 text")
        yield from _parts(self.path.name, text)


@dataclass(frozen=True, slots=True)
class FolderSource:
    """All text files below a folder, in the order of their paths.

    Hidden files and folders are left out, as are files that are not UTF-8 text.

    Attributes:
        path: The folder.
        pattern: Which files, as in `Path.rglob`.
        skip: Names of sub-folders to leave out.
        label: What to call it instead of the folder's name.
    """

    path: Path
    pattern: str = "*"
    skip: frozenset[str] = frozenset()
    label: str | None = None

    @property
    def name(self) -> str:
        """The label, or the name of the folder."""
        return self.label or self.path.resolve().name

    def documents(self) -> Iterator[Document]:
        """Yield the documents of each file."""
        for path in sorted(self.path.rglob(self.pattern)):
            inner = path.relative_to(self.path)
            if path.is_file() and not any(map(self._left_out, inner.parts)):
                yield from _parts(inner.as_posix(), _read(path) or "")

    def _left_out(self, part: str) -> bool:
        return part.startswith(".") or part in self.skip


@dataclass(frozen=True, slots=True)
class HuggingFaceSource:
    """One text column of a dataset that the package `datasets` can load.

    Attributes:
        dataset: Name on the hub, or a folder that `save_to_disk` wrote.
        split: Which split.
        column: Which column holds the text.
    """

    dataset: str
    split: str = "train"
    column: str = "text"

    @property
    def name(self) -> str:
        """The words that name the dataset."""
        return f"{_HUGGING_FACE}{self.dataset}:{self.split}:{self.column}"

    def documents(self) -> Iterator[Document]:
        """Yield the rows.

        Raises:
            MissingExtraError: If `datasets` is not installed.
            DataError: If there is no such column.
        """
        rows = self._rows()
        if self.column not in rows.column_names:
            raise DataError(f"{self.name}: its columns are {', '.join(rows.column_names)}")
        for number, text in enumerate(rows[self.column]):
            yield from _parts(f"{self.dataset}#{number}", text)

    def _rows(self) -> Any:
        try:
            datasets = require("datasets", "train")
        except MissingExtraError as error:
            raise MissingExtraError(
                f"{self.name} needs the package datasets, which no extra brings: "
                "pip install datasets",
                name="datasets",
            ) from error
        if Path(self.dataset).is_dir():
            saved = datasets.load_from_disk(self.dataset)
            return saved[self.split] if hasattr(saved, "keys") else saved
        return datasets.load_dataset(self.dataset, split=self.split)


def open_source(words: str | Path = STDLIB, /) -> TextSource:
    """Find the source that a person names.

    Args:
        words: "stdlib", "hf:NAME", "hf:NAME:SPLIT", "hf:NAME:SPLIT:COLUMN", or the path of a file
            or a folder.

    Raises:
        DataError: If there is no such file or folder.

    >>> open_source("hf:roneneldan/TinyStories:validation").split
    'validation'
    """
    if isinstance(words, str) and words.startswith(_HUGGING_FACE):
        return HuggingFaceSource(*words.removeprefix(_HUGGING_FACE).split(":", 2))
    if words == STDLIB:
        folder = Path(sysconfig.get_path("stdlib"))
        return FolderSource(folder, "*.py", _NOT_LIBRARY, label=STDLIB)
    path = Path(words)
    if path.is_dir():
        return FolderSource(path)
    if path.is_file():
        return FileSource(path)
    raise DataError(
        f"{words}: no such file or folder; text is a path, {STDLIB!r} or 'hf:NAME:SPLIT:COLUMN'"
    )


def _read(path: Path) -> str | None:
    data = path.read_bytes()
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _parts(name: str, text: str) -> Iterator[Document]:
    for number, part in enumerate(text.split(END_OF_TEXT)):
        if part.strip():
            yield Document(f"{name}#{number}" if number else name, part)
