"""One self-contained HTML page: template, style and script of `page/`, and the data as JSON.

The page asks the network for nothing (its content security policy forbids it), and no text of the
data can become markup: the JSON holds no `<`, and the script writes text nodes only.
"""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import Final

from hwbench.report.chapter import Report
from hwbench.report.page_data import page_data

__all__ = ["MOST_BYTES", "page", "write_page"]

MOST_BYTES: Final = 2_000_000
"""No page is larger."""

_SCRIPTS: Final = ("core.js", "scatter.js", "panels.js", "study.js", "main.js")
_ESCAPES: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028"} | {
    "\u2029": "\\u2029"
}


def write_page(report: Report, path: str | Path, /) -> Path:
    """Write the page of a report.

    Returns:
        Where it lies.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    part.write_text(page(report), encoding="utf-8")
    return part.replace(target)


def page(report: Report, /) -> str:
    """Return the page of a report; it holds fewer architectures if it would grow too large."""
    shown = 3000
    while True:
        text = _filled(page_data(report, most=shown))
        if len(text.encode()) < MOST_BYTES or shown < 2 * len(report.chapters):
            return text
        shown //= 2


def safe_json(value: object, /) -> str:
    r"""Write JSON that may stand inside a script element.

    >>> safe_json("</script>")
    '"\\u003c/script\\u003e"'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return "".join(_ESCAPES.get(sign, sign) for sign in text)


def _filled(data: object) -> str:
    folder = resources.files("hwbench.report") / "page"
    parts = {
        "style": (folder / "page.css").read_text(encoding="utf-8"),
        "script": "\n".join((folder / n).read_text(encoding="utf-8") for n in _SCRIPTS),
        "data": safe_json(data),
    }
    template = (folder / "page.html").read_text(encoding="utf-8")
    # One pass: what is put in is not looked at again, whatever it holds.
    return re.sub(r"\{\{(style|script|data)\}\}", lambda found: parts[found[1]], template)
