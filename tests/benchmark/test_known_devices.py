"""What known devices tell about another: which of them play a part, and closed forms as a line."""

import numpy as np

from hwbench.benchmark import load
from hwbench.benchmark.closed_forms import CLOSED_FORMS
from hwbench.benchmark.known_devices import prior_of
from hwbench.surrogates.fewshot.posterior import fit
from hwbench.surrogates.fitting.measured import Measured
from hwbench.testing.bundles import made_bundle

BUNDLE = made_bundle()


def test_a_device_left_out_plays_no_part():
    whole = prior_of(BUNDLE, "latency_s", kind="gpu")
    less = prior_of(BUNDLE, "latency_s", kind="gpu", without="gpu-two")
    assert set(whole.names) - set(less.names) == {"latency_s.gpu-two"}


def test_peak_memory_is_a_line_through_the_closed_form():
    bundle = load("gpt-s").bundle
    codes, new = (bundle.space.sample_codes(n, np.random.default_rng(n)) for n in (12, 200))
    weights = CLOSED_FORMS["gpt.weight_bytes_fp32"].predict

    def peak(some):
        return 3e8 + 1.5 * weights(bundle.space, some)

    place, y = np.arange(12), peak(codes)
    data = Measured(bundle.space, codes, y, place, 0 * place, y[:, None], False)
    prior = prior_of(bundle, "memory_bytes", kind="cpu", measured=data)
    error = fit(prior, codes, y).predictor().predict(new) / peak(new) - 1.0
    assert np.abs(error).max() < 1e-3
