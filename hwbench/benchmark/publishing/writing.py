"""Write a dataset whole or not at all: a draft beside its place, checked, then moved there."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hwbench.benchmark.loading import load_bundle
from hwbench.benchmark.publishing.about import About, Said, settle
from hwbench.benchmark.publishing.card import CARD, card_text, describe_in_words, keywords
from hwbench.benchmark.publishing.checking import BUNDLES, Checked, check
from hwbench.benchmark.publishing.columns import Column
from hwbench.benchmark.publishing.croissant import CROISSANT, DATA, describe
from hwbench.benchmark.publishing.rows import write_configs
from hwbench.benchmark.publishing.sources import BundleSource, Sources, read
from hwbench.errors import DataError

__all__ = ["Published", "publish"]

_PARTS: Final = {CARD, CROISSANT, DATA, BUNDLES}


@dataclass(frozen=True)
class Published:
    """What was written.

    Attributes:
        folder: Where.
        about: What is said of the whole.
        rows: Config -> its measurements.
        bundles: Bundle -> its SHA-256.
        bytes: Size of all files.
        checked: What was checked.
    """

    folder: Path
    about: About
    rows: Mapping[str, int]
    bundles: Mapping[str, str]
    bytes: int
    checked: Checked


def publish(
    out: Path | str,
    /,
    *,
    tables: Sequence[Path | str] = (),
    bundles: Sequence[Path | str] = (),
    name: str | None = None,
    said: Said | None = None,
) -> Published:
    """Write tables and bundles in the layout of a Hugging Face dataset; nothing is uploaded.

    The same input gives the same bytes.

    Args:
        out: Folder of the dataset. One that this function wrote is replaced.
        tables: Folders of tables.
        bundles: Names of shipped bundles, or folders.
        name: Name of the dataset; by default that of the folder.
        said: What the publisher says of it; what is left open must be said by the sources.

    Raises:
        DataError: If there is nothing to publish, something must be said first, something else is
            in `out`, or the result does not pass `check`.
        HwbenchError: If a table or a bundle is damaged, or a name unknown.
    """
    target = Path(out).absolute()
    _check_replaceable(target)
    sources = read([Path(folder) for folder in tables], bundles)
    about = settle(name or target.name, said or Said(), sources)
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        draft = Path(scratch) / "draft"
        _write(draft, sources, about)
        checked = check(draft)
        size = sum(path.stat().st_size for path in draft.rglob("*") if path.is_file())
        _move(draft, target, retired=Path(scratch) / "retired")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Published(
        folder=target,
        about=about,
        rows={config.name: config.rows for config in sources.configs},
        bundles={source.bundle.name: source.sha256 for source in sources.bundles},
        bytes=size,
        checked=checked,
    )


def _write(draft: Path, sources: Sources, about: About) -> None:
    draft.mkdir()
    columns: dict[str, tuple[Column, ...]] = write_configs(sources.configs, draft / DATA)
    for source in sources.bundles:
        _copy(source, draft / BUNDLES / source.bundle.name)
    (draft / CARD).write_text(card_text(sources, about), encoding="utf-8")
    words = describe_in_words(sources)
    said = describe(draft, about, words, columns, keywords=keywords(sources))
    text = json.dumps(said, indent=1, ensure_ascii=False) + "\n"
    (draft / CROISSANT).write_text(text, encoding="utf-8")


def _copy(source: BundleSource, target: Path) -> None:
    shutil.copytree(source.folder, target)
    digest = load_bundle(target)[1]
    if digest != source.sha256:
        raise DataError(f"{source.folder} changed while it was copied; try again")


def _check_replaceable(target: Path) -> None:
    if not target.exists() and not target.is_symlink():
        return
    if target.is_symlink() or not target.is_dir():
        raise DataError(f"{target} exists and is no folder")
    names = {path.name for path in target.iterdir()}
    if names and (CROISSANT not in names or names - _PARTS):
        raise DataError(f"{target} holds something else than a dataset; name another folder")


def _move(draft: Path, target: Path, *, retired: Path) -> None:
    if target.is_dir():
        target.rename(retired)
    try:
        draft.rename(target)
    except OSError:
        if retired.is_dir():
            retired.rename(target)
        raise
