import subprocess
import sys

HEAVY = ["scipy", "sklearn", "moocore", "pandas", "pymoo", "optuna", "ConfigSpace", "joblib"]


def test_searching_needs_numpy_only():
    program = f"""
import sys
import hwbench
from hwbench.search import BenchmarkEvaluator, Problem, adapters, run
from hwbench.search.methods import METHODS
bench = hwbench.load("gpt-s")
problem = Problem.parse(bench, minimize=["perplexity,latency"], devices=["h100"])
for name in METHODS:
    noise = "repeat" if name == "moasha" else None
    run(BenchmarkEvaluator(bench, problem, noise=noise), name, budget=30)
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
