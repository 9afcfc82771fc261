import importlib
import logging
import os
import shlex
import subprocess
import sys

import click
import pytest

import hwbench as package
from docs import _cli
from hwbench.cli import main as root
from hwbench.cli._output import Command
from hwbench.errors import MissingExtraError, SpaceError


@pytest.fixture
def failing(monkeypatch):
    """Make `hwbench spaces` raise what the test wants."""

    def prepare(error):
        def callback(**_):
            raise error

        monkeypatch.setattr("hwbench.cli.spaces.spaces.callback", callback)

    return prepare


def test_version(hwbench):
    result = hwbench("--version")
    assert (result.code, result.out) == (0, f"hwbench, version {package.__version__}\n")


def test_help_lists_every_command(hwbench):
    result = hwbench("--help")
    assert result.code == 0
    for name, entry in root.COMMANDS.items():
        assert any(line.split()[:1] == [name] for line in result.lines)
        assert entry.help.split()[0] in result.out


def test_help_of_an_entry_is_the_help_of_its_command():
    for name, entry in root.COMMANDS.items():
        command = getattr(importlib.import_module(entry.module), entry.attribute)
        assert command.name == name
        assert command.help.partition("\n")[0] == entry.help


def test_no_arguments_show_the_help_and_count_as_wrong_usage(hwbench):
    result = hwbench()
    assert result.code == 2
    assert result.out == ""
    assert "Usage: hwbench" in result.err


@pytest.mark.parametrize("path", [path for path, _, _ in _cli.walk()])
def test_every_command_has_help_and_examples_that_parse(path):
    command = next(command for name, command, _ in _cli.walk() if name == path)
    assert command.help
    if isinstance(command, click.Group):
        return
    assert isinstance(command, Command), "use hwbench.cli._output.command"
    assert command.examples
    for example in command.examples:
        words = shlex.split(example.partition("|")[0])
        depth = len(path.split())
        assert words[:depth] == path.split()
        command.make_context(path, words[depth:])


def test_examples_of_the_root_name_commands():
    assert {example.split()[1] for example in root.EXAMPLES} <= set(root.COMMANDS)


def test_every_option_has_help():
    silent = [
        f"{path} {parameter.name}"
        for path, command, _ in _cli.walk()
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help
    ]
    assert silent == []


def test_our_errors_are_one_line_and_exit_2(hwbench, failing):
    failing(SpaceError("no such thing"))
    result = hwbench("spaces")
    assert (result.code, result.out, result.err) == (2, "", "error: no such thing\n")


def test_a_missing_extra_is_one_line_too(hwbench, failing):
    failing(MissingExtraError("torch is not installed"))
    assert hwbench("spaces").err == "error: torch is not installed\n"


def test_a_missing_file_is_named(hwbench, failing):
    failing(FileNotFoundError(2, "No such file or directory", "archs.jsonl"))
    result = hwbench("spaces")
    assert (result.code, result.err) == (2, "error: archs.jsonl: No such file or directory\n")


def test_other_errors_are_not_hidden(failing):
    failing(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        root.main(["spaces"])


def test_an_os_error_without_a_file_is_not_hidden(failing):
    failing(OSError(12, "Cannot allocate memory"))
    with pytest.raises(OSError, match="Cannot allocate"):
        root.main(["spaces"])


def test_interrupted(hwbench, failing):
    failing(KeyboardInterrupt())
    result = hwbench("spaces")
    assert result.code == 130
    assert result.err.strip() == "interrupted"


def test_wrong_usage_shows_usage_and_reason(hwbench):
    result = hwbench("spaces", "--nope")
    assert result.code == 2
    assert result.err.startswith("Usage: hwbench spaces")
    assert result.err.splitlines()[-1].startswith("error: No such option")


def test_a_typo_is_offered_the_closest_command(hwbench):
    result = hwbench("spces")
    assert result.code == 2
    assert "did you mean 'spaces'?" in result.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("flags", "level"),
    [
        ([], logging.WARNING),
        (["-v"], logging.INFO),
        (["-vv"], logging.DEBUG),
        (["-vvv"], logging.DEBUG),
        (["-q"], logging.ERROR),
    ],
)
def test_log_level(hwbench, flags, level):
    hwbench(*flags, "spaces")
    assert logging.getLogger("hwbench").level == level


def test_logs_go_to_stderr(hwbench, monkeypatch):
    def callback(**_):
        logging.getLogger("hwbench.somewhere").info("at work")

    monkeypatch.setattr("hwbench.cli.spaces.spaces.callback", callback)
    result = hwbench("-v", "spaces")
    assert (result.out, result.err) == ("", "INFO hwbench.somewhere: at work\n")


def test_a_closed_pipe_is_quiet():
    """The reader goes away before the first line is written."""
    command = f"{shlex.quote(sys.executable)} -m hwbench spaces --json"
    done = subprocess.run(
        ["bash", "-c", f"(sleep 1; {command}; echo $? >&2) | true"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "1\n"


def test_colours_need_a_terminal(hwbench):
    assert "\x1b" not in hwbench("spaces").out


@pytest.mark.parametrize(("value", "coloured"), [("", True), ("1", False)])
def test_no_color_is_honoured(monkeypatch, value, coloured):
    def callback(**_):
        seen.append(click.get_current_context().color)

    seen: list[bool | None] = []
    monkeypatch.setenv("NO_COLOR", value)
    monkeypatch.setattr("hwbench.cli.spaces.spaces.callback", callback)
    root.cli.main(["spaces"], standalone_mode=False, color=True)
    assert seen == [coloured]


def test_shell_completion_offers_commands():
    environment = {
        "_HWBENCH_COMPLETE": "bash_complete",
        "COMP_WORDS": "hwbench do",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", "from hwbench.cli.main import main; main()"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "plain,doctor\n"


LOST = """
import os, signal, sys, time
from hwbench.cli import main
def command(*_, **__):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
    except KeyboardInterrupt:
        if sys.argv[1] == "swallow":
            time.sleep(60)
        raise ImportError("initialization failed") from None
main.cli.main = command
main.main([])
"""


@pytest.mark.skipif(os.name != "posix", reason="sends Ctrl-C")
@pytest.mark.parametrize("way", ["swallow", "turn into another error"])
def test_a_lost_ctrl_c_ends_the_command_all_the_same(way):
    """As code of others does it, on import or while an object dies."""
    done = subprocess.run(
        [sys.executable, "-c", LOST, way], capture_output=True, text=True, timeout=50
    )
    assert (done.returncode, done.stderr) == (130, "interrupted\n")
