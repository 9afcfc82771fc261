"""A page of tables: sections, grids of text, and the same as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hwbench.report.published.defects import Defect

__all__ = ["Grid", "Page", "Section", "markdown"]


@dataclass(frozen=True)
class Grid:
    """A table of texts.

    Attributes:
        title: What stands above it.
        columns: Heads.
        rows: One text a column each.
        words: How many of the first columns hold words; the others hold numbers.
        shade: Shade numbers by their size, from this one (white) to 1 (dark).
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    shade: float | None = None


@dataclass(frozen=True)
class Section:
    """One comparison.

    Attributes:
        title: Headline.
        paper: What it answers to in the paper and in upstream's code.
        ours: What the numbers are: rows, split, protocol.
        differs: Why they are not the paper's numbers.
        grids: The tables.
        defects: What is known to be wrong upstream and touches these tables.
    """

    title: str
    paper: str
    ours: str
    differs: str
    grids: tuple[Grid, ...]
    defects: tuple[Defect, ...] = ()


@dataclass(frozen=True)
class Page:
    """The whole page.

    Attributes:
        title: Headline.
        intro: Paragraphs.
        sections: The comparisons.
        footer: Where it comes from.
        facts: What was read, name and value.
    """

    title: str
    intro: tuple[str, ...]
    sections: tuple[Section, ...]
    footer: str
    facts: tuple[tuple[str, str], ...] = field(default=())


def markdown(page: Page, /) -> str:
    """Return the page as Markdown."""
    return "\n\n".join(_blocks(page)) + "\n"


def _blocks(page: Page) -> Iterator[str]:
    yield f"# {page.title}"
    yield from page.intro
    if page.facts:
        yield _grid(Grid("", ("read", ""), page.facts, words=2))
    for section in page.sections:
        yield f"## {section.title}"
        yield from _said(section)
        for grid in section.grids:
            yield f"### {grid.title}"
            yield _grid(grid)
        if section.defects:
            yield "### Known defects of upstream that touch this"
            yield "\n".join(f"- {_defect(defect)}" for defect in section.defects)
    yield page.footer


def _said(section: Section) -> Iterable[str]:
    for name, text in labelled(section):
        yield f"**{name}.** {text}"


def labelled(section: Section, /) -> tuple[tuple[str, str], ...]:
    """Return what stands above the tables of a section: label and text."""
    return (
        ("In the paper and its code", section.paper),
        ("Here", section.ours),
        ("What differs", section.differs),
    )


def _defect(defect: Defect) -> str:
    return f"**{defect.name}**: {defect.text} ({defect.source})"


def _grid(grid: Grid) -> str:
    rule = ["---" if k < grid.words else "--:" for k in range(len(grid.columns))]
    lines = [grid.columns, rule, *grid.rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
