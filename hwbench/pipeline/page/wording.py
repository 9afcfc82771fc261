"""Numbers and names as the page writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hwbench import units
from hwbench.pipeline.page.markup import Html, element, joined

__all__ = [
    "MISSING",
    "architecture",
    "counted",
    "interval",
    "method",
    "percent",
    "perplexity",
    "quantity",
    "span",
    "tau",
]

MISSING: Final = "–"
_FIXED: Final = "\N{NO-BREAK SPACE}"
_METHODS: Final = {
    "exact": "exact solver",
    "nsga2": "NSGA-II",
    "ls": "local search",
    "spos-es": "SPOS evolution",
    "random": "random feasible",
    "largest": "largest feasible",
}


def method(by: str, /) -> str:
    """Name what found an architecture."""
    return _METHODS.get(by, by)


def perplexity(value: float | None, /) -> str:
    """Write a perplexity with four digits.

    >>> perplexity(5.1)
    '5.100'
    """
    return MISSING if value is None else f"{value:#.4g}".rstrip(".")


def percent(share: float | None, /) -> str:
    r"""Write a share in per cent.

    >>> percent(0.0213)
    '2.1\xa0%'
    """
    return MISSING if share is None else f"{share * 100:z.1f}{_FIXED}%"


def tau(value: float | None, /) -> str:
    """Write a rank correlation."""
    return MISSING if value is None else f"{value:.2f}"


def quantity(value: float | None, unit: str, /) -> str:
    """Write a number of an SI unit with a readable prefix."""
    return MISSING if value is None else units.format(value, unit).replace(" ", _FIXED)


def interval(low: str, high: str, /) -> str:
    r"""Write an interval of two written numbers, the unit once.

    >>> interval("2.9\xa0ms", "3.1\xa0ms"), interval("900\xa0us", "1.1\xa0ms")
    ('2.9 to 3.1\xa0ms', '900\xa0us to 1.1\xa0ms')
    """
    number, _, unit = low.partition(_FIXED)
    return f"{number if unit == high.partition(_FIXED)[2] else low} to {high}"


def span(seconds: float | None, /) -> str:
    r"""Write how long something took.

    >>> span(0.03), span(300.1), span(5400)
    ('30\xa0ms', '5.0\xa0min', '1.5\xa0h')
    """
    if seconds is None:
        return MISSING
    if seconds < 120.0:
        return quantity(float(f"{seconds:.3g}"), "s")
    if seconds < 3600.0:
        return f"{seconds / 60:.1f}{_FIXED}min"
    return f"{seconds / 3600:.1f}{_FIXED}h"


def counted(number: int, noun: str, /) -> str:
    """Write a number with its noun: "1 problem", "2 problems"."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def architecture(text: str, details: Sequence[str] = (), /) -> Html:
    """Write an architecture so that it can be copied and breaks only between choices."""
    parts = text.split(":")
    pieces = [joined([part, ":" if k + 1 < len(parts) else ""]) for k, part in enumerate(parts)]
    code = element("code", Html(element("wbr").join(pieces)))
    told = element("span", ", ".join(details), class_="soft") if details else Html()
    return joined([code, Html("<br>") if details else Html(), told])
