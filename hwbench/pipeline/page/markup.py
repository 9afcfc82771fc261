"""Write HTML so that no text of the data can become markup: what is not `Html` is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

__all__ = ["Html", "element", "joined", "listing", "paragraph", "table"]

_VOID: Final = frozenset({"br", "wbr", "circle", "line", "rect"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def joined(parts: Iterable[str], /) -> Html:
    """Put parts behind each other; text is escaped."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts))


def element(name: str, /, *children: str, **attributes: str | None) -> Html:
    """Return an element.

    Args:
        name: Of the element, such as "td".
        children: `Html`, or text that is escaped.
        attributes: Their values, escaped; none where it is None. `class_` is `class`, and `_` in
            a name is `-`.

    >>> element("p", "a < b", class_="soft")
    '<p class="soft">a &lt; b</p>'
    """
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{told}>" if name in ("br", "wbr") else f"<{name}{told}/>")
    return Html(f"<{name}{told}>{joined(children)}</{name}>")


def paragraph(*children: str) -> Html:
    """Return a paragraph."""
    return element("p", *children)


def listing(items: Iterable[str], /) -> Html:
    """Return a list with bullets."""
    return element("ul", *(element("li", item) for item in items))


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], /) -> Html:
    """Return a table whose first column names its rows.

    Args:
        caption: What it shows; also told to those who do not see it.
        head: Titles of the columns.
        rows: As many cells as `head`.
    """
    titles = element("tr", *(element("th", title, scope="col") for title in head))
    body = [
        element("tr", element("th", row[0], scope="row"), *(element("td", c) for c in row[1:]))
        for row in rows
    ]
    inner = element(
        "table",
        element("caption", caption),
        element("thead", titles),
        element("tbody", *body),
        class_="data",
    )
    return element("div", inner, class_="wide")
