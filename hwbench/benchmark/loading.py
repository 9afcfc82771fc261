"""Save bundles, and load them: those that ship with hwbench by name, a user's own by path."""

import json
import os
from pathlib import Path
from typing import Final

from hwbench.benchmark import folder as files
from hwbench.benchmark import safetensors
from hwbench.benchmark.benchmark import Benchmark
from hwbench.benchmark.bundle import Bundle
from hwbench.benchmark.manifest import from_manifest, to_manifest
from hwbench.benchmark.strict_json import parse_object
from hwbench.errors import BundleError, HwbenchError, UnknownNameError

__all__ = ["SHIPPED", "load", "load_bundle", "names", "save"]

SHIPPED: Final = Path(__file__).resolve().parents[1] / "bundles"
"""Where the bundles lie that ship with hwbench."""


def names() -> tuple[str, ...]:
    """Name the bundles that ship with hwbench."""
    return tuple(sorted(path.parent.name for path in SHIPPED.glob(f"*/{files.MANIFEST}")))


def load(name_or_path: str | Path, /) -> Benchmark:
    """Load a benchmark; every byte is checked and nothing in it is executed.

    Args:
        name_or_path: A name from `names`, or a bundle's folder. A text with a path separator is a
            path; else shipped names go first.

    Raises:
        UnknownNameError: If there is neither such a name nor such a folder.
        BundleError: If the bundle is incomplete, changed or contradicts itself.
        SchemaError: If it follows a newer schema.
    """
    bundle, digest = load_bundle(_find(name_or_path))
    return Benchmark(bundle, sha256=digest)


def load_bundle(folder: str | Path, /) -> tuple[Bundle, str]:
    """Read a bundle and its SHA-256 from a folder.

    Raises:
        BundleError: As `load`.
        SchemaError: As `load`.
    """
    found = files.read(Path(folder))
    try:
        arrays = safetensors.parse(found.parts[files.ARRAYS])
        card = parse_object(found.parts[files.CARD], files.CARD)
        text = found.parts[files.CARD_TEXT].decode("utf-8")
        bundle = from_manifest(found.manifest, arrays, card=card, card_text=text)
    except UnicodeDecodeError as error:
        raise BundleError(f"{folder}: {files.CARD_TEXT} is not UTF-8: {error}") from None
    except HwbenchError as error:
        raise type(error)(f"{folder}: {error}") from error
    return bundle, found.sha256


def save(bundle: Bundle, folder: str | Path, /) -> str:
    """Write a bundle to a folder, whole or not at all, and return its SHA-256.

    A bundle that is there already is replaced. Equal bundles give equal bytes.

    Raises:
        BundleError: If something else than a bundle is there, or the bundle holds what JSON and
            arrays of numbers cannot hold.
    """
    manifest, arrays = to_manifest(bundle)
    try:
        card = json.dumps(dict(bundle.card), indent=1, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BundleError(f"the card cannot be written as JSON: {error}") from error
    parts = {
        files.ARRAYS: safetensors.dump(arrays),
        files.CARD: card.encode() + b"\n",
        files.CARD_TEXT: bundle.card_text.encode(),
    }
    return files.write(Path(folder), manifest, parts)


def _find(name_or_path: str | Path) -> Path:
    if name_or_path in names():
        return SHIPPED / name_or_path
    path = Path(name_or_path)
    if isinstance(name_or_path, Path) or path.is_dir() or {"/", os.sep} & set(name_or_path):
        return path
    raise UnknownNameError.of("benchmark", name_or_path, [*names(), "a bundle's folder"])
