"""Time of a query, beside XGBoost, onnxruntime and loading a model for each call.

    OMP_NUM_THREADS=2 python benchmarks/query_speed.py [BUNDLE] [--quick]

The rivals learn the benchmark's own latency and perplexity from 7,500 architectures, so that all
sides answer the same question; "our tables in onnxruntime" is the benchmark's model itself. First
it is checked that all sides agree as far as they should. Needs the extra [fit].
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import xgboost
from onnx import TensorProto, helper, numpy_helper

import hwbench
from hwbench.arrays import Codes, FloatArray
from hwbench.benchmark import Benchmark
from hwbench.benchmark.single import Stack
from hwbench.benchmark.terms import Terms
from hwbench.surrogates import OneHot, XGBoost
from hwbench.surrogates.onnx_export import export

GOAL_US, GOAL_RATE = 50.0, 1e6
COLUMNS = [("perplexity", None), ("latency_s", "h100")]


@dataclass(frozen=True)
class Line:
    """One measured way to ask."""

    name: str
    seconds: float
    note: str = ""


def median_time(ask: Callable[[object], object], items: Sequence[object]) -> float:
    """Return the median time of one call over different items, after a tenth as warm-up."""
    times = []
    for item in [*items[: len(items) // 10 + 1], *items]:
        began = time.perf_counter()
        ask(item)
        times.append(time.perf_counter() - began)
    return statistics.median(times[-len(items) :])


def best_time(ask: Callable[[], object], *, repeats: int = 5) -> float:
    """Return the shortest of some runs, after one as warm-up."""
    ask()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        ask()
        times.append(time.perf_counter() - began)
    return min(times)


def print_lines(title: str, lines: Sequence[Line], *, unit: str, scale: float) -> None:
    print(f"\n{title}")
    for line in lines:
        ratio = line.seconds / lines[0].seconds
        print(f"  {line.name:<44}{line.seconds * scale:>12.4g} {unit}  x {ratio:<9.4g}{line.note}")


# -- rivals ------------------------------------------------------------------------------------


class Rivals:
    """XGBoost for each of `COLUMNS`, in the ways it can be asked."""

    def __init__(self, bench: Benchmark, folder: Path) -> None:
        codes = bench.space.sample_codes(7500, np.random.default_rng(1))
        self.encode = OneHot.of(bench.space)
        self.fitted = [
            XGBoost(bench.space, random_state=0).fit(codes, bench.predict(codes, *column))
            for column in COLUMNS
        ]
        self.paths = [folder / f"{number}.ubj" for number in range(len(COLUMNS))]
        for path, fitted in zip(self.paths, self.fitted, strict=True):
            fitted.booster_.save_model(path)
        self.loaded = [xgboost.Booster(model_file=path) for path in self.paths]
        self.use_threads(1)
        self.sessions = [session(export(fitted.predictor())) for fitted in self.fitted]

    def use_threads(self, n: int) -> None:
        """Set the threads of XGBoost; for single rows more than one only costs time."""
        self.threads = n
        for model in self.loaded:
            model.set_param({"nthread": n})

    def xgboost(self, codes: Codes, number: int) -> FloatArray:
        """Ask a model that is loaded already."""
        raw = self.loaded[number].inplace_predict(self.encode(codes))
        return self.fitted[number].target_.inverse(raw)

    def load_and_predict(self, codes: Codes, number: int) -> FloatArray:
        """As HW-GPT-Bench asks its surrogates: the file is read again for every call."""
        model = xgboost.Booster({"nthread": self.threads}, model_file=self.paths[number])
        raw = model.predict(xgboost.DMatrix(self.encode(codes), nthread=self.threads))
        return self.fitted[number].target_.inverse(raw)

    def onnxruntime(self, codes: Codes, number: int) -> FloatArray:
        """Ask the same trees in another runtime; the graph encodes the codes itself."""
        return self.sessions[number].run(None, {"codes": codes.astype(np.int64)})[0]


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )


def tables_in_onnx(bench: Benchmark, metric: str, device: str | None) -> onnx.ModelProto:
    """Write one cell's tables as a graph: codes -> rows -> look-ups -> sum -> value."""
    model = bench.cell(metric, device).model
    terms = Terms.of(model)  # type: ignore[arg-type]  # the shipped cells are tables
    stack = Stack.of(bench.space, [terms])
    size = len(stack.unary)
    tables, start = [stack.unary[:, 0]], size
    offset = stack.offset.astype(np.int64)
    for pairs in stack.pairs:
        offset[:, pairs.columns] += start
        tables.append(pairs.table[:, 0])
        start += len(pairs.table)
    sizes = [len(choice) for choice in bench.space.shared]
    radix = np.zeros(bench.space.n_choices, dtype=np.int64)
    radix[: len(sizes)] = [int(np.prod(sizes[i + 1 :])) for i in range(len(sizes))]
    constants = {
        "weights": stack.weights.astype(np.int64),
        "radix": radix,
        "offset": offset,
        "table": np.concatenate(tables),
        "axis": np.array([1]),
    }
    nodes = [
        helper.make_node("MatMul", ["codes", "weights"], ["places"]),
        helper.make_node("MatMul", ["codes", "radix"], ["c"]),
        helper.make_node("Gather", ["offset", "c"], ["begin"]),
        helper.make_node("Add", ["places", "begin"], ["rows"]),
        helper.make_node("Gather", ["table", "rows"], ["terms"]),
        helper.make_node("ReduceSum", ["terms", "axis"], ["score"], keepdims=0),
        helper.make_node("Exp" if terms.log else "Identity", ["score"], ["value"]),
    ]
    codes = helper.make_tensor_value_info("codes", TensorProto.INT64, ["n", bench.space.n_choices])
    value = helper.make_tensor_value_info("value", TensorProto.DOUBLE, ["n"])
    initial = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "tables", [codes], [value], initial)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


# -- measurements ------------------------------------------------------------------------------


def check(bench: Benchmark, rivals: Rivals, ours: list[onnxruntime.InferenceSession]) -> None:
    codes = bench.space.sample_codes(500, np.random.default_rng(2))
    values = bench.predict_many(codes, COLUMNS)
    for number, column in enumerate(COLUMNS):
        graph = ours[number].run(None, {"codes": codes.astype(np.int64)})[0]
        np.testing.assert_allclose(graph, values[:, number], rtol=1e-9)
        trees = rivals.onnxruntime(codes, number)
        for rival in (rivals.xgboost, rivals.load_and_predict):
            np.testing.assert_allclose(rival(codes, number), trees, rtol=1e-4)
        error = np.mean(np.abs(trees / values[:, number] - 1.0))
        print(f"{column[0]}: XGBoost is off by {error:.2%} of the table's value on average")
    one = bench.query(codes[0], "h100")
    np.testing.assert_allclose([one[m] for m, _ in COLUMNS], values[0], rtol=1e-9)


def one_architecture(
    bench: Benchmark, rivals: Rivals, ours: list[onnxruntime.InferenceSession], n: int
) -> float:
    rng = np.random.default_rng(3)
    archs = [bench.space.sample(rng) for _ in range(n)]
    codes = list(bench.space.encode(archs)[:, None])
    devices = [name for name in bench.devices if "energy_j" in bench.metrics(name)]
    cells = len(devices) * len(bench.metrics(devices[0]))
    everything = median_time(lambda arch: bench.query_devices(arch, devices), archs)
    lines = [
        Line(f"all metrics of {len(devices)} devices, with limits", everything),
        Line(
            "the same from codes", median_time(lambda c: bench.query_devices(c[0], devices), codes)
        ),
        Line("the same from text", median_time(bench.query_devices, [str(a) for a in archs])),
        Line("all metrics of one device", median_time(lambda a: bench.query(a, "h100"), archs)),
    ]
    print_lines(f"One architecture, {cells} metrics at once", lines, unit="us", scale=1e6)
    number, (metric, device) = 1, COLUMNS[1]
    few = codes[: max(20, n // 20)]
    lines = [
        Line(
            "hwbench, asked for it alone",
            median_time(lambda a: bench.query(a, device, metrics=[metric], interval=None), archs),
        ),
        Line("hwbench, its share of the query above", everything / cells),
        Line(
            "our tables in onnxruntime",
            median_time(lambda c: ours[number].run(None, {"codes": c.astype(np.int64)}), codes),
        ),
        Line("XGBoost in onnxruntime", median_time(lambda c: rivals.onnxruntime(c, number), codes)),
        Line("XGBoost", median_time(lambda c: rivals.xgboost(c, number), codes)),
        Line(
            "XGBoost loaded for each call (upstream's way)",
            median_time(lambda c: rivals.load_and_predict(c, number), few),
        ),
    ]
    print_lines("One architecture, one metric of one device", lines, unit="us", scale=1e6)
    return everything


def batch(
    bench: Benchmark, rivals: Rivals, ours: list[onnxruntime.InferenceSession], n: int
) -> float:
    codes = bench.space.sample_codes(n, np.random.default_rng(4))
    rivals.use_threads(2)
    both = range(len(COLUMNS))
    lines = [
        Line("hwbench", best_time(lambda: bench.predict_many(codes, COLUMNS))),
        Line(
            "our tables in onnxruntime",
            best_time(lambda: [ours[k].run(None, {"codes": codes.astype(np.int64)}) for k in both]),
        ),
        Line(
            "XGBoost in onnxruntime",
            best_time(lambda: [rivals.onnxruntime(codes, k) for k in both], repeats=2),
        ),
        Line("XGBoost", best_time(lambda: [rivals.xgboost(codes, k) for k in both], repeats=2)),
    ]
    rated = [Line(x.name, x.seconds, f"{n / x.seconds / 1e6:.3g} M/s") for x in lines]
    print_lines(
        f"{n} architectures, perplexity and latency of one device", rated, unit="ms", scale=1e3
    )
    parts = [
        Line("both metrics, as above", lines[0].seconds),
        Line("of it, checking the codes", best_time(lambda: bench.space.canonical(codes))),
        Line("of it, perplexity", best_time(lambda: bench.predict(codes, *COLUMNS[0]))),
        Line("of it, latency", best_time(lambda: bench.predict(codes, *COLUMNS[1]))),
    ]
    print_lines(
        "What takes the time (each but the first line with its own check)",
        parts,
        unit="ms",
        scale=1e3,
    )
    return n / lines[0].seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", nargs="?", default="gpt-s")
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    options = parser.parse_args()
    bench = hwbench.load(options.bundle)
    with tempfile.TemporaryDirectory() as folder:
        rivals = Rivals(bench, Path(folder))
        ours = [session(tables_in_onnx(bench, *column)) for column in COLUMNS]
        check(bench, rivals, ours)
        single = one_architecture(bench, rivals, ours, 200 if options.quick else 2000)
        rate = batch(bench, rivals, ours, 10_000 if options.quick else 100_000)
    print(f"\none architecture: {single * 1e6:.1f} us (goal: under {GOAL_US:.0f} us)")
    print(f"batch: {rate / 1e6:.2f} M architectures/s (goal: over {GOAL_RATE / 1e6:.0f} M/s)")
    print("on one thread; the limit is one table look-up for each layer and pair of layers")


if __name__ == "__main__":
    main()
