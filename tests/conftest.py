"""Fixtures and settings shared by all tests."""

import os

# The test machine is small and pytest-xdist already uses its cores; must precede numpy and torch.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import shutil
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# The default run draws the same examples each time, so that a red test is red for everybody;
# HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("default", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

ROOT = Path(__file__).resolve().parents[1]
RAW_VARIABLE = "HWBENCH_RAW"


@pytest.fixture(scope="session")
def root() -> Path:
    """The root folder of the repository."""
    return ROOT


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(20240516)


@pytest.fixture(scope="session")
def reference_dir(root: Path) -> Path:
    """The folder with facts about other systems, beside the repository."""
    path = root.parent / "shared" / "reference"
    if not path.is_dir():
        pytest.skip(f"needs {path}")
    return path


@pytest.fixture(scope="session")
def raw_checkout(root: Path, request: pytest.FixtureRequest) -> Path:
    """An HW-GPT-Bench checkout with its raw files; read-only by agreement.

    The one that `HWBENCH_RAW` names, or else the archives in `../shared/hw-gpt-bench`, unpacked
    once into pytest's cache folder.
    """
    named = os.environ.get(RAW_VARIABLE)
    path = Path(named) if named else _unpacked(root.parent / "shared" / "hw-gpt-bench", request)
    if not (path / "data_collection").is_dir():
        pytest.skip(f"needs the raw HW-GPT-Bench files: set {RAW_VARIABLE} to a checkout")
    return path


def _unpacked(archives: Path, request: pytest.FixtureRequest) -> Path:
    import fcntl  # not on Windows, where the archives have to be unpacked by hand

    cache = request.config.cache
    found = sorted(archives.glob("*.tar.xz"))
    if not found or cache is None:
        return archives
    folder = cache.mkdir("hw-gpt-bench")
    target, part = folder / "checkout", folder / "unpacking"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # xdist workers start together
        if not target.is_dir():
            shutil.rmtree(part, ignore_errors=True)
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda archive: _unpack(archive, part), found))
            part.rename(target)
    return target


def _unpack(archive: Path, target: Path) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(target, filter="data")
