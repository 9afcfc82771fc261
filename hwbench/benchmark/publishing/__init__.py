"""Publish measurements and benchmarks: a Hugging Face dataset with a card and Croissant metadata.

`publish` writes a folder that others can host as it is; nothing is uploaded. `check` compares such
a folder, or a copy of it, with its own description.
"""

from __future__ import annotations

from hwbench.benchmark.publishing.about import About, Said
from hwbench.benchmark.publishing.checking import Checked, check
from hwbench.benchmark.publishing.licences import LICENCES, Licence, find_licence
from hwbench.benchmark.publishing.writing import Published, publish

__all__ = [
    "LICENCES",
    "About",
    "Checked",
    "Licence",
    "Published",
    "Said",
    "check",
    "find_licence",
    "publish",
]
