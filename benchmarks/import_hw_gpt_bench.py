"""Time and peak memory of importing a whole HW-GPT-Bench checkout, beside plain unpickling.

    python benchmarks/import_hw_gpt_bench.py CHECKOUT [--jobs N]

Checks the imported repeats against plainly unpickled ones first. `pickle.load` is what upstream's
own scripts do with the files; it runs whatever a file says, so use it on files you trust.
"""

import argparse
import pickle
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from hwbench.data import find
from hwbench.data.hwgptbench import import_checkout
from hwbench.data.hwgptbench.layout import RAW_FOLDER
from hwbench.data.hwgptbench.workers import default_jobs

LIMIT_S, LIMIT_BYTES = 180, 4e9


def check_values(checkout: Path, tables: Path) -> None:
    latency = find(tables, space="gpt-s", device="a100", metric="latency_s")
    path = checkout / RAW_FOLDER / "latency_a100" / "efficiency_observations_0_2500.pkl"
    rows = pickle.loads(path.read_bytes())  # noqa: S301
    times = np.array([row["times_profiler_gpu"] for row in rows])
    first = latency.select(latency.chunk == 0)
    np.testing.assert_allclose(first.repeats, times / 1000, rtol=1e-15)


def time_plain_unpickling(checkout: Path) -> float:
    began = time.perf_counter()
    for folder in (checkout / RAW_FOLDER, *checkout.glob("arch_ppl_bench_*")):
        for path in folder.rglob("*observations*.pkl"):
            pickle.loads(path.read_bytes())  # noqa: S301
    return time.perf_counter() - began


def peak_bytes(jobs: int) -> int:
    """Bound the sum of all processes from above: every worker at the peak of the largest."""
    unit = 1 if sys.platform == "darwin" else 1024
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return (own + jobs * worker) * unit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--jobs", type=int, default=default_jobs())
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        report = import_checkout(options.checkout, out, jobs=options.jobs)
        memory = peak_bytes(options.jobs)
        check_values(options.checkout, out)
        written = sum(path.stat().st_size for path in out.rglob("*.parquet"))
    plain = time_plain_unpickling(options.checkout)
    rows = sum(table.rows for table in report.tables)
    print(f"files read         {report.files_read} ({len(report.missing)} missing)")
    print(f"tables             {len(report.tables)}, {rows} rows, {written / 1e6:.0f} MB")
    print(f"jobs               {options.jobs}")
    print(f"time               {report.seconds:.1f} s (limit {LIMIT_S} s)")
    print(f"plain unpickling   {plain:.1f} s; import / unpickling {report.seconds / plain:.2f}")
    print(f"peak memory        {memory / 1e9:.2f} GB, all processes (limit {LIMIT_BYTES / 1e9} GB)")


if __name__ == "__main__":
    main()
