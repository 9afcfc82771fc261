"""The page of a pipeline: one HTML file that loads nothing and runs nothing."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from hwbench import __version__
from hwbench.data.files import write_text
from hwbench.pipeline.page import plots, sections
from hwbench.pipeline.page.answer import answer
from hwbench.pipeline.page.markup import Html, element, joined, paragraph
from hwbench.pipeline.page.reading import Story
from hwbench.pipeline.page.summary import head

__all__ = ["page", "write_page"]


def write_page(story: Story, path: str | Path, /) -> Path:
    """Write the page of a pipeline.

    Returns:
        Where it lies.

    Raises:
        MissingExtraError: If there is something to draw and matplotlib is not installed.
    """
    target = Path(path)
    write_text(target, page(story))
    return target


def page(story: Story, /) -> str:
    """Return the page of a pipeline; equal pipelines give equal pages."""
    ours, theirs = resources.files("hwbench.pipeline.page"), resources.files("hwbench.report")
    style = (theirs / "page" / "page.css").read_text(encoding="utf-8")
    parts = {
        "title": joined([f"{story.name} – hwbench pipeline"]),
        "style": style + (ours / "page.css").read_text(encoding="utf-8"),
        "body": _body(story),
    }
    template = (ours / "page.html").read_text(encoding="utf-8")
    # One pass: what is put in is not looked at again, whatever it holds.
    return re.sub(r"\{\{(title|style|body)\}\}", lambda found: parts[found[1]], template)


def _body(story: Story) -> Html:
    results = story.results
    later = [element("p", "Nothing yet: the verification has not run.", class_="soft")]
    quality = hardware = regret = found = later
    if results is not None:
        found = answer(results)
    if results is not None and story.verified:
        quality = sections.quality(results, plots.quality(results))
        hardware = sections.hardware(results, plots.hardware(results))
        regret = sections.regret(results, plots.regret(results))
    return joined(
        [
            head(story),
            _section("answer", "The answer", found),
            _section("quality", "Quality: does the order hold?", quality),
            _section("hardware", "Hardware: predicted and measured", hardware),
            _section("regret", "Regret: which search is best?", regret),
            _section("cost", "Cost", sections.cost(story)),
            _section("limits", "What it cannot tell", sections.cannot_tell(story)),
            _section("words", "The words", sections.words()),
            element("footer", paragraph(f"Written by hwbench {__version__}.")),
        ]
    )


def _section(name: str, title: str, parts: list[Html]) -> Html:
    return element("section", element("h2", title), *parts, id=name)
