"""The append-only file that a campaign writes: one line a record, safe against a kill at any time.

`Journal` opens a file to append; `read` looks at one without changing it. A record is on the disk
when `append` returns. What a kill or a full disk left half written is found when the file is opened
next, moved to `FILE.torn` and reported; nothing else is ever removed.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, final

from hwbench.data.files import atomic_path
from hwbench.data.journal.lines import decode, encode
from hwbench.errors import DataError

__all__ = ["Contents", "Journal", "JournalBusyError", "JournalError", "read", "write"]

_LOG = logging.getLogger(__name__)
_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


class JournalError(DataError):
    """A journal cannot be written or read."""


class JournalBusyError(JournalError):
    """Another process writes to this journal."""


@dataclass(frozen=True)
class Contents:
    """What a journal holds.

    Attributes:
        records: The good records, in the order written.
        torn: The lines that are torn or changed, without their newlines.
    """

    records: tuple[dict[str, Any], ...]
    torn: tuple[bytes, ...] = ()


def read(path: Path | str, /) -> Contents:
    """Read a journal without changing it; a missing file is an empty one.

    Raises:
        JournalError: If it cannot be read.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        return Contents(())
    except OSError as error:
        raise JournalError(f"{path}: cannot be read ({error.strerror})") from error
    records, torn = [], []
    for line in data.split(b"\n"):
        record = decode(line)
        if record is not None:
            records.append(record)
        elif line.strip(b"\0 \r\t"):  # a crash of the machine may leave a tail of zeros
            torn.append(line)
    return Contents(tuple(records), tuple(torn))


def write(records: Iterable[Mapping[str, Any]], path: Path, /) -> None:
    """Write a whole journal at once, or leave what was there.

    Raises:
        JournalError: If it cannot be written.
    """
    try:
        with atomic_path(path) as draft, draft.open("wb") as file:
            file.writelines(encode(record) for record in records)
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(path.parent)
    except OSError as error:
        raise _failure(path, error) from error


@final
class Journal:
    """A journal that is open to append; use it in a `with` statement.

    One process at a time may hold a file open: a second one is refused.

    Args:
        path: The file; it and its folder are made if they are missing.

    Attributes:
        path: The file.
        records: What it holds, in the order written; grows with `append`.
        torn: Lines that opening found torn or changed, and moved to `FILE.torn`.

    Raises:
        JournalBusyError: If another process holds it open.
        JournalError: If the file or its folder cannot be written.
    """

    def __init__(self, path: Path | str, /) -> None:
        self.path = Path(path)
        self._lock = -1
        self._file = -1
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _lock(self.path)
            contents = self._mended()
            self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            _sync_folder(self.path.parent)
        except OSError as error:
            self.close()
            raise _failure(self.path, error) from error
        except BaseException:
            self.close()
            raise
        self.records = list(contents.records)
        self.torn = contents.torn

    def append(self, record: Mapping[str, Any], /) -> None:
        """Write a record; when this returns, it is on the disk.

        Raises:
            DataError: If JSON cannot hold the record.
            JournalError: If it cannot be written; the records before it stay as they are.
        """
        line = encode(record)
        if self._file < 0:
            raise JournalError(f"{self.path}: this journal is closed")
        before = os.fstat(self._file).st_size
        try:
            _write_all(self._file, line)
            os.fsync(self._file)
        except OSError as error:
            self._undo(before)
            raise _failure(self.path, error, rows=len(self.records)) from error
        self.records.append(dict(record))

    def close(self) -> None:
        """Close the file and let others open it; closing twice is harmless."""
        for name in ("_file", "_lock"):
            number: int = getattr(self, name)
            if number >= 0:
                os.close(number)
                setattr(self, name, -1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _undo(self, size: int) -> None:
        """Cut off what a failed write left; if even that fails, the next opening does it."""
        try:
            os.ftruncate(self._file, size)
        except OSError as error:
            _LOG.warning("%s: cannot cut off a torn line: %s", self.path, error)

    def _mended(self) -> Contents:
        """Read the file, and move what is torn out of it."""
        contents = read(self.path)
        whole = not self.path.exists() or _ends_well(self.path)
        if contents.torn:
            aside = self.path.with_name(f"{self.path.name}.torn")
            with aside.open("ab") as file:
                file.writelines(line + b"\n" for line in contents.torn)
                file.flush()
                os.fsync(file.fileno())
            _LOG.warning("%s: %d torn lines moved to %s", self.path, len(contents.torn), aside)
        if contents.torn or not whole:
            write(contents.records, self.path)
        return contents


def _ends_well(path: Path) -> bool:
    data = path.read_bytes()
    return not data or data.endswith(b"\n")


def _write_all(number: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(number, rest) :]


def _lock(path: Path) -> int:
    """Lock a file beside the journal for as long as the returned descriptor stays open."""
    number = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        import fcntl  # not on Windows
    except ImportError:
        return number
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(number, 32).decode("ascii", "replace").strip() or "not known"
        os.close(number)
        raise JournalBusyError(
            f"{path}: another process (PID {holder}) writes to this journal; wait for it, or use "
            "another folder"
        ) from error
    except OSError as error:  # a file system without locks
        _LOG.warning("%s: cannot be locked (%s)", path, error.strerror)
        return number
    os.ftruncate(number, 0)
    _write_all(number, b"%d\n" % os.getpid())
    return number


def _sync_folder(folder: Path) -> None:
    """Make a new or renamed file survive a crash of the machine."""
    try:
        number = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(number)


def _failure(path: Path, error: OSError, *, rows: int | None = None) -> JournalError:
    safe = "" if rows is None else f"; the {rows} records before are safe"
    if error.errno in _FULL:
        cure = "free some space and run the same command again"
        return JournalError(f"{path}: the disk is full or a size limit is reached{safe}; {cure}")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        why = f"may not be written ({error.strerror}){safe}; name another folder"
        return JournalError(f"{path}: {why}")
    return JournalError(f"{path}: {error.strerror or error}{safe}")
