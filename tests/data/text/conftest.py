"""Real text: files beside the repository where they are, the standard library's sources always."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hwbench.data.text import FolderSource
from hwbench.data.text.sources import open_source


@pytest.fixture(scope="session")
def shakespeare(root: Path) -> Path:
    """The path of tiny-shakespeare.txt, 1.1 MB."""
    path = root.parent / "shared" / "text" / "tiny-shakespeare.txt"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    return path


@pytest.fixture(scope="session")
def json_package() -> FolderSource:
    """The sources of the standard library's package json: five documents, 60 kB."""
    stdlib = open_source("stdlib")
    assert isinstance(stdlib, FolderSource)
    return FolderSource(stdlib.path / "json", "*.py", stdlib.skip)


@pytest.fixture
def folder_of(tmp_path: Path) -> Callable[[dict[str, str | bytes]], Path]:
    """Make a folder of files from a dict of names and contents."""

    def make(files: dict[str, str | bytes]) -> Path:
        for name, content in files.items():
            path = tmp_path / "texts" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path / "texts"

    return make
