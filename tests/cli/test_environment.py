import sys
from importlib import metadata

import pytest
from packaging.requirements import Requirement as Oracle

from hwbench.cli import _environment as environment
from hwbench.errors import HwbenchError

LINES = metadata.requires(environment.DISTRIBUTION) or []


@pytest.mark.parametrize("line", LINES)
def test_requirements_read_as_packaging_reads_them(line):
    ours, theirs = environment.parse_requirement(line), Oracle(line)
    assert ours.name == theirs.name
    assert sorted(ours.bounds.split(",")) == sorted(str(theirs.specifier).split(","))
    assert ours.applies == holds(theirs, ours.group)
    assert holds(theirs, "base") == (ours.group == "base" and ours.applies)


def holds(requirement: Oracle, group: str) -> bool:
    """Whether packaging would install the requirement with the extra `group`."""
    extra = "" if group == "base" else group
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


@pytest.mark.parametrize(
    ("platform", "applies"), [("darwin", False), ("linux", True), ("win32", True)]
)
def test_platform_condition(monkeypatch, platform, applies):
    monkeypatch.setattr(sys, "platform", platform)
    line = "xgboost-cpu>=2.1; (sys_platform != 'darwin') and extra == 'fit'"
    assert environment.parse_requirement(line).applies is applies


def test_a_line_that_cannot_be_read_is_refused():
    with pytest.raises(HwbenchError, match="cannot read"):
        environment.parse_requirement("@@@")


@pytest.fixture
def installed(monkeypatch):
    """Pretend that exactly these distributions are installed."""

    def pretend(required, **versions):
        def version(name):
            key = name.replace("-", "_")
            if key not in versions:
                raise metadata.PackageNotFoundError(name)
            return versions[key]

        monkeypatch.setattr(metadata, "version", version)
        monkeypatch.setattr(metadata, "requires", lambda name: required)

    return pretend


def packages(extra):
    return {
        (package.name, package.version, package.state)
        for package in environment.extra_packages()[extra]
    }


def test_states(installed):
    installed(["numpy>=1.26", "pandas>=2.2", "click>=8.1.7"], numpy="2.4.6", pandas="2.1.9+local")
    assert packages("base") == {
        ("numpy", "2.4.6", "ok"),
        ("pandas", "2.1.9+local", "too old"),
        ("click", None, "missing"),
    }


@pytest.mark.parametrize(
    ("version", "state"),
    [
        ("2.5", "ok"),
        ("2.5.0", "ok"),
        ("2.13.0+cpu", "ok"),
        ("2.5rc1", "ok"),
        ("3", "ok"),
        ("2.4.99", "too old"),
        ("1.26", "too old"),
    ],
)
def test_versions_compare_as_numbers(installed, version, state):
    installed(["torch>=2.5; extra == 'train'"], torch=version)
    assert packages("train") == {("torch", version, state)}


def test_another_build_of_the_same_module_will_do(installed):
    installed(["onnxruntime>=1.19; extra == 'profile'"], onnxruntime_gpu="1.20")
    assert packages("profile") == {("onnxruntime-gpu", "1.20", "ok")}


def test_own_name_among_the_requirements_is_left_out(installed):
    installed(["hwbench-nas[fit,train]; extra == 'dev'", "ruff>=0.9; extra == 'dev'"], ruff="1.0")
    assert packages("dev") == {("ruff", "1.0", "ok")}


def test_hwbench_itself_not_installed(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", missing)
    with pytest.raises(HwbenchError, match="pip install"):
        environment.extra_packages()


def test_every_extra_is_described():
    groups = {environment.parse_requirement(line).group for line in LINES}
    assert groups - {"all"} == set(environment.PURPOSES)


def test_bundles_are_folders_with_a_manifest(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path)
    assert environment.bundle_names() == ()
    for name in ("gpt-s", "gpt-l", "empty"):
        (tmp_path / "bundles" / name).mkdir(parents=True)
    for name in ("gpt-s", "gpt-l"):
        (tmp_path / "bundles" / name / "manifest.json").write_text("{}")
    assert environment.bundle_names() == ("gpt-l", "gpt-s")
