"""Read small files of the kernel; what is not there or not readable is `None`."""

from __future__ import annotations

from pathlib import Path

__all__ = ["parse_cpu_list", "read_number", "read_text"]


def read_text(path: Path, /) -> str | None:
    """Read a file, without white space around it; `None` if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def read_number(path: Path, /) -> int | None:
    """Read a file that holds one whole number; `None` if it does not."""
    text = read_text(path)
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None


def parse_cpu_list(text: str | None, /) -> list[int]:
    """Read the kernel's lists of CPUs.

    >>> parse_cpu_list("0-2,8")
    [0, 1, 2, 8]
    """
    found: list[int] = []
    for part in (text or "").split(","):
        first, _, last = part.strip().partition("-")
        if first.isdigit():
            found += range(int(first), int(last if last.isdigit() else first) + 1)
    return found
