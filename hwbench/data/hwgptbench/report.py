"""What an import did: files read, missing and refused, rows kept and dropped, by rule."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Final

from hwbench.data.hwgptbench.readings import RULES

__all__ = ["REPORT_NAME", "CampaignReport", "FileReport", "ImportReport", "TableReport"]

REPORT_NAME: Final = "import.json"
_SCHEMA: Final = "hwbench.import"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class FileReport:
    """One upstream file.

    Attributes:
        name: Path in the checkout.
        rows: Rows in the file, whether kept or not.
        sha256: Checksum of the file; empty if it could not be read.
        error: Why it was refused; None if it was read.
    """

    name: str
    rows: int
    sha256: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class TableReport:
    """One table.

    Attributes:
        path: Path in the output folder.
        rows: Rows written; a table without rows is not written.
        repeats: Repeats a row, at most.
        dropped: Rule -> rows it kept from this table only.
        flags: Flag -> rows that carry it.
    """

    path: str
    rows: int
    repeats: int
    dropped: dict[str, int] = field(default_factory=dict)
    flags: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """One campaign.

    Attributes:
        name: Folder and start of its file names.
        files: Its files, in order.
        missing: Files that should be there.
        tables: The tables made of it.
        dropped: Rule -> rows it kept from all of them.
        noticed: What was noticed without dropping rows -> rows.
    """

    name: str
    files: list[FileReport]
    missing: list[str]
    tables: list[TableReport]
    dropped: dict[str, int] = field(default_factory=dict)
    noticed: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The whole import; `to_dict` is what `import.json` holds.

    Attributes:
        source: Where the files came from: checkout, commit, checksum over all of them.
        versions: Versions of what read them.
        scales: What was asked for.
        devices: What was asked for; "any" stands for metrics without a device.
        expected_absent: Ranges that were said to be absent.
        seconds: How long it took.
        campaigns: What came of each.
        ignored: Pickles left out on purpose -> reason.
    """

    source: dict[str, str | None]
    versions: dict[str, str]
    scales: list[str]
    devices: list[str]
    expected_absent: list[str]
    seconds: float
    campaigns: list[CampaignReport]
    ignored: dict[str, str]

    @property
    def missing(self) -> list[str]:
        """Files that should be there."""
        return [name for campaign in self.campaigns for name in campaign.missing]

    @property
    def failed(self) -> list[FileReport]:
        """Files that could not be read."""
        return [f for campaign in self.campaigns for f in campaign.files if f.error is not None]

    @property
    def files_read(self) -> int:
        """Number of files that were read."""
        return sum(f.error is None for campaign in self.campaigns for f in campaign.files)

    @property
    def tables(self) -> list[TableReport]:
        """All tables that were written."""
        return [t for campaign in self.campaigns for t in campaign.tables if t.rows]

    @property
    def complete(self) -> bool:
        """True if no file was missing or refused."""
        return not self.missing and not self.failed

    @property
    def dropped(self) -> dict[str, int]:
        """Rule -> rows dropped; a row that is kept from two tables counts twice."""
        total: Counter[str] = Counter()
        for campaign in self.campaigns:
            total.update(campaign.dropped)
            for table in campaign.tables:
                total.update(table.dropped)
        return {rule: total[rule] for rule in RULES if total[rule]}

    @property
    def noticed(self) -> dict[str, int]:
        """What was noticed without dropping rows -> rows."""
        total: Counter[str] = Counter()
        for campaign in self.campaigns:
            total.update(campaign.noticed)
        return dict(total)

    def to_dict(self) -> dict[str, object]:
        """Return the report as a dict that JSON can hold."""
        return {
            "schema": _SCHEMA,
            "version": _VERSION,
            "complete": self.complete,
            "source": self.source,
            "versions": self.versions,
            "scales": self.scales,
            "devices": self.devices,
            "expected_absent": self.expected_absent,
            "seconds": round(self.seconds, 1),
            "files_read": self.files_read,
            "files_missing": self.missing,
            "files_failed": [{"name": f.name, "error": f.error} for f in self.failed],
            "files_ignored": self.ignored,
            "tables": len(self.tables),
            "rows": sum(table.rows for table in self.tables),
            "dropped": {
                rule: {"rows": n, "meaning": RULES[rule]} for rule, n in self.dropped.items()
            },
            "noticed": self.noticed,
            "campaigns": [asdict(campaign) for campaign in self.campaigns],
        }
