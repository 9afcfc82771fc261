"""Studies: methods x seeds x problems x devices, run in parallel, resumable, summed up.

`Study.read` reads a study file, `execute` runs what is missing, `Outcome.load` judges what is there
and `write_results` writes it as tables.
"""

from __future__ import annotations

from hwbench.search.study.execution import BACKENDS, Progress, execute
from hwbench.search.study.files import write_results
from hwbench.search.study.outcome import Outcome
from hwbench.search.study.plan import Study

__all__ = ["BACKENDS", "Outcome", "Progress", "Study", "execute", "write_results"]
