"""The wheel holds what a query needs and nothing else."""

import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parents[1]
LARGEST_WHEEL = 10_000_000  # bytes; the bundles must stay under half of it


@pytest.fixture(scope="module")
def members(tmp_path_factory) -> dict[str, int]:
    """File -> size of a wheel built from the working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with zipfile.ZipFile(path) as wheel:
        return {item.filename: item.file_size for item in wheel.infolist()}


def test_everything_below_the_package_is_in(members):
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "hwbench").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted <= set(members)
    assert "hwbench/py.typed" in members


def test_nothing_else_is_in(members):
    roots = {name.partition("/")[0] for name in members}
    assert {root for root in roots if not root.endswith(".dist-info")} == {"hwbench"}


def test_licence_and_notice_travel_along(members):
    names = {name.rpartition("/")[2] for name in members}
    assert {"LICENSE", "NOTICE", "METADATA", "entry_points.txt"} <= names


def test_the_wheel_is_small(members):
    assert sum(members.values()) < LARGEST_WHEEL


def test_bundles_are_small(members):
    bundles = {name: size for name, size in members.items() if name.startswith("hwbench/bundles/")}
    assert sum(bundles.values()) < 5_000_000
