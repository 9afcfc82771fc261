"""`hwbench supernet`: train many networks in one, and see how good they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from hwbench.cli._output import command, json_option
from hwbench.cli._supernet import (
    require_torch,
    show_count,
    show_progress,
    told_where_to_go_on,
    write_qualities,
    write_result,
)
from hwbench.cli._supernet_leave import extract, retrain
from hwbench.cli._supernet_options import (
    DEVICE,
    DRAWS,
    FOLDER,
    POSITIVE,
    precision_option,
    rows_option,
)
from hwbench.cli._supernet_penalty import read_penalty
from hwbench.cli._supernet_search import search
from hwbench.errors import require

if TYPE_CHECKING:
    from hwbench.data.text import Part, TokenizerKind
    from hwbench.supernet.running import Precision

__all__ = ["supernet"]

_METHODS = ["tanglenas", "spos", "sandwich", "sandwich-distil"]
_DISTRIBUTIONS = ["drnas", "darts", "gdas", "reinmax"]


@click.group("supernet")
def supernet() -> None:
    """Train many networks in one, and see how good they are."""


@command(
    "train",
    examples=[
        "hwbench supernet train --space nano --out runs/nano",
        "hwbench supernet train --space nano --method spos --steps 4000 --out runs/spos",
        "hwbench supernet train --space small-lm --text corpus/ --device cuda --out runs/tangle",
        "hwbench supernet train --space nano --penalty 0.5 --limit 60k --out runs/limited",
        (
            "hwbench supernet train --space gpt-s --penalty 1 --penalty-on latency@h100 "
            "--bundle gpt-s --limit 8ms --out runs/fast"
        ),
    ],
)
@click.option("--space", "space_name", required=True, help="Which networks: nano, small-lm, gpt-s.")
@click.option(
    "--method",
    type=click.Choice(_METHODS),
    default="tanglenas",
    show_default=True,
    help="Learn an architecture by turns with the weights, or train subnets.",
)
@click.option(
    "--distribution",
    type=click.Choice(_DISTRIBUTIONS),
    default="drnas",
    show_default=True,
    help="For tanglenas: what is learned about architectures.",
)
@click.option(
    "--order",
    type=click.IntRange(1, 2),
    default=1,
    show_default=True,
    help="For tanglenas with darts: 2 looks one step ahead.",
)
@click.option(
    "--penalty",
    type=click.FloatRange(min=0, min_open=True),
    help="For tanglenas: what the loss pays for the largest network's cost, or for 100 % too much.",
)
@click.option(
    "--penalty-on",
    default="params",
    show_default=True,
    metavar="COST",
    help="params, flops, or what a bundle knows: latency@h100, energy@h100, memory@h100.",
)
@click.option("--bundle", help="A benchmark of the same space, for costs on a device.")
@click.option(
    "--limit", metavar="QUANTITY", help="Only what lies above this is paid for: 60k, 8ms, 900MB."
)
@click.option(
    "--text",
    default="stdlib",
    show_default=True,
    help="A file, a folder, hf:NAME:SPLIT:COLUMN, or stdlib: Python's own sources.",
)
@click.option("--vocab-size", type=POSITIVE, help="Most tokens.  [default: the network's]")
@click.option(
    "--tokenizer",
    type=click.Choice(["auto", "bpe", "bytes"]),
    default="auto",
    show_default=True,
    help="Byte pairs where the package tokenizers is installed, bytes otherwise.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the run.",
)
@click.option("--steps", type=POSITIVE, help="Updates of the weights.")
@click.option("--batch-size", type=POSITIVE, help="Sequences a micro-batch and process.")
@click.option("--context", type=POSITIVE, help="Tokens a sequence.")
@click.option("--accumulate", type=POSITIVE, help="Micro-batches a step.")
@click.option("--learning-rate", type=float, help="Of the weights, after the warm-up.")
@click.option("--arch-learning-rate", type=float, help="Of the distribution.")
@click.option("--dropout", type=float, help="Share of activations that are dropped.")
@precision_option(None)
@click.option("--checkpoint-every", type=POSITIVE, help="Steps between checkpoints.")
@click.option("--validate-every", type=click.IntRange(min=0), help="Steps between validations.")
@click.option("--log-every", type=POSITIVE, help="Steps a row of the log.")
@click.option("--keep", type=POSITIVE, help="Checkpoints that are kept.")
@click.option("--compile/--no-compile", default=None, help="Run through torch.compile.")
@click.option("--seed", type=click.IntRange(min=0), help="Of all that is drawn.")
@DEVICE
@json_option
def train(
    space_name: str,
    method: str,
    distribution: str,
    order: int,
    penalty: float | None,
    penalty_on: str,
    bundle: str | None,
    limit: str | None,
    text: str,
    vocab_size: int | None,
    tokenizer: str,
    out: Path,
    device: str,
    as_json: bool,
    **settings: Any,
) -> None:
    """Train a supernet, or go on where it stopped.

    Settings that are left out have the values of the space: for small-lm the paper's, for nano such
    that minutes on one processor core are enough. Ctrl-C keeps the step under way, and the same
    line goes on from it. Writes run.json, log.csv, validation.csv and checkpoints to the
    folder. Several GPUs: torchrun --nproc-per-node 4 -m hwbench supernet train ...
    """
    require_torch()
    from hwbench.supernet.starting import Asked, make_card, train_run
    from hwbench.supernet.training import preset, processes

    paid = read_penalty(space_name, strength=penalty, on=penalty_on, limit=limit, bundle=bundle)
    given = {name: value for name, value in settings.items() if value is not None}
    config = preset(space_name, **given)
    with processes(device) as own:
        kind = cast("TokenizerKind", tokenizer)
        asked = Asked(space_name, method, distribution, order, text, vocab_size, kind, paid.choice)
        card = make_card(asked, config, own)
        with told_where_to_go_on(aloud=own.first):
            result = train_run(card, out, own, report=show_progress, cost=paid.cost)
    if own.first:
        write_result(result, out, as_json=as_json)


@command(
    "evaluate",
    examples=[
        "hwbench supernet evaluate runs/spos --n 500 --out quality.parquet",
        "hwbench supernet evaluate runs/spos --n 500 --part test --tables tables/",
    ],
)
@FOLDER
@click.option("--n", type=POSITIVE, default=500, show_default=True, help="How many subnets.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Parquet file.  [default: quality.parquet in the folder of the run]",
)
@click.option(
    "--tables",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write tables there, for hwbench fit.",
)
@click.option(
    "--part",
    type=click.Choice(["validation", "test"]),
    default="validation",
    show_default=True,
    help="Which text.",
)
@rows_option(500)
@DRAWS
@click.option("--batch-size", type=POSITIVE, help="Sequences at once.")
@precision_option("fp32")
@DEVICE
@json_option
def evaluate(
    folder: Path,
    n: int,
    out: Path | None,
    tables: Path | None,
    part: str,
    rows: int,
    seed: int,
    batch_size: int | None,
    precision: str,
    device: str,
    as_json: bool,
) -> None:
    """Evaluate many subnets with the weights they inherit.

    FOLDER is the folder of a run. The largest and the smallest subnet come first, then distinct
    ones drawn per choice; losses are pooled over all tokens. Interrupt it and run the same line
    again: finished subnets are kept in a journal beside the file.
    """
    require_torch()
    require("pyarrow", "fit")  # for the file: say so before the subnets, not after
    from hwbench.supernet.quality_files import evaluate_run, write_parquet, write_tables
    from hwbench.supernet.runs import open_run
    from hwbench.supernet.training import processes

    target = out or folder / "quality.parquet"
    journal = target.with_name(f"{target.name}.journal.jsonl")
    with processes(device) as own:
        run = open_run(folder, device=own.device)
    found = evaluate_run(
        run,
        n=n,
        part=cast("Part", part),
        rows=rows,
        seed=seed,
        journal=journal,
        batch_size=batch_size,
        precision=cast("Precision", precision),
        progress=show_count,
    )
    write_parquet(found, target)
    written = [] if tables is None else write_tables(found, tables)
    journal.unlink(missing_ok=True)
    write_qualities(found, target, written, as_json=as_json)


supernet.add_command(train)
supernet.add_command(evaluate)
supernet.add_command(search)
supernet.add_command(retrain)
supernet.add_command(extract)
