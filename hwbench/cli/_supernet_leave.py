"""`hwbench supernet retrain` and `extract`: one network by itself, trained and written."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from hwbench.cli._output import command, json_option, write_fields, write_json
from hwbench.cli._supernet import require_torch, told_where_to_go_on
from hwbench.cli._supernet_found import read_arch
from hwbench.cli._supernet_options import DEVICE, FOLDER, POSITIVE

if TYPE_CHECKING:
    from hwbench.supernet.extraction import Format
    from hwbench.supernet.retraining import Retrained, Start
    from hwbench.supernet.training import Progress

__all__ = ["extract", "retrain"]

_ARCH = click.option(
    "--arch",
    default="best",
    show_default=True,
    help="best (of the last search, or what tanglenas learned), largest, smallest, random, an "
    "architecture, or @FILE.",
)


@command(
    "retrain",
    examples=[
        "hwbench supernet retrain runs/spos --arch best",
        "hwbench supernet retrain runs/spos --arch best --start inherited --steps 200",
    ],
)
@FOLDER
@_ARCH
@click.option(
    "--start",
    type=click.Choice(["scratch", "inherited"]),
    default="scratch",
    show_default=True,
    help="Draw new weights, or go on from those of the supernet.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the training.  [default: in the folder of the run]",
)
@click.option(
    "--steps",
    type=POSITIVE,
    help="Updates.  [default: those of the supernet; a tenth for inherited weights]",
)
@click.option("--learning-rate", type=float, help="After the warm-up.  [default: as for steps]")
@click.option("--batch-size", type=POSITIVE, help="Sequences a micro-batch.")
@click.option("--seed", type=click.IntRange(min=0), help="Of the first weights and the batches.")
@DEVICE
@json_option
def retrain(
    folder: Path,
    arch: str,
    start: str,
    out: Path | None,
    device: str,
    as_json: bool,
    **settings: Any,
) -> None:
    """Train one architecture by itself, on the text the supernet saw.

    FOLDER is the folder of a run. The network is written to the folder `model` of the training; it
    is judged by the test part of the text, which no search and no training reads. Ctrl-C keeps
    the step under way, and the same line goes on from it.
    """
    require_torch()
    from hwbench.supernet.retraining import fine_tuning, retrain_run
    from hwbench.supernet.runs import open_run
    from hwbench.supernet.training import processes

    with processes(device) as own:
        run = open_run(folder, device=own.device)
        found = read_arch(arch, run)
        training = run.card.training
        if start == "inherited":
            training = fine_tuning(training)
        given = {name: value for name, value in settings.items() if value is not None}
        training = replace(training, **given)
        code = bytes(run.space.encode([found])[0]).hex()
        place = out or folder / "retrained" / f"{code}-{start}-s{training.seed}"
        with told_where_to_go_on(aloud=own.first):
            result = retrain_run(
                run,
                found,
                place,
                start=cast("Start", start),
                training=training,
                report=_report if own.first else None,
                processes=own,
            )
    if own.first:
        _write_retrained(result, as_json=as_json)


@command(
    "extract",
    examples=[
        "hwbench supernet extract runs/spos --arch best --out model/",
        "hwbench supernet extract runs/spos --arch largest --format hf --out model-hf/",
        "hwbench supernet extract runs/spos/retrained/NAME --format onnx --out model-onnx/",
    ],
)
@FOLDER
@_ARCH
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["plain", "hf", "onnx"]),
    default="plain",
    show_default=True,
    help="Our folder; the layout of Hugging Face's transformers; an ONNX graph.",
)
@click.option("--pad", is_flag=True, help="For hf: pad layers that differ with weights of zero.")
@click.option("--length", type=POSITIVE, help="For onnx: tokens of a sequence.  [default: most]")
@json_option
def extract(
    folder: Path,
    arch: str,
    out: Path,
    form: str,
    pad: bool,
    length: int | None,
    as_json: bool,
) -> None:
    """Write one network with its weights and its tokenizer.

    FOLDER is the folder of a run, whose subnet --arch is taken with the weights it inherits, or of
    a retraining, whose network it is. The logits are the same, in plain bit for bit.
    """
    require_torch()
    from hwbench.cli._supernet_networks import open_network
    from hwbench.supernet.extraction import write

    found = open_network(folder, arch)
    files = write(
        found.model,
        found.arch,
        found.space,
        out,
        form=cast("Format", form),
        tokenizer=found.tokenizer,
        pad=pad,
        length=length,
        about={"from": found.origin},
    )
    weights = sum(p.numel() for p in found.model.parameters())
    if as_json:
        record = {"architecture": str(found.arch), "params": weights, "from": found.origin}
        write_json({**record, "format": form, "files": [str(path) for path in files]})
        return
    names = ", ".join(path.name for path in files)
    fields = {"architecture": found.arch, "parameters": f"{weights:,}", "from": found.origin}
    write_fields({**fields, "wrote": f"{out}: {names}"})


def _report(progress: Progress) -> None:
    """Write one line; on a terminal the next one takes its place."""
    end = "\r\x1b[K" if sys.stderr.isatty() else ""
    click.echo(f"{end}{progress}", nl=not end or progress.step == progress.steps, err=True)


def _write_retrained(found: Retrained, *, as_json: bool) -> None:
    from hwbench.supernet.retraining import MODEL

    own, test = found.training.validation["network"], found.test
    if as_json:
        write_json(
            {
                "architecture": str(found.arch),
                "steps": found.training.step,
                "tokens": found.training.tokens,
                "seconds": found.training.seconds,
                "validation": {"loss": own.loss, "perplexity": own.perplexity},
                "test": {
                    "loss": test.loss,
                    "perplexity": test.perplexity,
                    "accuracy": test.accuracy,
                },
                "out": str(found.folder),
                "model": str(found.folder / MODEL),
            }
        )
        return
    write_fields(
        {
            "architecture": found.arch,
            "steps": found.training.step,
            "training loss": f"{found.training.loss:.4f}",
            "validation loss": f"{own.loss:.4f} (perplexity {own.perplexity:.2f})",
            "test loss": f"{test.loss:.4f} (perplexity {test.perplexity:.2f})",
            "seconds": f"{found.training.seconds:.1f}",
            "model": found.folder / MODEL,
        }
    )
