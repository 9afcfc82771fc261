"""From nothing to a searched benchmark of this machine in minutes, all in one folder.

    plan -> measure -> calibrate -> search -> check -> report

Each step leaves its files in the folder: the journal of the measurements, the bundle, the run and
the exact front, the measurements of the answer, the page. The same call on the same folder goes on
where it was.
"""

from hwbench.pipeline.quickstart.result import Check, Quickstart, Wanted
from hwbench.pipeline.quickstart.steps import quickstart, ready
from hwbench.pipeline.quickstart.work import METRICS, PROTOCOL

__all__ = ["METRICS", "PROTOCOL", "Check", "Quickstart", "Wanted", "quickstart", "ready"]
