"""Write the generated pages, or check that they are current.

    python -m docs.generate           # write
    python -m docs.generate --check   # exit 1 and show the difference where a page is out of date

Generated are `docs/cli.md`, `docs/api.md`, the marked parts of `docs/architecture.md`, and the
output inside the runnable console blocks of README.md and the guide.
"""

import argparse
import difflib
import re
import sys
import tempfile
from pathlib import Path

from docs import _api, _blocks, _cli, _floors

__all__ = ["PAGES_WITH_BLOCKS", "ROOT", "generated", "main", "outdated"]

ROOT = Path(__file__).resolve().parents[1]
PAGES_WITH_BLOCKS = ("README.md", "docs/guide.md", "docs/concepts.md")


def generated() -> dict[str, str]:
    """Return every generated page: path from the root -> text it should have."""
    package = ROOT / "hwbench"
    pages = {"docs/cli.md": _cli.page(), "docs/api.md": _api.page(package)}
    house = _read("docs/architecture.md")
    house = _fill(house, "floors", _floors.table(package))
    pages["docs/architecture.md"] = _fill(house, "imports", _floors.diagram(package))
    with tempfile.TemporaryDirectory() as folder:
        for name in PAGES_WITH_BLOCKS:
            pages[name] = _blocks.refresh(_read(name), Path(folder))
    return pages


def outdated() -> dict[str, str]:
    """Return the pages that are out of date: path -> difference, empty if all are current."""
    differences = {}
    for name, text in generated().items():
        old, new = _read(name).splitlines(), text.splitlines()
        lines = difflib.unified_diff(old, new, name, "generated", lineterm="")
        if difference := "\n".join(lines):
            differences[name] = difference
    return differences


def main() -> int:
    """Write the pages or, with `--check`, compare them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 on drift")
    if parser.parse_args().check:
        differences = outdated()
        sys.stderr.write("".join(f"{text}\n" for text in differences.values()))
        if differences:
            sys.stderr.write("out of date; run: python -m docs.generate\n")
        return 1 if differences else 0
    for name, text in generated().items():
        (ROOT / name).write_text(text, encoding="utf-8")
    return 0


def _read(name: str) -> str:
    path = ROOT / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _fill(page: str, mark: str, text: str) -> str:
    """Put `text` between `<!-- mark -->` and `<!-- /mark -->`."""
    pattern = rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)"
    return re.sub(pattern, lambda m: f"{m[1]}{text}\n{m[2]}", page, flags=re.DOTALL)


if __name__ == "__main__":
    sys.exit(main())
