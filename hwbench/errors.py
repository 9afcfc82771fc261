"""Every error hwbench raises on purpose, and the helper that loads an optional package.

Each class inherits `HwbenchError` and the builtin a caller would expect, so both `except
HwbenchError` and `except ValueError` work. The message says what was expected, what came and what
to do; the command line prints it as one line.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType

__all__ = [
    "BundleError",
    "DataError",
    "HwbenchError",
    "MissingExtraError",
    "SchemaError",
    "ShapeError",
    "SpaceError",
    "UnitError",
    "UnknownNameError",
    "require",
]


class HwbenchError(Exception):
    """Base of every error that hwbench raises on purpose."""


class ShapeError(HwbenchError, ValueError):
    """An array has the wrong number of dimensions or the wrong length."""


class SpaceError(HwbenchError, ValueError):
    """An architecture or a code does not belong to its search space."""


class UnitError(HwbenchError, ValueError):
    """A quantity cannot be read, or has the wrong dimension."""


class SchemaError(HwbenchError, ValueError):
    """A file does not follow its schema, or follows a newer one."""


class BundleError(HwbenchError, ValueError):
    """A bundle is incomplete, changed or unsafe to read."""


class DataError(HwbenchError, ValueError):
    """Measured data are missing, corrupt or contradict themselves."""


class UnknownNameError(HwbenchError, KeyError):
    """A name is not among those that exist (space, device, metric, ...)."""

    def __str__(self) -> str:
        """Return the message itself; `KeyError` would print it in quotes."""
        return str(self.args[0]) if self.args else ""

    @classmethod
    def of(cls, kind: str, name: object, known: Iterable[object]) -> UnknownNameError:
        """Make the error that lists what exists and offers the closest name.

        Args:
            kind: What the name stands for, such as "device".
            name: What came.
            known: What exists.

        >>> str(UnknownNameError.of("device", "a10", ["a100", "v100"]))
        "unknown device 'a10'; did you mean 'a100'? known: a100, v100"
        """
        names = [str(item) for item in known]
        close = difflib.get_close_matches(str(name).lower(), names, n=1)
        hint = f" did you mean {close[0]!r}?" if close else ""
        return cls(f"unknown {kind} {name!r};{hint} known: {', '.join(names) or 'none'}")


class MissingExtraError(HwbenchError, ImportError):
    """An optional package is not installed."""


def require(module: str, extra: str) -> ModuleType:
    """Import an optional package, or say which extra brings it.

    Args:
        module: Dotted name of the module, such as "torch.nn".
        extra: Name of the extra of hwbench that installs it, such as "train".

    Raises:
        MissingExtraError: If the package is not installed. An import error inside an installed
            package is raised as it is.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise MissingExtraError(
            f"{package} is not installed; it comes with the extra [{extra}]: "
            f"pip install 'hwbench-nas[{extra}]'",
            name=error.name,
        ) from error
