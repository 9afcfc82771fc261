"""`hwbench doctor`: the environment, the devices, and what each missing extra would add."""

from collections.abc import Sequence
from dataclasses import asdict

import click

from hwbench.cli import _environment as environment
from hwbench.cli._hardware import Hardware, hardware
from hwbench.cli._output import Column, command, json_option, write_fields, write_json, write_table

__all__ = ["doctor"]


@command("doctor", examples=["hwbench doctor", "hwbench doctor --json"])
@json_option
def doctor(as_json: bool) -> None:
    """Show the environment and what each extra would add.

    Lists the packages of every extra with their versions, what can be done with the extra, and the
    line that installs what is missing; and the devices that can be measured here, how their energy
    is read, and what to do where it cannot be. Paste its --json into a bug report.
    """
    packages, here = environment.extra_packages(), hardware()
    if as_json:
        write_json(_report(packages) | here.record())
        return
    write_fields(environment.machine())
    click.echo()
    _write_extras(packages)
    click.echo()
    _write_packages(packages)
    click.echo()
    _write_hardware(here)
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


def _write_hardware(here: Hardware) -> None:
    titles = ("device", "what it is", "kind", "id", "energy", "energy covers")
    rows = [(d.name, d.label, d.kind, d.id, d.energy, d.scope) for d in here.found]
    write_table([Column(title) for title in titles], rows)
    for what, why in here.problems():
        click.echo(f"\nnot here: {what}\n  why: {why.reason}\n  fix: {why.fix}")


def _lacking(packages: Sequence[environment.Package]) -> list[str]:
    return [package.name for package in packages if package.state != "ok"]
