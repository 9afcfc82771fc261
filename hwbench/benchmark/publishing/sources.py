"""What is to be published, read and checked: folders of tables, bundles, and where they come from.

`read` gathers it; nothing is said of a source that the source does not say itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from hwbench import units
from hwbench.benchmark.bundle import Bundle
from hwbench.benchmark.loading import SHIPPED, load_bundle, names
from hwbench.benchmark.publishing.rows import Config, configs
from hwbench.data import Table, load_tables
from hwbench.data.hwgptbench.report import REPORT_NAME
from hwbench.data.journal import Session
from hwbench.errors import DataError, HwbenchError, SchemaError

__all__ = ["BundleSource", "Origin", "Sources", "read"]

SESSIONS: Final = "sessions.json"
_TOLD: Final = ("system", "virtual", "container", "threads", "cores", "memory_bytes", "driver")


@dataclass(frozen=True)
class Origin:
    """Where numbers come from, as far as it is known.

    Attributes:
        name: What it is called.
        url: Where it is found.
        commit: Which version of it.
        licence: Its licence, as it says itself.
        citation: What it asks to cite.
        date: When it was measured, "2026-01-31".
    """

    name: str
    url: str | None = None
    commit: str | None = None
    licence: str | None = None
    citation: str | None = None
    date: str | None = None


@dataclass(frozen=True, eq=False)
class BundleSource:
    """A bundle to publish.

    Attributes:
        folder: Where it lies.
        bundle: What it holds.
        sha256: Its checksum.
    """

    folder: Path
    bundle: Bundle
    sha256: str

    @property
    def origin(self) -> Origin:
        """Where its numbers come from."""
        said = self.bundle.provenance
        return Origin(
            name=_text(said, "name") or f"bundle {self.bundle.name}",
            url=_text(said, "url"),
            commit=_text(said, "commit"),
            licence=self.bundle.licence or None,
            citation=self.bundle.citation or None,
        )


@dataclass(frozen=True, eq=False)
class Sources:
    """All that is to be published.

    Attributes:
        configs: The measurements.
        bundles: The bundles, by name.
        origins: Where both come from, each once.
        devices: Name -> what is known of it, of the devices that sessions of `hwbench profile` met.
        remarks: What imports left out.
    """

    configs: tuple[Config, ...]
    bundles: tuple[BundleSource, ...]
    origins: tuple[Origin, ...]
    devices: Mapping[str, str]
    remarks: tuple[str, ...]

    @property
    def newest(self) -> str | None:
        """The newest date: when something was measured, or a bundle fitted."""
        dates = [*(o.date for o in self.origins), *(b.bundle.fitted for b in self.bundles)]
        return max(filter(None, dates), default=None)

    @property
    def tables(self) -> list[Table]:
        """All tables."""
        return [table for config in self.configs for table in config.tables]


def read(tables: Sequence[Path], bundles: Sequence[str | Path], /) -> Sources:
    """Read folders of tables, and bundles.

    Args:
        tables: What `hwbench data`, `hwbench profile compact` or `hwbench supernet evaluate
            --tables` wrote.
        bundles: Names of shipped bundles, or folders.

    Raises:
        DataError: If there is nothing to publish, a folder holds no tables, or one table or bundle
            comes twice.
        HwbenchError: If a table or a bundle is damaged.
    """
    if not tables and not bundles:
        raise DataError("nothing to publish; name a folder of tables, or --bundle")
    found = [load_tables(folder) for folder in tables]
    ours = sorted(map(_bundle, bundles), key=lambda source: source.bundle.name)
    called = [source.bundle.name for source in ours]
    if len(set(called)) < len(called):
        raise DataError(f"two bundles of one name: {', '.join(called)}")
    origins = [o for place, mine in zip(tables, found, strict=True) for o in _origins(place, mine)]
    return Sources(
        configs=tuple(configs([table for mine in found for table in mine])),
        bundles=tuple(ours),
        origins=_merged([*(source.origin for source in ours), *origins]),
        devices={name: text for place in tables for name, text in _devices(place).items()},
        remarks=tuple(dict.fromkeys(line for place in tables for line in _remarks(place))),
    )


def _bundle(name: str | Path) -> BundleSource:
    folder = SHIPPED / name if name in names() else Path(name)
    if not folder.is_dir():
        raise DataError(f"no bundle {name}; shipped: {', '.join(names())}, or name its folder")
    return BundleSource(folder, *load_bundle(folder))


def _origins(folder: Path, tables: Sequence[Table]) -> list[Origin]:
    """Return where the tables of a folder come from: an import, sessions, or what they say."""
    said = _report(folder).get("source")
    if isinstance(said, dict) and _text(said, "name"):
        fields = ("url", "commit", "licence", "citation")
        return [Origin(str(said["name"]), **{name: _text(said, name) for name in fields})]
    sessions = _sessions(folder)
    if sessions:
        return [Origin(f"hwbench profile, plan {s.plan}", date=_date(s)) for s in sessions]
    return [Origin(source) for source in dict.fromkeys(table.source for table in tables)]


def _report(folder: Path) -> dict[str, Any]:
    """Return what an import wrote about itself; nothing where there was none."""
    path = folder / REPORT_NAME
    report = _json(path) if path.is_file() else {}
    if not isinstance(report, dict):
        raise SchemaError(f"{path}: not the report of an import")
    return report


def _remarks(folder: Path) -> list[str]:
    report = _report(folder)
    absent = report.get("expected_absent") or []
    lines = [f"Not imported, because it was not there: {', '.join(absent)}."] if absent else []
    counts = {kind: len(report.get(f"files_{kind}") or []) for kind in ("missing", "failed")}
    lines += [f"Files {kind} at the import: {n}." for kind, n in counts.items() if n]
    lines += [
        f"Rows left out by the import: {rule['rows']:,} ({rule['meaning']})."
        for rule in report.get("dropped", {}).values()
    ]
    return lines


def _merged(origins: Sequence[Origin]) -> tuple[Origin, ...]:
    """Keep one of those with the same name and page: what one leaves open, another may say."""
    kept: dict[tuple[str, str | None], Origin] = {}
    for origin in origins:
        key = origin.name, origin.url
        first = kept.get(key, origin)
        told = {k: v if v is not None else getattr(origin, k) for k, v in vars(first).items()}
        told["date"] = max(filter(None, (first.date, origin.date)), default=None)
        kept[key] = Origin(**told)
    return tuple(kept.values())


def _sessions(folder: Path) -> list[Session]:
    path = folder / SESSIONS
    if not path.is_file():
        return []
    records = _json(path)
    try:
        found = [Session.from_record(record) for record in records]
        return sorted(found, key=lambda session: session.started_unix_s)
    except (HwbenchError, AttributeError, TypeError) as error:
        raise SchemaError(f"{path}: not the sessions of a campaign ({error})") from error


def _devices(folder: Path) -> dict[str, str]:
    described = {}
    for session in _sessions(folder):
        told = {k: session.device[k] for k in _TOLD if session.device.get(k) not in (None, "")}
        if "memory_bytes" in told:
            told["memory_bytes"] = units.format(told["memory_bytes"], "bytes")
        parts = [f"{name.removesuffix('_bytes')} {value}" for name, value in told.items()]
        model = session.device.get("model") or "model not known"
        described[session.device_id] = "; ".join([str(model), *parts])
    return described


def _date(session: Session) -> str:
    return datetime.fromtimestamp(session.started_unix_s, tz=UTC).date().isoformat()


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SchemaError(f"{path}: not readable as JSON ({error})") from error


def _text(said: Mapping[str, Any], name: str) -> str | None:
    value = said.get(name)
    return value if isinstance(value, str) and value else None
