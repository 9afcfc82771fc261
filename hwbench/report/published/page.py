"""The page of the published comparisons as one self-contained HTML file, without a script."""

from __future__ import annotations

import html
from collections.abc import Iterator
from importlib import resources
from typing import Final

from hwbench.report.published.document import Grid, Page, Section, labelled

__all__ = ["html_page"]

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """
body { max-width: 1360px; }
p, li { max-width: 62rem; }
h1 { margin-bottom: 0.6rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 0.5rem; padding-top: 1rem; }
h2 { border-top: 1px solid var(--line); }
h3 { font-size: 0.95rem; margin: 1.2rem 0 0.4rem; }
.data th.word, .data td.word { text-align: left; white-space: normal; }
.data th { white-space: normal; }
.data th, .data td { padding: 0.2rem 0.45rem; font-size: 0.84rem; }
.scroll { max-height: none; }
.facts { width: auto !important; }
.defects li { margin: 0.25rem 0; }
.source { color: var(--soft); }
nav a { color: var(--accent); margin-right: 1rem; }
"""


def html_page(page: Page, /) -> str:
    """Return the page; it asks the network for nothing."""
    style = (resources.files("hwbench.report") / "page" / "page.css").read_text(encoding="utf-8")
    body = "\n".join(_body(page))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{html.escape(page.title)}</title>\n<style>\n{style}{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _body(page: Page) -> Iterator[str]:
    yield f"<h1>{html.escape(page.title)}</h1>"
    yield from (f"<p>{html.escape(text)}</p>" for text in page.intro)
    links = (f'<a href="#s{k}">{html.escape(s.title)}</a>' for k, s in enumerate(page.sections))
    yield f"<nav>{''.join(links)}</nav>"
    if page.facts:
        yield _table(Grid("", ("read", ""), page.facts, words=2), kind="data facts")
    for number, section in enumerate(page.sections):
        yield from _section(section, number)
    yield f"<footer>{html.escape(page.footer)}</footer>"


def _section(section: Section, number: int) -> Iterator[str]:
    yield f'<h2 id="s{number}">{html.escape(section.title)}</h2>'
    for name, text in labelled(section):
        yield f"<p><b>{name}.</b> {html.escape(text)}</p>"
    for grid in section.grids:
        yield f"<h3>{html.escape(grid.title)}</h3>"
        yield _table(grid)
    if section.defects:
        yield "<h3>Known defects of upstream that touch this</h3>"
        items = "".join(
            f"<li><b>{html.escape(d.name)}</b>: {html.escape(d.text)} "
            f'<span class="source">({html.escape(d.source)})</span></li>'
            for d in section.defects
        )
        yield f'<ul class="defects">{items}</ul>'


def _table(grid: Grid, *, kind: str = "data") -> str:
    head = "".join(_cell(grid, k, text, "th") for k, text in enumerate(grid.columns))
    rows = (
        "<tr>" + "".join(_cell(grid, k, text, "td") for k, text in enumerate(row)) + "</tr>"
        for row in grid.rows
    )
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(grid: Grid, column: int, text: str, tag: str) -> str:
    word = ' class="word"' if column < grid.words else ""
    shade = "" if word or tag == "th" else _shade(grid, text)
    return f"<{tag}{word}{shade}>{html.escape(text)}</{tag}>"


def _shade(grid: Grid, text: str) -> str:
    """Return the style of a shaded number; nothing where it is none."""
    if grid.shade is None:
        return ""
    try:
        value = float(text)
    except ValueError:
        return ""
    share = min(max((value - grid.shade) / (1.0 - grid.shade), 0.0), 1.0)
    return f' style="background:rgb(0 114 178 / {0.55 * share:.2f})"'
