"""Write the reference of the Python interface from `__all__` and the docstrings.

The source is parsed, never imported: the page does not depend on installed extras. Public are the
rooms, their sub-packages and the modules in `OPEN`; a name is shown once, under the shortest path.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

__all__ = ["Symbol", "page", "public_modules", "symbols"]

# Modules that people import by their own name; other modules show through their package.
OPEN = (
    "hwbench.spaces.configspace",
    "hwbench.spaces.gpt_costs",
    "hwbench.spaces.upstream",
    "hwbench.surrogates.calibration",
    "hwbench.surrogates.encoding",
    "hwbench.surrogates.onnx_export",
)

_SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises):\s*$")
_EXAMPLE = re.compile(r"^(>>> .*?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
_ITEM = re.compile(r"^(\S[^:]*):\s+(.*)$")


@dataclass(frozen=True)
class Symbol:
    """One public name.

    Attributes:
        module: The dotted module that offers it.
        name: Its name there.
        home: The dotted module that defines it.
        node: Its definition.
        note: The text below the definition of a constant, if there is one.
    """

    module: str
    name: str
    home: str
    node: ast.stmt
    note: str


def public_modules(package: Path) -> dict[str, ast.Module]:
    """Parse the modules that show on the page, shortest path first."""
    found = {}
    for name, tree in _all_trees(package).items():
        parts = name.split(".")
        private = any(part.startswith("_") for part in parts) or parts[1:2] == ["cli"]
        is_room = len(parts) <= 2 or (package.parent / Path(*parts) / "__init__.py").exists()
        if not private and (is_room or name in OPEN) and _exported(tree):
            found[name] = tree
    return dict(sorted(found.items(), key=lambda item: (item[0].count("."), item[0])))


def symbols(package: Path) -> list[Symbol]:
    """List every public name of the package once, with its definition."""
    trees = _all_trees(package)
    seen: set[tuple[str, str]] = set()
    result = []
    for module, tree in public_modules(package).items():
        for name in _exported(tree):
            symbol = _resolve(module, name, trees)
            if symbol is not None and (symbol.home, name) not in seen:
                seen.add((symbol.home, name))
                result.append(symbol)
    return result


def page(package: Path) -> str:
    """Return the whole page in Markdown."""
    by_module: dict[str, list[Symbol]] = {name: [] for name in public_modules(package)}
    for symbol in symbols(package):
        by_module[symbol.module].append(symbol)
    modules = public_modules(package)
    parts = ["# Python interface\n\nEverything here is public; what is not here may change.\n"]
    parts += [f"- [`{name}`](#{_anchor(name)}) {_first_line(modules[name])}" for name in by_module]
    for name, members in by_module.items():
        parts.append(f"\n## {name}\n\n{_prose(ast.get_docstring(modules[name]) or '')}")
        parts.append(_elsewhere(_exported(modules[name]), members))
        parts += [_entry(symbol) for symbol in members]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"


def _elsewhere(exported: list[str], shown: list[Symbol]) -> str:
    rest = set(exported) - {symbol.name for symbol in shown}
    names = ", ".join(f"`{name}`" for name in sorted(rest))
    return f"\nAlso offered here: {names}.\n" if names else ""


def _all_trees(package: Path) -> dict[str, ast.Module]:
    trees = {}
    for file in sorted(package.rglob("*.py")):
        dotted = ".".join(file.relative_to(package.parent).with_suffix("").parts)
        trees[dotted.removesuffix(".__init__")] = ast.parse(file.read_text(encoding="utf-8"))
    return trees


def _exported(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and _assigned(node) == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]
    return []


def _resolve(module: str, name: str, trees: dict[str, ast.Module]) -> Symbol | None:
    """Follow re-exports from `module` to the definition of `name`; `None` if there is none."""
    home, wanted = module, name
    while home in trees:
        statements = list(_statements(trees[home].body))
        for node, following in pairwise([*statements, ast.Pass()]):
            if _defines(node, wanted):
                return Symbol(module, name, home, node, _text_of(following))
        origin = _origin(statements, wanted)
        if origin is None:
            return None
        home, wanted = origin
    return None


def _origin(statements: list[ast.stmt], name: str) -> tuple[str, str] | None:
    """Find the module, and the name there, that `name` is imported from."""
    for node in statements:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return node.module or "", alias.name
    return None


def _text_of(node: ast.stmt) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return node.value.value if isinstance(node.value.value, str) else ""
    return ""


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        if isinstance(node, ast.If):  # `if TYPE_CHECKING:` holds the lazy re-exports
            yield from _statements(node.body)


def _defines(node: ast.stmt, name: str) -> bool:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name == name
    return _assigned(node) == name


def _assigned(node: ast.stmt) -> str | None:
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
    elif isinstance(node, ast.AnnAssign):
        target = node.target
    else:
        return None
    return target.id if isinstance(target, ast.Name) else None


def _entry(symbol: Symbol) -> str:
    node = symbol.node
    if isinstance(node, ast.ClassDef):
        return _class_entry(symbol.name, node)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return f"\n### {symbol.name}\n\n{_signature(node)}\n\n{_documentation(node)}"
    if symbol.name.startswith("__"):
        return ""
    code = f"```python\n{_shortened(ast.unparse(node))}\n```"
    return f"\n### {symbol.name}\n\n{code}\n\n{_prose(symbol.note)}"


def _class_entry(name: str, node: ast.ClassDef) -> str:
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    parts = [f"\n### {name}\n\n```python\nclass {name}{f'({bases})' if bases else ''}\n```"]
    parts.append(f"\n{_documentation(node)}")
    for child in node.body:
        if isinstance(child, ast.FunctionDef) and _is_public(child):
            signature = f"{_signature(child)}\n\n{_documentation(child)}"
            parts.append(f"\n#### {name}.{child.name}\n\n{signature}")
    return "\n".join(parts)


def _is_public(node: ast.FunctionDef) -> bool:
    return not node.name.startswith("_") and ast.get_docstring(node) is not None


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    decorators = [ast.unparse(item) for item in node.decorator_list]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    if {"property", "cached_property"} & set(decorators):
        return f"```python\n{node.name}{returns.replace(' ->', ':', 1)}\n```"
    lines = [f"@{name}" for name in decorators if name in {"classmethod", "staticmethod"}]
    arguments = re.sub(r"^(self|cls)(, /, |, /|, |$)", "", ast.unparse(node.args))
    text = f"{node.name}({arguments}){returns}"
    if len(text) > 96:
        rows = ",\n    ".join(_split(arguments))
        text = f"{node.name}(\n    {rows},\n){returns}"
    return "```python\n" + "\n".join([*lines, text]) + "\n```"


def _split(arguments: str) -> list[str]:
    """Split at the commas that stand outside brackets."""
    parts, depth = [""], 0
    for letter in arguments:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _documentation(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return _prose(ast.get_docstring(node) or "")


def _prose(docstring: str) -> str:
    """Turn a Google-style docstring into Markdown: sections to lists, examples to code."""
    if not docstring:
        return ""
    text = _EXAMPLE.sub(r"```python\n\1\n```", inspect.cleandoc(docstring))
    return "\n".join(map(_paragraph, re.split(r"\n(?=\S)", text))).rstrip() + "\n"


def _paragraph(text: str) -> str:
    head, _, body = text.partition("\n")
    if _SECTION.match(head):
        return f"\n**{head.rstrip(':')}**\n\n{_items(inspect.cleandoc(body))}"
    return text


def _items(body: str) -> str:
    """Turn `name: text` lines with indented continuations into a Markdown list."""
    lines = []
    for line in body.splitlines():
        match = _ITEM.match(line)
        lines.append(f"- `{match[1]}`: {match[2]}" if match else f"  {line.strip()}".rstrip())
    return "\n".join(lines)


def _first_line(tree: ast.Module) -> str:
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def _shortened(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]} ..."


def _anchor(name: str) -> str:
    return re.sub(r"[^\w-]", "", name.lower())
