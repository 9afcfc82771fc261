"""The layer-wise estimator: contracts, and metrics of its own kind recovered to rounding."""

import numpy as np
import pytest

from hwbench.errors import DataError, ShapeError
from hwbench.surrogates.drift import DriftCorrected
from hwbench.surrogates.layerwise import Layerwise
from hwbench.surrogates.structures import STRUCTURES
from hwbench.testing.surrogates import EstimatorContract, additive_metric
from tests.surrogates.made import MadeMetric, made_space


class LayerwiseContract(EstimatorContract):
    structure = "layers"
    link = "identity"
    lowest_r2 = 0.97

    def estimator(self, space, /, *, seed):
        return Layerwise(space, structure=self.structure, link=self.link, random_state=seed)


class TestCounts(LayerwiseContract):
    structure = "counts"
    lowest_r2 = 0.8  # the contract's metric depends on where a layer is


class TestCountsInLogs(TestCounts):
    link = "log"


class TestLayers(LayerwiseContract):
    pass


class TestLayersInLogs(LayerwiseContract):
    link = "log"


class TestChain(LayerwiseContract):
    structure = "chain"


class TestChainInLogs(TestChain):
    link = "log"


class TestPairs(LayerwiseContract):
    structure = "pairs"


class TestPairsInLogs(TestPairs):
    link = "log"


class TestSmooth(LayerwiseContract):
    structure = "smooth"


class TestSmoothInLogs(TestSmooth):
    link = "log"


class TestDriftCorrected(LayerwiseContract):
    def estimator(self, space, /, *, seed):
        return DriftCorrected(super().estimator(space, seed=seed), n_rounds=2)


class TestDriftCorrectedInLogs(TestDriftCorrected):
    link = "log"


RECOVERED = {
    "layers": MadeMetric(kinds=True, shared=True),
    "chain": MadeMetric(kinds=True, shared=True, reach=1),
    "pairs": MadeMetric(kinds=True, shared=True, reach=3),
    "smooth": MadeMetric(kinds=False, joint=False),
}


def split(space, n, rng):
    codes = space.sample_codes(n + 100, rng)
    return codes[:n], codes[n:]


@pytest.mark.parametrize("structure", ["layers", "chain", "pairs", "smooth"])
@pytest.mark.parametrize("link", ["identity", "log"])
def test_a_metric_of_its_kind_is_recovered(structure, link, rng):
    """Without noise, unseen architectures are predicted to rounding (tables are float32)."""
    space = made_space()
    seen, unseen = split(space, 1500, rng)

    def truth(codes):
        scores = RECOVERED[structure](space, codes)
        return scores if link == "identity" else np.exp(scores / 10.0)

    model = Layerwise(space, structure=structure, link=link).fit(seen, truth(seen))
    np.testing.assert_allclose(model.predict(unseen), truth(unseen), rtol=1e-6)


def test_counts_recover_a_metric_of_counts(rng):
    space = made_space()
    seen, unseen = split(space, 600, rng)

    def truth(codes):
        """A layer costs its ratio times its heads, wherever it is; an absent one has neither."""
        ratio, heads = space.values(codes, "ratio"), space.values(codes, "heads")
        return space.values(codes, "width") * (1.0 + (ratio * heads).sum(axis=1))

    model = Layerwise(space, structure="counts").fit(seen, truth(seen))
    np.testing.assert_allclose(model.predict(unseen), truth(unseen), rtol=1e-6)


@pytest.mark.parametrize(("simple", "needed"), [("layers", "chain"), ("chain", "pairs")])
def test_a_structure_cannot_say_what_the_next_one_can(simple, needed, rng):
    """The recovery above is no accident: with a term missing there is an error left."""
    space = made_space()
    seen, unseen = split(space, 1500, rng)
    metric = RECOVERED[needed]
    model = Layerwise(space, structure=simple).fit(seen, metric(space, seen))
    assert np.abs(model.predict(unseen) / metric(space, unseen) - 1.0).max() > 1e-3


@pytest.mark.parametrize("structure", STRUCTURES)
def test_choices_of_one_value_and_single_layers(structure, rng):
    """A choice of one value has no effects to learn; a network of one layer no pairs."""
    for options in ({"heads": (4,)}, {"ratios": (2,)}, {"heads": ()}, {"depths": (1,)}):
        space = made_space(**options)
        seen, unseen = split(space, 300, rng)
        predicted = Layerwise(space, structure=structure).fit(seen, additive_metric(space, seen))
        assert np.isfinite(predicted.predict(unseen)).all()
    everything = made_space((64,), (2,), (2,), (4,), ())
    codes = everything.sample_codes(5, rng)
    model = Layerwise(everything, structure=structure).fit(codes, np.full(5, 7.0))
    np.testing.assert_allclose(model.predict(codes), 7.0)


@pytest.mark.parametrize("structure", ["layers", "smooth"])
@pytest.mark.parametrize("value", [0.0, 3.5])
def test_a_constant_metric_stays_constant(structure, value, rng):
    space = made_space()
    seen, unseen = split(space, 200, rng)
    model = Layerwise(space, structure=structure).fit(seen, np.full(200, value))
    np.testing.assert_allclose(model.predict(unseen), value, rtol=1e-6)


def test_weight_zero_leaves_a_row_out(rng):
    space = made_space()
    seen, unseen = split(space, 400, rng)
    y = additive_metric(space, seen) * rng.lognormal(0.0, 0.02, 400)
    broken, weights = y.copy(), np.ones(400)
    broken[:50], weights[:50] = 1e3, 0.0
    weighted = Layerwise(space).fit(seen, broken, sample_weight=weights)
    without = Layerwise(space).fit(seen[50:], y[50:])
    np.testing.assert_allclose(weighted.predict(unseen), without.predict(unseen), rtol=1e-6)


def test_heavy_rows_count_more(rng):
    """Two tables that differ by 10 %: the answer lies near the one with the weight."""
    space = made_space()
    codes = space.sample_codes(400, rng)
    y = additive_metric(space, codes)
    both, values = np.concatenate([codes, codes]), np.concatenate([y, 1.1 * y])
    for first, expected in ((99.0, 1.001), (1.0, 1.05), (1 / 99.0, 1.099)):
        weights = np.repeat([first, 1.0], 400)
        model = Layerwise(space).fit(both, values, sample_weight=weights)
        np.testing.assert_allclose(model.predict(codes) / y, expected, atol=3e-3)


def test_degrees_say_what_was_needed(rng):
    """An additive metric needs its layers' main effects, and no pairs of layers."""
    space = made_space()
    codes = space.sample_codes(1500, rng)
    y = additive_metric(space, codes) * rng.lognormal(0.0, 0.01, 1500)
    degrees = Layerwise(space, structure="chain").fit(codes, y).degrees_
    assert set(degrees) == {"width=64", "width=128"}
    for part in degrees.values():
        assert part["layers"] + part["counts"] > 8.0  # 4 layers x 3 contrasts, in two terms
        assert part["adjacent, pooled"] < 3.0
        assert part["adjacent"] < 6.0


def test_smooth_borrows_from_other_widths(rng):
    """With few rows, one fit over all widths beats one fit a width where effects are alike."""
    space = made_space((64, 128, 256), (6, 7, 8))
    seen, unseen = split(space, 90, rng)

    def truth(codes):
        ratio, heads = space.values(codes, "ratio"), space.values(codes, "heads")
        layers = 0.05 * ratio * (1.0 + np.arange(8) / 8.0) - 0.01 * heads  # (n, L)
        return np.exp(1e-3 * space.values(codes, "width") + layers.sum(axis=1))

    errors = {
        structure: np.abs(
            np.log(
                Layerwise(space, structure=structure, link="log")
                .fit(seen, truth(seen) * np.exp(rng.normal(0.0, 0.01, 90)))
                .predict(unseen)
                / truth(unseen)
            )
        ).mean()
        for structure in ("layers", "smooth")
    }
    assert errors["smooth"] < 0.5 * errors["layers"]


def test_wrong_settings_and_rows_are_refused(rng):
    space = made_space()
    codes = space.sample_codes(60, rng)
    y = additive_metric(space, codes)
    with pytest.raises(DataError, match="needs a space with layers"):
        Layerwise().fit(codes, y)
    with pytest.raises(DataError, match=r"counts, layers, .*, got 'deep'"):
        Layerwise(space, structure="deep").fit(codes, y)
    with pytest.raises(DataError, match="'identity' or 'log', got 'sqrt'"):
        Layerwise(space, link="sqrt").fit(codes, y)
    with pytest.raises(DataError, match="above 0"):
        Layerwise(space, link="log").fit(codes, y - y.max())
    with pytest.raises(DataError, match="n_iterations"):
        Layerwise(space, n_iterations=0).fit(codes, y)
    with pytest.raises(ShapeError, match="sample_weight"):
        Layerwise(space).fit(codes, y, sample_weight=np.ones(59))
    with pytest.raises(DataError, match="sample_weight"):
        Layerwise(space).fit(codes, y, sample_weight=-np.ones(60))
    narrow = codes[:, 0] == 0
    with pytest.raises(DataError, match="no row to fit width=128"):
        Layerwise(space).fit(codes[narrow], y[narrow])
    with pytest.raises(DataError, match="no row to fit width=128"):
        Layerwise(space).fit(codes, y, sample_weight=narrow.astype(float))
