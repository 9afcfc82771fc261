"""The rules of the house, checked on the source itself."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from docs import _api, _floors

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "hwbench"
SOURCES = sorted(PACKAGE.rglob("*.py"))
CHECKED = [
    *SOURCES,
    *sorted(path for folder in ("tests", "docs") for path in (ROOT / folder).rglob("*.py")),
]

HEAVY = ("torch", "sklearn", "xgboost", "pandas", "pyarrow", "onnxruntime", "onnx", "matplotlib")

RECIPE_FOLDERS = ("profiling", "surrogates", "search", "data")

MOST_LINES = 400

# Modules that run or rebuild what a file says.
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
ALLOWED = {
    # Processes; nothing is loaded from a file.
    "hwbench/processes.py": {"pickle", "pickle.dumps", "pickle.loads"},
    "hwbench/search/study/execution.py": {
        "joblib",
        "joblib.Parallel",
        "joblib.delayed",
        "joblib.parallel_config",
    },
    # Subclasses the unpickler to refuse all but numbers in HW-GPT-Bench's raw files.
    "hwbench/data/hwgptbench/unpickle.py": {
        "pickle",
        "pickle.Unpickler",
        "pickle.UnpicklingError",
    },
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_room_has_a_floor_and_a_purpose():
    assert set(_floors.rooms(PACKAGE)) - {_floors.TESTING} <= set(_floors.FLOORS)
    assert set(_floors.PURPOSES) == set(_floors.FLOORS)


def test_imports_go_down():
    upward = [
        f"{name_of(item.file)}:{item.line}: {item.room} imports {item.target}"
        for item in _floors.imports(PACKAGE)
        if item.room not in (item.target, _floors.TESTING)
        and (
            item.target == _floors.TESTING
            or _floors.FLOORS[item.target] >= _floors.FLOORS[item.room]
        )
    ]
    assert not upward, "\n".join(upward)


def test_an_upward_import_would_be_seen(tmp_path):
    package = tmp_path / "hwbench"
    package.mkdir()
    (package / "__init__.py").write_text("from hwbench.cli import main\n")
    text = "def f():\n    from hwbench.data import table\n    from hwbench import spaces, units\n"
    (package / "errors.py").write_text(text)
    found = {(item.room, item.target, item.line) for item in _floors.imports(package)}
    assert found == {("errors", "data", 2), ("errors", "spaces", 3), ("errors", "units", 3)}


def test_the_diagram_leaves_out_what_follows(tmp_path):
    package = tmp_path / "hwbench"
    package.mkdir()
    (package / "cli.py").write_text("import hwbench.units\nimport hwbench.errors\n")
    (package / "units.py").write_text("from hwbench.errors import HwbenchError\n")
    drawn = _floors.diagram(package)
    assert "cli --> units" in drawn
    assert "units --> errors" in drawn
    assert "cli --> errors" not in drawn


def test_nothing_unsafe_is_loaded():
    found = {
        (name_of(path), use)
        for path in SOURCES
        for use in unsafe_uses(path.read_text(encoding="utf-8"))
        if use not in ALLOWED.get(name_of(path), set())
    }
    assert not found


@pytest.mark.parametrize(
    ("text", "uses"),
    [
        ("import pickle, numpy", ["pickle"]),
        ("from pickle import loads", ["pickle.loads"]),
        ("pickle.load(file)", ["pickle.load"]),
        ("torch.load(file)", ["torch.load"]),
        ("torch.load(file, weights_only=True)", []),
        ("np.load(file, allow_pickle=True)", ["np.load(allow_pickle)"]),
        ("np.load(file, allow_pickle=False)", []),
        ("pd.read_pickle(file)", ["pd.read_pickle"]),
        ("eval(text)", ["eval"]),
        ("model.eval()", []),
    ],
)
def test_unsafe_uses_would_be_seen(text, uses):
    assert unsafe_uses(text) == uses


def unsafe_uses(text: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name in UNSAFE_MODULES]
        elif isinstance(node, ast.ImportFrom) and node.module in UNSAFE_MODULES:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in UNSAFE_MODULES:
            found.append(ast.unparse(node))
        elif isinstance(node, ast.Call):
            found += unsafe_call(node)
    return found


def unsafe_call(node: ast.Call) -> list[str]:
    called = ast.unparse(node.func)
    options = {item.arg: ast.unparse(item.value) for item in node.keywords}
    if options.get("allow_pickle", "False") != "False":
        return [f"{called}(allow_pickle)"]
    unsafe = (
        called in {"eval", "exec"}
        or called.endswith((".read_pickle", ".to_pickle"))
        or (called == "torch.load" and options.get("weights_only") != "True")
    )
    return [called] if unsafe else []


def test_files_stay_short():
    lengths = {name_of(path): path.read_text(encoding="utf-8").count("\n") for path in CHECKED}
    assert {name: count for name, count in lengths.items() if count > MOST_LINES} == {}


@pytest.mark.parametrize("folder", RECIPE_FOLDERS)
def test_recipe_folders_hold_no_python(folder):
    assert not list((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize(
    "code",
    [
        "import hwbench",
        "from hwbench.cli.main import cli; cli.get_help(__import__('click').Context(cli))",
        "import hwbench.errors, hwbench.units, hwbench.metrics, hwbench.spaces",
    ],
    ids=["import", "help", "lower floors"],
)
def test_heavy_packages_wait_until_they_are_needed(code):
    program = f"{code}\nimport sys\nprint(*sorted(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == []


def test_public_names_are_documented():
    symbols = _api.symbols(PACKAGE)
    definitions = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bare = [
        f"{symbol.home}.{symbol.name}"
        for symbol in symbols
        if isinstance(symbol.node, definitions) and not ast.get_docstring(symbol.node)
    ]
    assert symbols
    assert not bare


def test_modules_say_when_to_use_them():
    trees = {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
    assert [name for name, tree in trees.items() if not ast.get_docstring(tree)] == []
