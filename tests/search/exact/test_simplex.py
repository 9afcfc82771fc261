"""The small linear programme against HiGHS."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwbench.search.exact.simplex import highest_point


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 3), st.integers(0, 3))
def test_equals_highs(seed, planes, n_sum, others):
    linprog = pytest.importorskip("scipy.optimize").linprog
    rng = np.random.default_rng(seed)
    j = n_sum + others
    scores = rng.normal(size=(planes, j)).round(int(rng.integers(0, 8)))  # rounded: degenerate
    extra = rng.choice([0.0, 0.1], size=planes)
    cap = 1e4
    found = highest_point(scores, extra, n_sum=n_sum, cap=cap)
    assert found is not None
    weights, top = found
    truth = linprog(
        np.concatenate([[-1.0], np.zeros(j)]),
        A_ub=np.concatenate([np.ones((planes, 1)), -scores], axis=1),
        b_ub=extra,
        A_eq=np.concatenate([[0.0], np.ones(n_sum), np.zeros(others)])[None],
        b_eq=[1.0],
        bounds=[(None, None)] + [(0.0, cap)] * j,
        method="highs",
    )
    assert top == pytest.approx(-truth.fun, rel=1e-7, abs=1e-7)
    assert weights[:n_sum].sum() == pytest.approx(1.0)
    assert top == pytest.approx((scores @ weights + extra).min(), rel=1e-7, abs=1e-6)
