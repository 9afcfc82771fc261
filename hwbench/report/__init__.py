"""Reports: one self-contained HTML page of a search or a study, and plots of it for papers.

`read` takes the folder of a run or a study, `write_page` writes the page, `write_plots` the plots
(matplotlib, extra `report`).
"""

from __future__ import annotations

from hwbench.report.chapter import Chapter, Report
from hwbench.report.html import write_page
from hwbench.report.plots import write_plots
from hwbench.report.reading import read

__all__ = ["Chapter", "Report", "read", "write_page", "write_plots"]
