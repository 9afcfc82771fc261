"""What `hwbench doctor` knows: which packages each extra needs and which of them are installed.

The requirements are read from hwbench's own metadata, so pyproject.toml stays their only list.
"""

import os
import platform
import re
import sys
from dataclasses import dataclass
from importlib import metadata, resources
from typing import Literal

from hwbench import __version__
from hwbench.errors import HwbenchError

__all__ = [
    "DISTRIBUTION",
    "PURPOSES",
    "Package",
    "Requirement",
    "bundle_names",
    "extra_packages",
    "machine",
    "parse_requirement",
]

DISTRIBUTION = "hwbench-nas"

# What a user can do once an extra is installed; extras not named here are not shown.
PURPOSES = {
    "base": "query and search the shipped bundles",
    "fit": "import raw data, fit surrogates, export them to ONNX",
    "profile": "measure latency, energy and memory on this machine",
    "train": "train a supernet",
    "search": "run studies, compare fronts, test differences between methods",
    "adapters": "search with pymoo or optuna",
    "report": "draw plots",
    "dask": "run studies on a Dask cluster",
    "ray": "run studies on a Ray cluster",
    "spaces": "export a search space to ConfigSpace",
    "publish": "write datasets with validated Croissant metadata",
    "dev": "run the tests and checks of hwbench itself",
}

# Another distribution that brings the same module.
_ALTERNATIVES = {
    "onnxruntime": ("onnxruntime-gpu",),
    "xgboost": ("xgboost-cpu",),
    "xgboost-cpu": ("xgboost",),
}

_REQUIREMENT = re.compile(
    r"(?P<name>[\w.-]+)\s*(?:\[[^\]]*\])?\s*(?P<bounds>[^;]*)(?:;(?P<marker>.*))?"
)
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w.-]+)['\"]")
_PLATFORM = re.compile(r"sys_platform\s*(==|!=)\s*['\"](\w+)['\"]")
_MINIMUM = re.compile(r">=\s*([\d.]+)")

State = Literal["ok", "missing", "too old"]


@dataclass(frozen=True)
class Requirement:
    """One line of the package metadata.

    Attributes:
        name: The distribution wanted.
        bounds: Version bounds as written, such as ">=2.5".
        group: The extra it belongs to, or "base".
        applies: Whether its platform condition holds here.
    """

    name: str
    bounds: str
    group: str
    applies: bool


@dataclass(frozen=True)
class Package:
    """One package that an extra needs.

    Attributes:
        name: The distribution as installed, or as wanted where none is.
        bounds: Version bounds as written.
        version: The installed version, `None` if there is none.
        state: Whether it is there and new enough.
    """

    name: str
    bounds: str
    version: str | None
    state: State


def parse_requirement(text: str) -> Requirement:
    """Read one `Requires-Dist` line; of the markers, only `extra` and `sys_platform` are known.

    >>> parse_requirement("torch>=2.5; extra == 'train'").group
    'train'
    """
    match = _REQUIREMENT.fullmatch(text.strip())
    if match is None:
        raise HwbenchError(f"cannot read the requirement {text!r} in the metadata of hwbench")
    marker = match["marker"] or ""
    extra = _EXTRA.search(marker)
    return Requirement(
        name=match["name"],
        bounds=match["bounds"].strip(),
        group=extra[1] if extra else "base",
        applies=all(
            (sys.platform == name) == (operator == "==")
            for operator, name in _PLATFORM.findall(marker)
        ),
    )


def extra_packages() -> dict[str, tuple[Package, ...]]:
    """Look up what each group of `PURPOSES` needs and what of it is installed.

    Raises:
        HwbenchError: If hwbench itself is not installed.
    """
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        raise HwbenchError(
            f"{DISTRIBUTION} is not installed, only its source is on the path: pip install ."
        ) from None
    wanted = [parse_requirement(line) for line in lines]
    return {
        group: tuple(
            _look_up(item)
            for item in wanted
            if item.group == group and item.applies and item.name != DISTRIBUTION
        )
        for group in PURPOSES
    }


def machine() -> dict[str, object]:
    """Describe the interpreter and the machine, ready for JSON."""
    return {
        "hwbench": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": _usable_cpus(),
    }


def bundle_names() -> tuple[str, ...]:
    """Name the bundles that ship with the installed package."""
    folder = resources.files("hwbench") / "bundles"
    if not folder.is_dir():
        return ()
    return tuple(sorted(b.name for b in folder.iterdir() if (b / "manifest.json").is_file()))


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _look_up(item: Requirement) -> Package:
    for name in (item.name, *_ALTERNATIVES.get(item.name, ())):
        version = _installed_version(name)
        if version is not None:
            state: State = "ok" if _at_least(version, item.bounds) else "too old"
            return Package(name, item.bounds, version, state)
    return Package(item.name, item.bounds, None, "missing")


def _installed_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _at_least(version: str, bounds: str) -> bool:
    minimum = _MINIMUM.search(bounds)
    return minimum is None or _release(version) >= _release(minimum[1])


def _release(version: str) -> tuple[int, ...]:
    numbers = [int(number) for number in re.findall(r"\d+", re.split(r"[+a-z]", version)[0])]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
