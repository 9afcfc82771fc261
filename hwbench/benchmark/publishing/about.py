"""What is said of a dataset as a whole: by its publisher, or by all of its sources alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date as Date
from typing import Final
from urllib.parse import urlsplit

from hwbench.benchmark.publishing.licences import Licence, find_licence
from hwbench.benchmark.publishing.sources import Origin, Sources
from hwbench.errors import DataError

__all__ = ["About", "Said", "settle"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")
_VERSION: Final = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True)
class Said:
    """What a publisher says; None is left to the sources.

    Attributes:
        licence: Identifier of the licence, on the Hub or in the SPDX list.
        citation: What to cite.
        homepage: Page of the dataset.
        creators: Who made it: persons' groups or projects.
        date: When it was published, "2026-01-31".
        version: Its version, three numbers.
    """

    licence: str | None = None
    citation: str | None = None
    homepage: str | None = None
    creators: tuple[str, ...] = ()
    date: str | None = None
    version: str = "1.0.0"


@dataclass(frozen=True)
class About:
    """What is known of a dataset as a whole.

    Attributes:
        name: Its name, as part of a path.
        licence: Its licence.
        citation: What to cite; None if nobody says.
        url: Its page, or that of its source.
        creators: Who made it.
        date: When it was published, or the newest date of its sources.
        version: Its version.
    """

    name: str
    licence: Licence
    citation: str | None
    url: str
    creators: tuple[str, ...]
    date: str
    version: str


def settle(name: str, said: Said, sources: Sources, /) -> About:
    """Put together what the publisher says and what the sources say; nothing is guessed.

    Raises:
        DataError: If something is missing, contradicts itself or cannot be read; says which option
            cures it.
        UnknownNameError: If there is no such licence.
    """
    found = sources.origins
    if not _NAME.fullmatch(name):
        raise DataError(f"--name needs letters, digits, '_', '.', '-', 96 at most; got {name!r}")
    if not _VERSION.fullmatch(said.version):
        raise DataError(f"--version needs three numbers, such as 1.0.0; got {said.version!r}")
    citations = dict.fromkeys(o.citation for o in found if o.citation)
    return About(
        name=name,
        licence=find_licence(said.licence or _licence(found)),
        citation=said.citation or "; ".join(citations) or None,
        url=_url(said.homepage or _page(found)),
        creators=said.creators or _creators(found),
        date=_date(said.date or sources.newest),
        version=said.version,
    )


def _licence(origins: tuple[Origin, ...]) -> str:
    named = [(origin.name, origin.licence) for origin in origins]
    return _agreed(named, "licence", "licences", "--licence, such as cc-by-4.0")


def _page(origins: tuple[Origin, ...]) -> str:
    named = [(origin.name, origin.url) for origin in origins]
    return _agreed(named, "page", "pages", "--homepage URL, the page of the dataset")


def _agreed(named: Sequence[tuple[str, str | None]], word: str, words: str, option: str) -> str:
    """Return what all sources say; ask for an option where one is silent or they differ."""
    silent = [name for name, value in named if value is None]
    if silent:
        raise DataError(f"{silent[0]} names no {word}; say {option}")
    found = sorted({str(value) for _, value in named})
    if len(found) > 1:
        raise DataError(f"the sources have several {words} ({', '.join(found)}); say {option}")
    return found[0]


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or re.search(r"\s", text):
        raise DataError(f"--homepage needs an address such as https://example.org; got {text!r}")
    return text


def _creators(origins: tuple[Origin, ...]) -> tuple[str, ...]:
    silent = [origin.name for origin in origins if origin.url is None]
    if silent:
        raise DataError(f"{silent[0]} does not say who made it; say --creator NAME")
    return tuple(dict.fromkeys(origin.name for origin in origins))


def _date(text: str | None) -> str:
    if text is None:
        raise DataError("the sources have no date; say --date, such as 2026-01-31")
    try:
        return Date.fromisoformat(text).isoformat()
    except ValueError:
        raise DataError(f"--date needs a day such as 2026-01-31; got {text!r}") from None
