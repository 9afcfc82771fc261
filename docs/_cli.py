"""Write the reference of the command line from click's own help pages."""

from collections.abc import Iterator

import click

from hwbench.cli.main import EXIT_CODES, cli

__all__ = ["page", "walk"]

_WIDTH = 96

_HEAD = """# Command line

Results go to stdout: an aligned table, or with `--json` one JSON value (units in the names, numbers
that do not exist as `null`). Logs and progress go to stderr. Colours only appear on a terminal, and
never when `NO_COLOR` is set.

| exit code | meaning |
|---|---|
{codes}

Shell completion: put the line for your shell into its start-up file.

```bash
eval "$(_HWBENCH_COMPLETE=bash_source hwbench)"   # ~/.bashrc
eval "$(_HWBENCH_COMPLETE=zsh_source hwbench)"    # ~/.zshrc
_HWBENCH_COMPLETE=fish_source hwbench | source    # ~/.config/fish/completions/hwbench.fish
```
"""


def page() -> str:
    """Return the whole page in Markdown."""
    codes = "\n".join(f"| {code} | {text} |" for code, text in EXIT_CODES.items())
    sections = [_HEAD.format(codes=codes)]
    for path, _, context in walk():
        sections.append(f"## {path}\n\n```text\n{context.get_help()}\n```\n")
    return "\n".join(sections)


def walk() -> Iterator[tuple[str, click.Command, click.Context]]:
    """Yield the root command and every sub-command with its full name and a context."""
    root = cli.make_context(
        "hwbench",
        [],
        resilient_parsing=True,
        terminal_width=_WIDTH,
        max_content_width=_WIDTH,
        color=False,
    )
    yield from _walk(cli, root)


def _walk(
    command: click.Command, context: click.Context
) -> Iterator[tuple[str, click.Command, click.Context]]:
    yield context.command_path, command, context
    if not isinstance(command, click.Group):
        return
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        if child is not None and not child.hidden:
            yield from _walk(child, click.Context(child, info_name=name, parent=context))
