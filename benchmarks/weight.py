"""Start-up time, memory and disk space of a query, beside other packages people import.

    python benchmarks/weight.py [BUNDLE] [--install]

Each figure is the median over fresh processes. With --install the base install goes into a fresh
environment (this needs the network) and is measured on disk.
"""

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import hwbench

ROOT = Path(__file__).resolve().parents[1]
RUNS = 7
PEERS = ("numpy", "pandas", "sklearn", "xgboost", "onnxruntime", "torch")
HEAVY = ("torch", "sklearn", "xgboost", "pandas", "pyarrow", "onnxruntime", "scipy")
GOALS = {
    "import hwbench": (0.3, "s"),
    "hwbench.load, after numpy": (0.1, "s"),
    "hwbench query": (150e6, "bytes"),
    "base install": (300e6, "bytes"),
}

TIMED = """
import time, sys
{before}
wall, cpu = time.perf_counter(), time.process_time()
{code}
print(time.perf_counter() - wall, time.process_time() - cpu)
"""


def timed(code: str, before: str = "") -> tuple[float, float]:
    """Return wall and CPU seconds of some code in a fresh process."""
    program = TIMED.format(before=before, code=code)
    runs = []
    for _ in range(RUNS):
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        runs.append([float(word) for word in done.stdout.split()])
    wall, cpu = (statistics.median(column) for column in zip(*runs, strict=True))
    return wall, cpu


def peak_bytes(arguments: list[str]) -> tuple[float, float]:
    """Return peak memory and wall seconds of a whole process."""
    peaks = []
    for _ in range(RUNS):
        process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, arguments
        unit = 1 if sys.platform == "darwin" else 1024
        peaks.append([usage.ru_maxrss * unit, usage.ru_utime + usage.ru_stime])
    memory, cpu = (statistics.median(column) for column in zip(*peaks, strict=True))
    return memory, cpu


def loaded_by_a_query(bundle: str) -> list[str]:
    """Name the heavy packages that a query imports."""
    program = (
        f"import sys, hwbench; b = hwbench.load({bundle!r}); b.query_devices(b.space.smallest());"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def install_bytes() -> dict[str, int]:
    """Install hwbench alone into a fresh environment; return the size of each package."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        site = next(Path(folder).glob("lib/python*/site-packages"))
        before = {path.name for path in site.iterdir()}
        subprocess.run([python, "-m", "pip", "install", "--quiet", ROOT], check=True)
        return {
            path.name: sum(
                file.stat().st_size for file in [path, *path.rglob("*")] if file.is_file()
            )
            for path in site.iterdir()
            if path.name not in before
        }


def show(name: str, value: float, unit: str, note: str = "") -> None:
    text = f"{value * 1e3:.1f} ms" if unit == "s" else f"{value / 1e6:.1f} MB"
    goal, _ = GOALS.get(name, (None, unit))
    said = (
        ""
        if goal is None
        else f"goal {goal * 1e3:.0f} ms"
        if unit == "s"
        else f"goal {goal / 1e6:.0f} MB"
    )
    print(f"  {name:<42}{text:>12}  {said:<14}{note}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", nargs="?", default="gpt-s")
    parser.add_argument("--install", action="store_true", help="measure the base install on disk")
    options = parser.parse_args()
    load = f"hwbench.load({options.bundle!r})"
    ask = "bench.query_devices(bench.space.smallest())"

    print(f"CPU time, median of {RUNS} processes")
    ours = timed("import hwbench")[1]
    show("import hwbench", ours, "s")
    numpy = timed("import numpy")[1]
    show("import numpy, which every answer needs", numpy, "s")
    show("hwbench.load, after numpy", timed(load, "import hwbench, numpy")[1], "s")
    show("the first query", timed(ask, f"import hwbench; bench = {load}")[1], "s")
    whole = timed(f"import hwbench; bench = {load}; {ask}")[1]
    show("all of it, from `import hwbench` on", whole, "s")
    for name in PEERS[1:]:
        if importlib.util.find_spec(name):
            cpu = timed(f"import {name}")[1]
            show(f"import {name}", cpu, "s", f"x {cpu / whole:.1f} of all of it")

    print(f"\nPeak memory of a process, median of {RUNS}")
    arguments = ["-m", "hwbench", "query", options.bundle, "--arch", "random", "--json"]
    query = peak_bytes(arguments)[0]
    show("hwbench query", query, "bytes")
    show("python alone", peak_bytes(["-c", ""])[0], "bytes")
    for name in PEERS:
        if importlib.util.find_spec(name):
            peak = peak_bytes(["-c", f"import {name}"])[0]
            show(f"import {name}", peak, "bytes", f"x {peak / query:.1f} of the query")
    heavy = ", ".join(loaded_by_a_query(options.bundle)) or "none"
    print(f"  heavy packages a query imports: {heavy}")

    print("\nOn disk")
    package = Path(hwbench.__file__).parent
    for folder in sorted(path.parent for path in package.glob("bundles/*/manifest.json")):
        show(f"bundle {folder.name}", sum(f.stat().st_size for f in folder.iterdir()), "bytes")
    if options.install:
        sizes = install_bytes()
        show("base install", sum(sizes.values()), "bytes")
        for name, size in sorted(sizes.items(), key=lambda item: -item[1])[:5]:
            show(f"of it {name}", size, "bytes")


if __name__ == "__main__":
    main()
