"""`hwbench data`: turn raw measurements of others into tables, and publish tables and bundles."""

from collections.abc import Iterable
from pathlib import Path

import click

from hwbench.cli._data_publish import publish
from hwbench.cli._output import Column, command, json_option, write_fields, write_json, write_table
from hwbench.data.hwgptbench import COMMIT, ImportReport, import_checkout
from hwbench.data.hwgptbench.layout import SCALES
from hwbench.data.hwgptbench.readings import RULES
from hwbench.data.hwgptbench.report import REPORT_NAME, CampaignReport

__all__ = ["data", "import_hw_gpt_bench"]

_INCOMPLETE = 1


@click.group("data")
def data() -> None:
    """Import measured data, and publish tables and bundles."""


@command(
    "import-hw-gpt-bench",
    examples=[
        "hwbench data import-hw-gpt-bench HW-GPT-Bench --out tables",
        "hwbench data import-hw-gpt-bench HW-GPT-Bench --out tables --scale s --device a100",
        "hwbench data import-hw-gpt-bench HW-GPT-Bench --out tables --absent 7500_10000",
    ],
)
@click.argument("checkout", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the tables.",
)
@click.option(
    "--scale",
    "scales",
    multiple=True,
    type=click.Choice(list(SCALES)),
    help="Only this scale; may be given again.",
)
@click.option(
    "--device",
    "devices",
    multiple=True,
    metavar="NAME",
    help='Only this device, or "any": the metrics that need none; may be given again.',
)
@click.option(
    "--absent",
    multiple=True,
    metavar="RANGE",
    help="Files of this range are known to be absent (7500_10000); may be given again.",
)
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Processes.  [default: one a core, 8 at most]"
)
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@json_option
@click.pass_context
def import_hw_gpt_bench(
    ctx: click.Context,
    checkout: Path,
    out: Path,
    scales: tuple[str, ...],
    devices: tuple[str, ...],
    absent: tuple[str, ...],
    jobs: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Turn the raw files of HW-GPT-Bench into tables.

    CHECKOUT is a clone of github.com/automl/HW-GPT-Bench at commit c730d4b, the last with all raw
    files. Writes one Parquet file for each space, device, metric and protocol, in SI units with
    all repeats, and a report, import.json. Wrong units, labels and rows are put right or dropped,
    by rules that the report counts.

    The pickles are read without executing anything in them. A file that is missing or damaged is
    named on stderr, the rest is imported, and the exit code is 1.
    """
    report = import_checkout(
        checkout,
        out,
        scales=scales or None,
        devices=devices or None,
        absent=absent,
        jobs=jobs,
        progress=None if quiet else _progress,
    )
    if as_json:
        write_json(report.to_dict())
    else:
        _write(report, out)
    for line in (*_missing(report.campaigns), *_failed(report)):
        click.echo(line, err=True)
    if not report.complete:
        ctx.exit(_INCOMPLETE)


data.add_command(import_hw_gpt_bench)
data.add_command(publish)


def _progress(done: int, total: int, name: str) -> None:
    click.echo(f"[{done:{len(str(total))}}/{total}] {name}", err=True)


def _write(report: ImportReport, out: Path) -> None:
    commit = report.source["commit"]
    counts = f"{len(report.missing)} missing, {len(report.failed)} refused"
    write_fields(
        {
            "tables": f"{len(report.tables)} in {out} (report: {REPORT_NAME})",
            "rows": sum(table.rows for table in report.tables),
            "files": f"{report.files_read} read, {counts}, {len(report.ignored)} left out",
            "commit": f"{commit or 'not known'} (all raw files: {COMMIT[:7]})",
            "seconds": f"{report.seconds:.1f}",
        }
    )
    if report.dropped:
        click.echo()
        columns = [Column("rule"), Column("rows dropped", "right"), Column("meaning")]
        write_table(columns, [(rule, n, RULES[rule]) for rule, n in report.dropped.items()])


def _missing(campaigns: Iterable[CampaignReport]) -> list[str]:
    lines = []
    for campaign in campaigns:
        if campaign.missing and not campaign.files:
            lines.append(f"missing: {campaign.name}_*.pkl (all {len(campaign.missing)} files)")
        else:
            lines += [f"missing: {name}" for name in campaign.missing]
    return lines


def _failed(report: ImportReport) -> list[str]:
    return [f"refused: {file.error}" for file in report.failed]
