"""The page of a pipeline: what was trained, measured, fitted and found, and how far it held.

`read_story` reads the folder, `write_page` writes the page, `write_plots` its figures as files
(matplotlib, extra `report`).
"""

from __future__ import annotations

from hwbench.pipeline.page.page import write_page
from hwbench.pipeline.page.plots import write_plots
from hwbench.pipeline.page.reading import Story, is_pipeline, read_story

__all__ = ["Story", "is_pipeline", "read_story", "write_page", "write_plots"]
