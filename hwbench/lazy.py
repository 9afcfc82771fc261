"""Names of a package that come on first use, so that importing it loads nothing heavy.

Type checkers and the pages of the interface read imports below `if TYPE_CHECKING:`, so a package
says its lazy names there too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module

__all__ = ["lazy_names"]


def lazy_names(
    package: str, origins: Mapping[str, str | None], /
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return what a package needs as its `__getattr__` and `__dir__` (PEP 562).

    Args:
        package: The package's `__name__`.
        origins: Name -> module it is imported from; None: it is itself a module of the package.

    >>> __getattr__, __dir__ = lazy_names("collections", {"abc": None})
    >>> __getattr__("abc").__name__
    'collections.abc'
    >>> __getattr__("nothing")
    Traceback (most recent call last):
    AttributeError: module 'collections' has no attribute 'nothing'
    """

    def get(name: str) -> object:
        if name not in origins:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        origin = origins[name]
        if origin is None:
            return import_module(f"{package}.{name}")
        value: object = getattr(import_module(origin), name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *origins})

    return get, names
