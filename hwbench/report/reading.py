"""Read what a report is about from the folder of a run or a study."""

from __future__ import annotations

from pathlib import Path

from hwbench.benchmark import Benchmark, load
from hwbench.errors import DataError
from hwbench.report.chapter import Chapter, Report
from hwbench.search.run import RECORD, Run
from hwbench.search.study.layout import STUDY
from hwbench.search.study.proof import Proof

__all__ = ["read"]


def read(folder: str | Path, /, *, bundle: str | Path | None = None, prove: bool = True) -> Report:
    """Read the folder of a run or of a study.

    Args:
        folder: What `hwbench search --out` or `hwbench study run --out` wrote.
        bundle: Name or folder of the benchmark, if it is not one that ships.
        prove: Whether to work out the exact front of a run; a study brings its own.

    Raises:
        DataError: If the folder holds neither, or a run of another bundle.
        SchemaError: If it cannot be read.
        BundleError: If the bundle cannot be read.
    """
    source = Path(folder)
    if (source / STUDY).is_file():
        from hwbench.report.of_study import read_study

        return read_study(source, bundle=bundle)
    if (source / RECORD).is_file():
        return _read_run(source, bundle=bundle, prove=prove)
    raise DataError(f"{source} holds neither a run ({RECORD}) nor a study ({STUDY})")


def _read_run(source: Path, *, bundle: str | Path | None, prove: bool) -> Report:
    run = Run.load(source) if bundle is None else Run.load(source, space=load(bundle).space)
    bench = benchmark_of(run, bundle)
    codes = Proof.of(bench, run.problem).codes if prove else None
    chapter = Chapter(source.name or "run", bench, run.problem, (run,), codes)
    calls = f" ({run.calls} asked for)" if run.calls != len(run) else ""
    note = f"Found by {run.method}, seed {run.seed}: {len(run)} distinct evaluations{calls}."
    return Report(f"Search on {bench.name}", (chapter,), note)


def benchmark_of(run: Run, bundle: str | Path | None, /) -> Benchmark:
    """Load the benchmark that a run asked.

    Raises:
        DataError: If the bundle is not the one that the run asked, by its digest.
    """
    name = run.evaluator.get("benchmark")
    if bundle is None and not isinstance(name, str):
        raise DataError("the run did not ask a benchmark; name one with --bundle")
    bench = load(str(name) if bundle is None else bundle)
    wanted = run.evaluator.get("sha256")
    if wanted is not None and wanted != bench.sha256:
        raise DataError(
            f"the run asked the bundle {str(wanted)[:12]} of {name}, this is "
            f"{str(bench.sha256)[:12]}; name the right one with --bundle"
        )
    return bench
