"""Read an HTML page as a person does: its texts, and the rows of its tables."""

import re
from html.parser import HTMLParser

from hwbench.pipeline.page import read_story
from hwbench.pipeline.page.page import page
from tests.pipeline import made


class Reader(HTMLParser):
    """Collects texts, ids and rows of tables; complains of elements that do not close."""

    VOID = ("meta", "br", "wbr", "circle", "line", "rect", "use", "path")

    def __init__(self, text):
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        self.names: set[str] = set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "br" and {"td", "th"} & set(self.open):
            self.rows[-1][-1] += "|"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.names.add(tag)
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.texts.append(data.replace("\xa0", " "))
        if {"td", "th"} & set(self.open) and "title" not in self.open:
            self.rows[-1][-1] += self.texts[-1]

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.texts))


def told(tmp_path, results, **options):
    """Return the page of a pipeline with these results."""
    return page(read_story(made.make(tmp_path / "run", results, **options)))
