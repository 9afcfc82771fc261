"""Small pictures and inline figures: SVG that follows the page's colours, light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from hwbench.errors import require
from hwbench.pipeline.page.markup import Html, element
from hwbench.report import drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["bar", "dots", "inline", "svg_text"]

_WIDTH: Final = 110.0
_EDGE: Final = 5.0
_VARIABLES: Final = {
    "#30363d": "var(--ink)",
    "#d9dee5": "var(--line)",
    "#ffffff": "var(--paper)",
    drawing.COLOURS[0]: "var(--blue)",
    drawing.EXACT: "var(--exact)",
}
_HEAD: Final = re.compile(r"<\?xml.*?</metadata>\s*<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
"""What stands before the drawing; its style would hold for the whole page."""
_FONTS: Final = re.compile(r"'DejaVu Sans'[^;\"]*")


def dots(values: Sequence[float], middle: float, told: str, /, *, low: float, high: float) -> Html:
    """Draw each value as a dot between `low` and `high`, and their middle as a stroke.

    Args:
        values: The dots.
        middle: The stroke.
        told: The values in words.
        low: Value of the left end.
        high: Value of the right end.
    """
    extent = (high - low) or 1.0
    places = [_EDGE + (v - low) / extent * (_WIDTH - 2 * _EDGE) for v in (middle, *values)]
    mean = f"{places[0]:.1f}"
    shapes = [element("line", x1="0", x2=f"{_WIDTH:g}", y1="8", y2="8", class_="rail")]
    shapes += [element("line", x1=mean, x2=mean, y1="2", y2="14", class_="mean")]
    shapes += [element("circle", cx=f"{x:.1f}", cy="8", r="3", class_="dot") for x in places[1:]]
    return _small(told, *shapes)


def bar(share: float, told: str, /) -> Html:
    """Draw a share of 1 as a bar."""
    full = f"{max(share, 0.005) * _WIDTH:.1f}"
    return _small(
        told,
        element("rect", x="0", y="3", width=f"{_WIDTH:g}", height="10", class_="rest"),
        element("rect", x="0", y="3", width=full, height="10", class_="share"),
    )


def _small(told: str, *shapes: Html) -> Html:
    size = {"width": f"{_WIDTH:g}", "height": "16", "viewBox": f"0 0 {_WIDTH:g} 16"}
    return element("svg", element("title", told), *shapes, role="img", class_="small", **size)


def svg_text(figure: Figure, /) -> str:
    """Return a figure as SVG: texts as text, the same bytes each time."""
    matplotlib = require("matplotlib", "report")
    out = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "hwbench"}):
        figure.savefig(out, format="svg", transparent=True, metadata=drawing.no_date("svg"))
    return out.getvalue()


def inline(figure: Figure, name: str, /, *, title: str, alt: str, tips: Mapping[str, str]) -> Html:
    """Return a figure as an SVG element for the page.

    Args:
        figure: What to show.
        name: Unique on the page.
        title: What it is.
        alt: What it shows, for those who do not see it.
        tips: Id of a part (`set_gid`) -> what is told when the pointer rests on it.
    """
    svg = svg_text(figure)
    (box,) = re.findall(r'viewBox="([\d. ]+)"', svg)
    text = _paint(_own_ids(_HEAD.sub("", svg).removesuffix("</svg>\n"), name))
    for part, told in tips.items():
        mark = f'<g id="{name}-{part}">'
        text = text.replace(mark, mark + element("title", told), 1)
    return element(
        "svg",
        element("title", title, id=f"{name}-title"),
        element("desc", alt, id=f"{name}-alt"),
        Html(text),
        viewBox=box,
        role="img",
        aria_labelledby=f"{name}-title {name}-alt",
    )


def _own_ids(text: str, name: str) -> str:
    text = re.sub(r'\bid="', f'id="{name}-', text)
    return re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", text)


def _paint(text: str) -> str:
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    return _FONTS.sub("system-ui, sans-serif", text)
