"""Search methods: each asks for architectures and is told what they are worth; one file each."""

from __future__ import annotations

from hwbench.search.methods.method import Method
from hwbench.search.methods.registry import METHODS, create, defaults, get, names, read_settings

__all__ = ["METHODS", "Method", "create", "defaults", "get", "names", "read_settings"]
