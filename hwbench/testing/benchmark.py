"""The contract of a benchmark. Inherit `BenchmarkContract` in a test class and return yours.

All ways of asking must give one answer; the answers must be those of the bundle's own models.
"""

from __future__ import annotations

import json
import math
import tempfile
from abc import ABC, abstractmethod

import numpy as np
import pytest

from hwbench import metrics
from hwbench.arrays import Codes, FloatArray
from hwbench.benchmark.benchmark import Benchmark
from hwbench.benchmark.closed_forms import ClosedForm
from hwbench.benchmark.loading import load, save
from hwbench.errors import DataError, ShapeError, SpaceError, UnknownNameError

__all__ = ["BenchmarkContract"]

_N = 40
_RTOL = 1e-12


class BenchmarkContract(ABC):
    """Tests that every benchmark passes."""

    @abstractmethod
    def benchmark(self) -> Benchmark:
        """Return the benchmark under test."""

    def codes(self) -> Codes:
        """Return some random codes, the smallest and the largest architecture."""
        space = self.benchmark().space
        drawn = space.sample_codes(_N, np.random.default_rng(0))
        return np.concatenate([drawn, space.encode([space.smallest(), space.largest()])])

    def columns(self) -> list[tuple[str, str | None]]:
        """Return every metric with every device that has it, or None."""
        bench = self.benchmark()
        columns: list[tuple[str, str | None]] = [(name, None) for name in bench.metrics()]
        for device in bench.devices:
            own = [name for name in bench.metrics(device) if metrics.get(name).needs_device]
            columns += [(name, device) for name in own]
        return columns

    def test_metrics_are_known(self) -> None:
        """Names of metrics are those of `hwbench.metrics`, and every device has one."""
        bench = self.benchmark()
        for device in bench.devices:
            assert bench.metrics(device)
            assert set(bench.metrics(device)) <= set(metrics.names())
        assert not any(metrics.get(name).needs_device for name in bench.metrics())

    def test_answers_are_those_of_the_models(self) -> None:
        """`predict_many` says what the models of the cells say, within what a metric can be."""
        bench, codes, columns = self.benchmark(), self.codes(), self.columns()
        values = bench.predict_many(codes, columns)
        assert values.shape == (len(codes), len(columns))
        for k, (metric, device) in enumerate(columns):
            model = bench.cell(metric, device).model
            if isinstance(model, ClosedForm):
                expected = model.predict(bench.space, codes)
                np.testing.assert_array_equal(values[:, k], expected)
            else:
                inside = np.clip(model.predict(codes), *_range(metric))
                np.testing.assert_allclose(values[:, k], inside, rtol=_RTOL)

    def test_one_answer_however_it_is_asked(self) -> None:
        """`query`, `query_devices`, `query_many`, `predict` and `bounds` agree."""
        bench, codes = self.benchmark(), self.codes()[-4:]
        table = bench.query_many(codes)
        for row, code in enumerate(codes):
            found = bench.query_devices(code)
            assert list(found) == list(bench.devices)
            for column, device in enumerate(bench.devices):
                one = bench.query(code, device)
                _agree(one, found[device])
                line = table.iloc[row * len(bench.devices) + column].to_dict()
                assert bench.space.parse(line.pop("architecture")) == bench.space.decode([code])[0]
                assert line.pop("device") == device
                _agree(one, {k: v for k, v in line.items() if k in one})
                assert all(math.isnan(v) for k, v in line.items() if k not in one)
        for metric, place in self.columns():
            values = bench.predict(codes, metric, place)
            lower, upper = bench.bounds(codes, metric, place)
            for row, code in enumerate(codes):
                one = bench.query(code, place, metrics=[metric])
                same = [values[row], lower[row], upper[row]]
                _agree(one, dict(zip(_keys(metric), same, strict=True)))

    def test_rows_are_independent(self) -> None:
        """A batch answers as its rows do, in any order; no row is fine, too."""
        bench, codes, columns = self.benchmark(), self.codes(), self.columns()
        values = bench.predict_many(codes, columns)
        np.testing.assert_allclose(
            bench.predict_many(codes[::-1], columns), values[::-1], rtol=_RTOL
        )
        single = np.concatenate([bench.predict_many(code[None], columns) for code in codes])
        np.testing.assert_allclose(single, values, rtol=_RTOL)
        assert bench.predict_many(codes[:0], columns).shape == (0, len(columns))
        assert len(bench.query_many(codes[:0])) == 0

    def test_every_form_of_an_architecture_reads(self) -> None:
        """A value, its text, its dict, its code and a code with unused entries are one."""
        bench, space = self.benchmark(), self.benchmark().space
        for code in self.codes()[:5]:
            arch = space.decode(code[None])[0]
            filled = np.where(space.active(code), code, space.cardinalities - 1)
            expected = bench.query_devices(arch)
            for form in (str(arch), arch.to_dict(), code, code.tolist(), filled):
                assert bench.query_devices(form) == expected
            assert bench.query(code) == bench.query(arch)

    def test_limits_enclose_and_nest(self) -> None:
        """Limits are ordered, wider for a higher level, and the value itself for a formula."""
        bench, codes = self.benchmark(), self.codes()
        for metric, device in self.columns():
            values = bench.predict(codes, metric, device)
            low, high = bench.bounds(codes, metric, device, interval=0.5)
            lower, upper = bench.bounds(codes, metric, device, interval=0.95)
            assert ((lower <= low) & (low <= high) & (high <= upper)).all()
            least, most = bench.bounds(codes, metric, device, interval=0.95, visit="measured")
            assert ((lower <= least) & (least <= most) & (most <= upper)).all()
            if bench.cell(metric, device).exact:
                np.testing.assert_array_equal(lower, values)
                np.testing.assert_array_equal(upper, values)

    def test_values_are_possible(self) -> None:
        """No value or limit is negative, no share exceeds 1."""
        bench, codes = self.benchmark(), self.codes()
        for metric, device in self.columns():
            low, high = _range(metric)
            numbers: list[FloatArray] = [bench.predict(codes, metric, device)]
            numbers += bench.bounds(codes, metric, device, interval=0.99)
            for values in numbers:
                assert np.isfinite(values).all()
                assert ((values >= low) & (values <= high)).all()

    def test_noise_is_drawn_only_when_asked_for(self) -> None:
        """The same generator draws the same; limits and exact metrics stay; no generator, no."""
        bench, code = self.benchmark(), self.codes()[0]
        plain = bench.query_devices(code)
        assert bench.query_devices(code) == plain
        for noise in ("repeat", "session"):
            first, again, other = (
                bench.query_devices(code, noise=noise, rng=np.random.default_rng(seed))
                for seed in (1, 1, 2)
            )
            assert first == again
            assert first != other or all(cell.exact for cell in bench.bundle.cells)
            for device, found in first.items():
                for name, value in found.items():
                    drawn = name in metrics.METRICS and not bench.cell(name, device).exact
                    assert drawn or value == plain[device][name]
        with pytest.raises(DataError, match="generator"):
            bench.query(code, bench.devices[0], noise="repeat")

    def test_a_choice_of_metrics_and_no_limits(self) -> None:
        """Only what is asked for comes back; short names do."""
        bench, code, device = self.benchmark(), self.codes()[0], self.benchmark().devices[0]
        everything = bench.query(code, device)
        for name in bench.metrics(device):
            short = metrics.get(name).short
            found = bench.query(code, device, metrics=[short], interval=None)
            assert list(found) == [name]
            _agree(found, {name: everything[name]})

    def test_one_name_needs_no_list(self) -> None:
        """A text where several names may stand is one name, and any iterable of them will do."""
        bench, codes, device = self.benchmark(), self.codes()[:2], self.benchmark().devices[-1]
        metric = bench.metrics(device)[0]
        found = bench.query_devices(codes[0], device, metrics=metric)
        assert found == bench.query_devices(codes[0], [device], metrics=[metric])
        table = bench.query_many((code for code in codes), device, metrics=metric)
        assert table[metric].to_list() == bench.predict(codes, metric, device).tolist()

    def test_names_are_read_as_people_write_them(self) -> None:
        """Case and the kind of dash do not matter."""
        bench, code = self.benchmark(), self.codes()[0]
        for name in bench.devices:
            for written in (name.upper(), name.replace("-", "_"), f" {name.capitalize()}"):
                assert bench.query(code, written) == bench.query(code, name)

    def test_unknown_names_are_refused(self) -> None:
        """Wrong devices and metrics give an error that lists what there is."""
        bench, code = self.benchmark(), self.codes()[0]
        with pytest.raises(UnknownNameError, match=bench.devices[0]):
            bench.query(code, "abacus")
        with pytest.raises(UnknownNameError, match="known: latency_s"):
            bench.query(code, bench.devices[0], metrics=["beauty"])
        with pytest.raises(UnknownNameError, match="needs a device"):
            bench.query(code, metrics=[self.columns()[-1][0]])
        with pytest.raises(DataError, match="noise must be one of"):
            bench.query(code, noise="loud", rng=np.random.default_rng(0))  # type: ignore[arg-type]
        with pytest.raises(DataError, match="level"):
            bench.query(code, bench.devices[0], interval=1.0)

    def test_wrong_codes_are_refused(self) -> None:
        """Wrong shapes, indices and spaces give errors of ours."""
        bench, codes = self.benchmark(), self.codes()
        metric, device = self.columns()[0]
        for wrong in (codes[0], codes[:, :-1], codes[None]):
            with pytest.raises(ShapeError):
                bench.predict(wrong, metric, device)
        outside = codes.astype(np.int64)
        outside[3, 0] = -1
        with pytest.raises(SpaceError, match="row 3"):
            bench.predict(outside, metric, device)
        with pytest.raises(ShapeError):
            bench.query(codes, device)
        with pytest.raises(SpaceError, match="elsewhere"):
            bench.query("elsewhere:width=3", device)
        with pytest.raises(SpaceError, match="architecture 1"):
            bench.query_many([codes[0], "elsewhere:width=3"])

    def test_inputs_stay_as_they_are(self) -> None:
        """Asking works on arrays that cannot be written to."""
        codes = self.codes()
        codes.flags.writeable = False
        self.benchmark().predict_many(codes, self.columns())
        self.benchmark().query_devices(codes[0])

    def test_answers_are_plain(self) -> None:
        """An answer is floats by name and goes through JSON."""
        found = self.benchmark().query_devices(self.codes()[0])
        assert json.loads(json.dumps(found, allow_nan=False)) == found
        assert {type(v) for own in found.values() for v in own.values()} == {float}

    def test_answers_belong_to_the_caller(self) -> None:
        """Changing an answer does not change the next one."""
        bench, code = self.benchmark(), self.codes()[0]
        expected = bench.query_devices(code)
        bench.query_devices(code)[bench.devices[0]].clear()
        bench.query(code, bench.devices[0]).clear()
        assert bench.query_devices(code) == expected

    def test_saving_and_loading_changes_nothing(self) -> None:
        """A saved bundle answers bit for bit alike, and saves to the same bytes."""
        bench, codes, columns = self.benchmark(), self.codes(), self.columns()
        with tempfile.TemporaryDirectory() as folder:
            digest = save(bench.bundle, f"{folder}/one")
            again = load(f"{folder}/one")
            assert again.sha256 == digest == save(again.bundle, f"{folder}/two")
        np.testing.assert_array_equal(
            again.predict_many(codes, columns), bench.predict_many(codes, columns)
        )
        assert again.query_devices(codes[0]) == bench.query_devices(codes[0])
        assert again.card == bench.card


def _keys(metric: str) -> tuple[str, str, str]:
    return metric, f"{metric}_lower", f"{metric}_upper"


def _range(metric: str) -> tuple[float, float]:
    return {"accuracy": (0.0, 1.0), "perplexity": (1.0, math.inf)}.get(metric, (0.0, math.inf))


def _agree(one: dict[str, float], two: dict[str, float]) -> None:
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert math.isclose(value, two[name], rel_tol=_RTOL), name
