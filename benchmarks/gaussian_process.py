"""The small Gaussian process of the Bayesian methods beside scikit-learn's.

    python benchmarks/gaussian_process.py [--json benchmarks/results/gaussian_process.json]

All see the same architectures of gpt-s: ours with a kernel of sums over layers and one of layers,
scikit-learn's with the values of the choices, with one length in all, and with one for each of the
27 columns. Printed for each
metric and number of architectures, medians over the repeats: seconds to fit, error on 2,000 others
(root mean square, as a share of the metric's standard deviation), and the mean log density there,
for the metric in standard deviations (higher is better: it punishes false confidence, too).
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from hwbench.arrays import Codes, FloatArray
from hwbench.benchmark import load
from hwbench.search.methods.gaussian_process import GaussianProcess
from hwbench.search.methods.kernel import Features

SIZES, REPEATS, HELD_OUT = (50, 100, 200), 5, 2000
QUESTIONS = (("perplexity", None), ("latency_s", "h100"))

Predict = Callable[[Codes], tuple[FloatArray, FloatArray]]
Fit = Callable[[Features, Codes, FloatArray], Predict]


def ours(features: Features, codes: Codes, y: FloatArray) -> Predict:
    return GaussianProcess.fit(features, codes, y, rng=np.random.default_rng(0)).predict


def sklearn_with(n_lengths: int) -> Fit:
    def fit(features: Features, codes: Codes, y: FloatArray) -> Predict:
        center, spread, columns = y.mean(), y.std(), features.space.n_choices
        lengths = np.full(n_lengths, 0.5) if n_lengths > 1 else 0.5
        matern = Matern(lengths, length_scale_bounds=(0.05, 50.0), nu=2.5)
        kernel = ConstantKernel() * matern + WhiteKernel(1e-4, (1e-6, 1e-1))
        process = GaussianProcessRegressor(kernel, random_state=0)
        process.fit(features(codes)[:, :columns], (y - center) / spread)

        def predict(others: Codes) -> tuple[FloatArray, FloatArray]:
            mean, deviation = process.predict(features(others)[:, :columns], return_std=True)
            return center + mean * spread, deviation * spread

        return predict

    return fit


def score(
    fit: Fit, features: Features, codes: Codes, y: FloatArray, *, n: int, scale: float
) -> tuple[float, float, float]:
    """Return seconds to fit, error and log density of a process fitted to the first `n` rows."""
    began = time.perf_counter()
    predict = fit(features, codes[:n], y[:n])
    seconds = time.perf_counter() - began
    mean, deviation = predict(codes[-HELD_OUT:])
    wrong, deviation = (mean - y[-HELD_OUT:]) / scale, np.maximum(deviation / scale, 1e-6)
    density = -0.5 * (wrong / deviation) ** 2 - np.log(deviation) - 0.5 * np.log(2.0 * np.pi)
    return seconds, float(np.sqrt((wrong**2).mean())), float(density.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", help="write the figures to this file, too")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # lengths at their bounds
    bench = load("gpt-s")
    features = Features.of(bench.space)
    fits = {
        "ours": ours,
        "sklearn, one length": sklearn_with(1),
        "sklearn, one a column": sklearn_with(bench.space.n_choices),
    }
    rows = []
    for question in QUESTIONS:
        for n in SIZES:
            found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in fits}
            for repeat in range(REPEATS):
                rng = np.random.default_rng(repeat)
                codes = bench.space.sample_codes(n + HELD_OUT, rng)
                y = bench.predict_many(codes, [question])[:, 0]
                for name, fit in fits.items():
                    measured = score(fit, features, codes, y, n=n, scale=float(y.std()))
                    found[name].append(measured)
            for name, measured_all in found.items():
                seconds, error, density = np.median(measured_all, axis=0).tolist()
                row = {"metric": question[0], "n": n, "process": name}
                rows.append(row | {"fit_s": seconds, "error": error, "log_density": density})
                print(
                    f"{question[0]:12} {n:4} {name:22} {seconds:8.3f} s  error {error:.4f}  "
                    f"log density {density:6.2f}",
                    flush=True,
                )
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
