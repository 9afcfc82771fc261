"""The pages are true: generated ones are current, blocks marked `run` run, examples parse."""

import re
import subprocess
import tomllib
from itertools import chain

import pytest

from docs import _api, _blocks, _cli, generate
from hwbench.cli._environment import PURPOSES

PAGES = ["README.md", *(f"docs/{path.name}" for path in (generate.ROOT / "docs").glob("*.md"))]
GENERATED = {"docs/cli.md", "docs/api.md"}


@pytest.fixture(scope="module")
def differences():
    return generate.outdated()


@pytest.mark.parametrize(
    "page", sorted({*GENERATED, "docs/architecture.md", *generate.PAGES_WITH_BLOCKS})
)
def test_page_is_current(differences, page):
    assert page not in differences, f"run python -m docs.generate\n{differences[page]}"


@pytest.mark.parametrize("page", sorted(set(PAGES) - GENERATED))
def test_python_blocks_run(page, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    shared: dict[str, object] = {"__name__": "__page__"}
    for block in _blocks.find((generate.ROOT / page).read_text(encoding="utf-8"), "python"):
        blank = "\n" * block.line  # so that a traceback names the line of the page
        exec(compile(blank + block.body, page, "exec"), shared)  # our own pages


def test_pages_with_console_blocks_are_refreshed():
    with_blocks = {
        page
        for page in set(PAGES) - GENERATED
        if list(_blocks.find((generate.ROOT / page).read_text(encoding="utf-8"), "console"))
    }
    assert with_blocks <= set(generate.PAGES_WITH_BLOCKS)


@pytest.mark.parametrize("page", sorted(PAGES))
def test_links_lead_somewhere(page):
    path = generate.ROOT / page
    text = path.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", re.sub(r"```.*?```", "", text, flags=re.S))
    files = [target for target in targets if "://" not in target]
    assert [name for name in files if not (path.parent / name).exists()] == []


def test_readme_shows_a_real_screen():
    text = (generate.ROOT / "README.md").read_text(encoding="utf-8")
    screen = re.search(r"<!-- screen -->\n(.*?)<!-- /screen -->", text, re.S)
    assert screen is not None
    (block,) = _blocks.find(screen[1], "console")
    assert all(command.output for command in _blocks.commands(block))


def test_readme_says_of_each_extra_what_doctor_says():
    text = (generate.ROOT / "README.md").read_text(encoding="utf-8")
    for extra, purpose in PURPOSES.items():
        if extra not in ("base", "dev"):
            assert f"| `pip install '.[{extra}]'` | {purpose} |" in text


def test_ci_runs_the_readme_test_command():
    """What the shell cuts out of the README is one line: install, then tests."""
    script = (generate.ROOT / ".ci" / "run").read_text(encoding="utf-8")
    cut = next(line for line in script.splitlines() if line.startswith("test_command="))
    done = subprocess.run(
        ["bash", "-c", f'{cut}\nprintf %s "$test_command"'],
        cwd=generate.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == 'pip install -e ".[dev]" -c constraints.txt && pytest -n 2'


def test_constraints_pin_every_requirement():
    """No requirement of the development install is left to float, torch least of all."""
    project = tomllib.loads((generate.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    wanted = {
        re.split(r"[^\w-]", line)[0].lower()
        for line in chain(project["project"]["dependencies"], *extras)
        if "== 'darwin'" not in line and not line.startswith("hwbench")
    }
    text = (generate.ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", text, re.M))
    assert wanted <= {name.lower() for name in pins}
    assert pins["torch"] == "2.13.0"


@pytest.mark.parametrize(
    ("docstring", "markdown"),
    [
        ("One line.", "One line.\n"),
        (
            "Do it.\n\nArgs:\n    x: The point,\n        on two lines.\n    y: Another.",
            "Do it.\n\n\n**Args**\n\n- `x`: The point,\n  on two lines.\n- `y`: Another.\n",
        ),
        ("Do it.\n\n>>> f(1)\n2", "Do it.\n\n```python\n>>> f(1)\n2\n```\n"),
    ],
)
def test_docstrings_become_markdown(docstring, markdown):
    assert _api._prose(docstring) == markdown


def test_long_signatures_break_at_top_level_commas():
    parts = _api._split("a: dict[str, int], /, *, b: tuple[int, ...]=(1, 2)")
    assert parts == ["a: dict[str, int]", "/", "*", "b: tuple[int, ...]=(1, 2)"]


def test_open_modules_exist():
    assert set(_api.OPEN) <= set(_api.public_modules(generate.ROOT / "hwbench"))


def test_blocks_are_found():
    page = (
        "x\n```python run\na = 1\n```\n```python\nb\n```\n```console run\n$ hwbench a\nb\nc\n```\n"
    )
    (python,) = _blocks.find(page, "python")
    (console,) = _blocks.find(page, "console")
    assert (python.body, python.line) == ("a = 1\n", 2)
    assert list(_blocks.commands(console)) == [_blocks.Command("hwbench a", "b\nc\n")]


def test_console_blocks_run_only_hwbench(tmp_path):
    with pytest.raises(ValueError, match="starts with `hwbench`"):
        _blocks.run_command("ls -l", tmp_path)


def test_console_blocks_show_what_is_printed(tmp_path):
    page = "```console run\n$ hwbench --version\nold\n```\n"
    version = _blocks.run_command("hwbench --version", tmp_path)
    assert _blocks.refresh(page, tmp_path) == f"```console run\n$ hwbench --version\n{version}```\n"


def test_every_command_is_in_the_reference():
    page = (generate.ROOT / "docs/cli.md").read_text(encoding="utf-8")
    assert [path for path, _, _ in _cli.walk() if f"\n## {path}\n" not in page] == []
