"""Fixtures and settings shared by all tests."""

import os

# The test machine is small and pytest-xdist already uses its cores; must precede numpy and torch.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

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
CHECKOUT_VARIABLE = "HW_GPT_BENCH"


@pytest.fixture(scope="session")
def root() -> Path:
    """The root folder of the repository."""
    return ROOT


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(20240516)


@pytest.fixture(scope="session")
def hwgptbench_checkout() -> Path:
    """An unpacked HW-GPT-Bench checkout with its raw files, named by `HW_GPT_BENCH`."""
    value = os.environ.get(CHECKOUT_VARIABLE)
    if not value:
        pytest.skip(f"needs the raw HW-GPT-Bench files: set {CHECKOUT_VARIABLE} to a checkout")
    path = Path(value)
    if not (path / "data_collection").is_dir():
        pytest.skip(f"{CHECKOUT_VARIABLE}={value} has no folder data_collection/")
    return path
