"""The floors of the house, and which room imports which: read from the source, nothing is imported.

A room is a module or a sub-package right below `hwbench`. It may import from floors below its own.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FLOORS", "PURPOSES", "Import", "diagram", "imports", "room_edges", "rooms", "table"]

FLOORS = {
    "errors": 1,
    "arrays": 1,
    "lazy": 1,
    "processes": 2,
    "spaces": 2,
    "units": 2,
    "metrics": 3,
    "models": 3,
    "data": 4,
    "profiling": 5,
    "supernet": 5,
    "surrogates": 5,
    "benchmark": 6,
    "search": 7,
    "report": 8,
    "pipeline": 9,
    "cli": 10,
}

PURPOSES = {
    "errors": "every error raised on purpose",
    "arrays": "names for array types",
    "lazy": "names that come on first use",
    "processes": "work in processes that end on Ctrl-C",
    "spaces": "search spaces, architectures, exact costs",
    "units": "reading and printing quantities",
    "metrics": "what can be measured or predicted",
    "models": "plain torch networks",
    "data": "tables of measurements, importers",
    "profiling": "measuring on real devices",
    "supernet": "training many networks in one",
    "surrogates": "estimators and predictors",
    "benchmark": "queries, bundles",
    "search": "problems, methods, studies",
    "report": "plots and pages",
    "pipeline": "the whole way, from training to verified answers",
    "cli": "one thin file a command",
}

# Stands outside: shipped contract tests, which may import anything and are imported by nobody.
TESTING = "testing"


@dataclass(frozen=True)
class Import:
    """One import statement of our own code.

    Attributes:
        file: The importing file.
        line: Where in it.
        room: The importing room.
        target: The imported room.
    """

    file: Path
    line: int
    room: str
    target: str


def rooms(package: Path) -> list[str]:
    """Name the rooms that exist below the package folder."""
    modules = {path.stem for path in package.glob("*.py") if not path.stem.startswith("__")}
    packages = {path.parent.name for path in package.glob("*/__init__.py")}
    return sorted(modules | packages)


def imports(package: Path) -> Iterator[Import]:
    """Yield every import between rooms, those inside functions and `TYPE_CHECKING` included.

    `hwbench/__init__.py` and `hwbench/__main__.py` are no rooms: they open the doors to all others.
    """
    for file in sorted(package.rglob("*.py")):
        if file.parent == package and file.stem.startswith("__"):
            continue
        room = file.relative_to(package).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for target in _targets(node, package.name):
                yield Import(file, getattr(node, "lineno", 0), room, target)


def room_edges(package: Path) -> list[tuple[str, str]]:
    """List which room imports which other, each pair once, sorted."""
    pairs = {(item.room, item.target) for item in imports(package)}
    return sorted((a, b) for a, b in pairs if a != b and TESTING not in (a, b))


def table(package: Path) -> str:
    """Draw the floors as a Markdown table, from the top; rooms still to be built are in italics."""
    built = set(rooms(package))
    lines = ["| floor | room | what for |", "|---|---|---|"]
    for room, floor in sorted(FLOORS.items(), key=lambda item: (-item[1], item[0])):
        name = f"`{room}`" if room in built else f"*{room}* (to come)"
        lines.append(f"| {floor} | {name} | {PURPOSES[room]} |")
    return "\n".join(lines)


def diagram(package: Path) -> str:
    """Draw who imports whom as a Mermaid graph, leaving out what follows from longer paths."""
    edges = room_edges(package)
    below: dict[str, set[str]] = {}
    for room, target in edges:
        below.setdefault(room, set()).add(target)
    kept = [
        (room, target)
        for room, target in edges
        if not any(_reaches(other, target, below) for other in below[room] - {target})
    ]
    lines = [f"    {room} --> {target}" for room, target in kept]
    return "\n".join(["```mermaid", "graph TD", *lines, "```"])


def _reaches(start: str, goal: str, below: dict[str, set[str]]) -> bool:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        room = waiting.pop()
        if room == goal:
            return True
        if room not in seen:
            seen.add(room)
            waiting.extend(below.get(room, ()))
    return False


def _targets(node: ast.AST, package: str) -> list[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module == package:
        names = [f"{package}.{alias.name}" for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.level == 0:
        names = [node.module or ""]
    else:
        return []
    parts = [name.split(".") for name in names]
    inside = [part[1] for part in parts if part[0] == package and len(part) > 1]
    return [room for room in inside if not room.startswith("__")]
