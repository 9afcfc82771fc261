"""`hwbench doctor`: the environment, and what each missing extra would add."""

from collections.abc import Sequence
from dataclasses import asdict

import click

from hwbench.cli import _environment as environment
from hwbench.cli._output import Column, command, json_option, write_fields, write_json, write_table

__all__ = ["doctor"]


@command("doctor", examples=["hwbench doctor", "hwbench doctor --json"])
@json_option
def doctor(as_json: bool) -> None:
    """Show the environment and what each extra would add.

    Lists the packages of every extra with their versions, what can be done with the extra, and the
    line that installs what is missing. Paste its --json into a bug report.
    """
    packages = environment.extra_packages()
    if as_json:
        write_json(_report(packages))
        return
    write_fields(environment.machine())
    click.echo()
    _write_extras(packages)
    click.echo()
    _write_packages(packages)
    click.echo(f"\nbundles: {', '.join(environment.bundle_names()) or 'none'}")


def install_line(extra: str) -> str:
    """Spell the command that installs one extra."""
    wanted = environment.DISTRIBUTION if extra == "base" else f"{environment.DISTRIBUTION}[{extra}]"
    return f"pip install '{wanted}'"


def _report(packages: dict[str, tuple[environment.Package, ...]]) -> dict[str, object]:
    return {
        **environment.machine(),
        "extras": {
            extra: {
                "adds": environment.PURPOSES[extra],
                "ready": not _lacking(needed),
                "install": install_line(extra) if _lacking(needed) else None,
                "packages": [asdict(package) for package in needed],
            }
            for extra, needed in packages.items()
        },
        "bundles": environment.bundle_names(),
    }


def _write_extras(packages: dict[str, tuple[environment.Package, ...]]) -> None:
    rows = [
        (extra, environment.PURPOSES[extra], install_line(extra) if _lacking(needed) else "ready")
        for extra, needed in packages.items()
    ]
    write_table([Column("extra"), Column("adds"), Column("state")], rows)


def _write_packages(packages: dict[str, tuple[environment.Package, ...]]) -> None:
    groups: dict[environment.Package, list[str]] = {}
    for extra, needed in packages.items():
        for package in needed:
            groups.setdefault(package, []).append(extra)
    columns = [
        Column("package"),
        Column("version"),
        Column("wanted"),
        Column("state"),
        Column("in"),
    ]
    write_table(
        columns,
        [(p.name, p.version, p.bounds, p.state, ", ".join(extras)) for p, extras in groups.items()],
    )


def _lacking(packages: Sequence[environment.Package]) -> list[str]:
    return [package.name for package in packages if package.state != "ok"]
