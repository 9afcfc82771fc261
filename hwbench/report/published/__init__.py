"""The published comparisons of HW-GPT-Bench, recomputed from its raw files, as one page.

`compare` imports a checkout, computes the tables asked for piece by piece, each kept, and writes
`published.html` and `published.md`. The command is `hwbench compare-published`.
"""

from __future__ import annotations

from hwbench.report.published.comparison import Outcome, compare
from hwbench.report.published.request import TABLES, Request

__all__ = ["TABLES", "Outcome", "Request", "compare"]
