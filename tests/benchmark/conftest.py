"""A made-up benchmark, and its folder to damage."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hwbench.benchmark import Benchmark, load, save
from hwbench.testing.bundles import made_bundle


@pytest.fixture(scope="session")
def made():
    """A made-up benchmark that has never been a file."""
    return Benchmark(made_bundle())


@pytest.fixture
def folder(tmp_path):
    """The folder of a made-up bundle."""
    save(made_bundle(), tmp_path / "made")
    return tmp_path / "made"


@pytest.fixture
def loaded(folder):
    """The benchmark in `folder`."""
    return load(folder)


@pytest.fixture
def reseal(folder):
    """Change the manifest of `folder`, and seal it as an author of malice would."""

    def change(edit: Callable[[Any], object]) -> None:
        path = folder / "manifest.json"
        manifest = json.loads(path.read_text(encoding="utf-8"))
        edit(manifest)
        seal(path, manifest)

    return change


def seal(path: Path, manifest: dict[str, Any]) -> None:
    """Write a manifest with its own SHA-256: that of the text with zeros in its place."""
    zeros = "0" * 64
    text = json.dumps({**manifest, "sha256": zeros})
    digest = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(text.replace(zeros, digest), encoding="utf-8")
