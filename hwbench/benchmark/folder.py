"""The files of a bundle: read only when whole and unchanged, written whole or not at all.

The manifest holds the SHA-256 of every other file and, as "sha256", its own: that of its bytes with
64 zeros in this place. So one number stands for the whole bundle.
"""

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from hwbench.benchmark.strict_json import Fields, parse_object
from hwbench.errors import BundleError, SchemaError

__all__ = ["ARRAYS", "CARD", "CARD_TEXT", "MANIFEST", "SCHEMA_VERSION", "Files", "read", "write"]

SCHEMA_VERSION: Final = 1
MANIFEST: Final = "manifest.json"
ARRAYS: Final = "arrays.safetensors"
CARD: Final = "card.json"
CARD_TEXT: Final = "card.md"

_PARTS: Final = (ARRAYS, CARD, CARD_TEXT)
_ZEROS: Final = b"0" * 64
_LARGEST_MANIFEST: Final = 32 << 20


@dataclass(frozen=True)
class Files:
    """The contents of a bundle's folder, verified.

    Attributes:
        manifest: The manifest, without "schema", "files" and "sha256".
        parts: File name -> contents, for all other files.
        sha256: What the manifest says of itself: the name of this very bundle in 64 digits.
    """

    manifest: dict[str, Any]
    parts: dict[str, bytes]
    sha256: str


def read(folder: Path, /) -> Files:
    """Read a bundle's folder and check it byte by byte.

    Raises:
        BundleError: If something is missing, changed, added, or lies elsewhere.
        SchemaError: If the manifest has another schema version.
    """
    if not folder.is_dir():
        raise BundleError(f"{folder}: no such folder")
    data = _contents(folder, MANIFEST, most=_LARGEST_MANIFEST)
    manifest = parse_object(data, MANIFEST)
    schema = manifest.pop("schema", None)
    if type(schema) is not int or schema != SCHEMA_VERSION:
        newer = type(schema) is int and schema > SCHEMA_VERSION
        hint = "; a newer hwbench wrote it" if newer else ""
        raise SchemaError(
            f"{folder}: bundle has schema {schema!r}, this version reads {SCHEMA_VERSION}{hint}"
        )
    digest = _check_seal(data, manifest.pop("sha256", None))
    listed = _listed(manifest.pop("files", None))
    extra = sorted({path.name for path in folder.iterdir()} - {MANIFEST, *listed})
    if extra:
        raise BundleError(f"{folder}: not part of the bundle: {', '.join(extra)}")
    parts = {name: _verified(folder, name, *expected) for name, expected in listed.items()}
    return Files(manifest, parts, digest)


def write(folder: Path, manifest: Mapping[str, object], parts: Mapping[str, bytes], /) -> str:
    """Write a bundle's folder, whole or not at all, and return its SHA-256.

    Args:
        folder: Where; parents are made. A bundle that is there is replaced.
        manifest: All but "schema", "files" and "sha256".
        parts: File name -> contents.

    Raises:
        BundleError: If something else than a bundle is there.
    """
    import shutil  # loading, which starts with every query, can do without

    target = Path(os.path.abspath(folder))
    _check_replaceable(target)
    sealed, digest = _sealed(manifest, parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    retired = draft.with_suffix(".old")
    draft.mkdir()
    try:
        for name, data in {MANIFEST: sealed, **parts}.items():
            (draft / name).write_bytes(data)
        if target.is_dir():
            target.rename(retired)
        draft.rename(target)
    except BaseException:
        if retired.is_dir() and not target.exists():
            retired.rename(target)
        raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(retired, ignore_errors=True)
    return digest


def _sealed(manifest: Mapping[str, object], parts: Mapping[str, bytes]) -> tuple[bytes, str]:
    if set(parts) != set(_PARTS):
        raise BundleError(f"a bundle consists of {', '.join(_PARTS)}; got {', '.join(parts)}")
    files = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        for name, data in parts.items()
    }
    whole = {"schema": SCHEMA_VERSION, **manifest, "files": files, "sha256": _ZEROS.decode()}
    try:
        text = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise BundleError(f"the manifest cannot be written as JSON: {error}") from error
    if text.count(_ZEROS) != 1:
        raise BundleError("the manifest may not hold 64 zeros in a row")
    digest = hashlib.sha256(text).hexdigest()
    return text.replace(_ZEROS, digest.encode()), digest


def _check_seal(data: bytes, digest: object) -> str:
    if not isinstance(digest, str) or len(digest) != 64 or data.count(digest.encode()) != 1:
        raise BundleError(f"{MANIFEST} must hold its own SHA-256 once, as 'sha256'")
    if hashlib.sha256(data.replace(digest.encode(), _ZEROS)).hexdigest() != digest:
        raise BundleError(f"{MANIFEST} was changed: its SHA-256 is another one")
    return digest


def _listed(files: object) -> dict[str, tuple[str, int]]:
    names = Fields(files, f"'files' in {MANIFEST}")
    listed = {}
    for name in files if isinstance(files, dict) else ():
        if PurePosixPath(name).name != name or "\\" in name or name in ("", ".", ".."):
            raise BundleError(f"{MANIFEST} names {name!r}, which leaves the folder")
        entry = Fields(names.take(name, dict), f"{name} in {MANIFEST}")
        listed[name] = (entry.take("sha256", str), entry.take("bytes", int))
        entry.done()
    if set(listed) != set(_PARTS):
        raise BundleError(
            f"{MANIFEST} must list {', '.join(_PARTS)}; it lists {', '.join(listed) or 'nothing'}"
        )
    return listed


def _verified(folder: Path, name: str, digest: str, size: int) -> bytes:
    data = _contents(folder, name, most=size)
    if len(data) != size:
        raise BundleError(f"{folder / name}: {len(data)} bytes, {MANIFEST} says {size}")
    if hashlib.sha256(data).hexdigest() != digest:
        raise BundleError(f"{folder / name} was changed: its SHA-256 is another one")
    return data


def _contents(folder: Path, name: str, *, most: int) -> bytes:
    path = folder / name
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise BundleError(f"{path} is no plain file; a bundle holds no links")
        if found.st_size > most:
            raise BundleError(f"{path}: {found.st_size} bytes, at most {most} were expected")
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror or error}") from None


def _check_replaceable(target: Path) -> None:
    if not target.exists() and not target.is_symlink():
        return
    if target.is_symlink() or not target.is_dir():
        raise BundleError(f"{target} exists and is no folder")
    names = {path.name for path in target.iterdir()}
    if names and (MANIFEST not in names or names - {MANIFEST, *_PARTS}):
        raise BundleError(f"{target} exists and is no bundle; remove it or name another folder")
