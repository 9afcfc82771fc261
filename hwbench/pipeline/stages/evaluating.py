"""Stage "evaluate": how good subnets are with the weights they inherit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final, cast

from hwbench.pipeline.recipe import PipelineRecipe
from hwbench.pipeline.stage import Outcome, Stage, Work
from hwbench.pipeline.stages import training

__all__ = ["NAME", "STAGE", "TABLES"]

NAME: Final = "evaluate"
TABLES: Final = "tables"


def _settings(recipe: PipelineRecipe) -> Mapping[str, Any]:
    return {"evaluate": asdict(recipe.evaluate)}


def _run(work: Work) -> Outcome:
    from hwbench.data.text import Part
    from hwbench.supernet.quality_files import evaluate_run, write_parquet, write_tables

    asked, folder = work.recipe.evaluate, work.folder(NAME)
    with training.computing(work.recipe) as own:
        found = evaluate_run(
            training.open_supernet(work, own),
            n=asked.n,
            part=cast(Part, asked.part),
            rows=asked.rows,
            seed=work.recipe.seed,
            journal=folder / "journal.jsonl",
            progress=_some(work),
        )
    write_parquet(found, folder / "quality.parquet")
    written = write_tables(found, folder / TABLES)
    values = found.column("perplexity")
    return Outcome(
        outputs=tuple(path.relative_to(folder).as_posix() for path in written),
        summary={"n": len(values), "perplexity": [min(values), max(values)]},
        tokens=sum(quality.tokens for quality in found.qualities),
    )


def _some(work: Work) -> Any:
    """Tell every twentieth of the progress."""

    def told(done: int, total: int) -> None:
        if done == total or done % max(total // 20, 1) == 0:
            work.say(f"{done}/{total} subnets")

    return told


STAGE: Final = Stage(
    NAME, "evaluate subnets with inherited weights", (training.NAME,), _settings, _run
)
