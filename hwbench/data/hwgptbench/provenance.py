"""Where imported numbers come from: commit, checksum over all files, versions that read them."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from hwbench import __version__
from hwbench.data.hwgptbench.report import CampaignReport

__all__ = ["COMMIT", "URL", "describe_source", "versions"]

COMMIT: Final = "c730d4b4099e91f5ec666755f02d19d0b4183b2e"
"""The upstream commit that still holds all raw files."""
URL: Final = "https://github.com/automl/HW-GPT-Bench"


def describe_source(checkout: Path, done: Sequence[CampaignReport], /) -> dict[str, str | None]:
    """Describe a checkout; its checksum is over the names and checksums of all files read."""
    sums = sorted(f"{f.sha256}  {f.name}\n" for c in done for f in c.files if f.error is None)
    return {
        "name": "HW-GPT-Bench",
        "url": URL,
        "licence": "Apache-2.0",
        "citation": "Sukthanker et al., HW-GPT-Bench, NeurIPS 2024 (arXiv 2405.10299)",
        "checkout": str(checkout),
        "commit": _commit(checkout / ".git"),
        "expected_commit": COMMIT,
        "sha256": hashlib.sha256("".join(sums).encode()).hexdigest(),
    }


def versions() -> dict[str, str]:
    """Name the versions of what reads and writes the numbers."""
    packages = {name: version(name) for name in ("numpy", "pyarrow")}
    return {"hwbench": __version__, "python": platform.python_version(), **packages}


def _commit(git: Path) -> str | None:
    """Read the commit that is checked out, without git; None if it cannot be told."""
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        if (git / name).is_file():
            return (git / name).read_text().strip()
        packed = (line.split() for line in (git / "packed-refs").read_text().splitlines())
        return next((parts[0] for parts in packed if parts[1:] == [name]), None)
    except (OSError, UnicodeDecodeError):
        return None
