"""One measurement a device at a time: a lock file that dies with the process that holds it."""

from __future__ import annotations

import contextlib
import getpass
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hwbench.errors import HwbenchError

__all__ = ["DeviceBusyError", "lock_folder", "locked"]

_MOST_PID_DIGITS = 20


class DeviceBusyError(HwbenchError, RuntimeError):
    """Another process measures on this device."""


def lock_folder() -> Path:
    """Name the folder of the lock files, the same for all sessions and jobs of a user.

    In the user's run-time folder where there is one; else in /tmp, whatever TMPDIR says: batch
    systems give each job another; else in the temporary folder.
    """
    uid = os.getuid() if hasattr(os, "getuid") else None
    for folder in (os.environ.get("XDG_RUNTIME_DIR"), f"/run/user/{uid}"):
        if folder and os.access(folder, os.W_OK):
            return Path(folder) / "hwbench"
    shared = Path("/tmp")
    base = shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
    return base / f"hwbench-{_user() if uid is None else uid}"


@contextmanager
def locked(identifier: str, /, *, label: str, folder: Path | None = None) -> Iterator[None]:
    """Hold the lock of one device.

    The lock belongs to the open file, so it is free again when the process ends, however it ends.

    Args:
        identifier: Id of the device; the name of the lock file.
        label: What the error calls the device.
        folder: Where lock files lie; `lock_folder()` unless given.

    Raises:
        DeviceBusyError: If another process, or another place in this one, holds it.
        HwbenchError: If the lock file cannot be written.
    """
    path = (folder or lock_folder()) / f"{identifier}.lock"
    handle = _open(path)
    try:
        if not _acquire(handle):
            raise DeviceBusyError(
                f"{label} is being measured by process {_holder(handle)}; wait until it ends, or "
                "measure on another device"
            )
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, str(os.getpid()).encode())
        yield
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        raise HwbenchError(
            f"cannot open the lock file {path}: {error.strerror}; set TMPDIR to a folder you may "
            "write to"
        ) from error


def _holder(handle: int) -> str:
    with contextlib.suppress(OSError):
        os.lseek(handle, 0, os.SEEK_SET)
        text = os.read(handle, _MOST_PID_DIGITS).decode("ascii", "replace").strip()
        if text.isdigit():
            return text
    return "(unknown)"


def _user() -> str:
    with contextlib.suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return "user"


if sys.platform == "win32":
    import msvcrt

    def _acquire(handle: int) -> bool:
        # A byte far behind the PID, which others must be able to read.
        os.lseek(handle, 1 << 20, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _acquire(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
