import numpy as np
import pytest

from hwbench import metrics, spaces
from hwbench.benchmark import CLOSED_FORMS, closed_form
from hwbench.benchmark.closed_forms import tabulate
from hwbench.errors import UnknownNameError
from hwbench.spaces import gpt_costs


@pytest.mark.parametrize("form", CLOSED_FORMS.values(), ids=lambda form: form.name)
@pytest.mark.parametrize("name", spaces.names())
def test_tables_of_a_formula_are_exact(form, name):
    space = spaces.get(name)
    codes = space.sample_codes(300, np.random.default_rng(0))
    codes = np.concatenate([codes, space.encode([space.smallest(), space.largest()])])
    counts = form.count(space, codes)
    assert counts.dtype == np.int64
    assert counts.max() < 2**53
    assert tabulate(form, space).predict(codes).astype(np.int64).tolist() == counts.tolist()


def test_what_the_formulas_are():
    space = spaces.get("gpt-s").with_network("supernet")
    codes = space.sample_codes(20, np.random.default_rng(0))
    expected = {
        "gpt.params": gpt_costs.params(space, codes),
        "gpt.flops": 2 * gpt_costs.macs(space, codes),
        "gpt.weight_bytes_fp32": 4 * gpt_costs.params(space, codes),
    }
    assert set(CLOSED_FORMS) == set(expected)
    for name, counts in expected.items():
        assert closed_form(name).predict(space, codes).tolist() == counts.tolist()


def test_formulas_give_metrics():
    assert {form.metric for form in CLOSED_FORMS.values()} <= set(metrics.METRICS)


def test_unknown_formulas_are_refused():
    with pytest.raises(UnknownNameError, match=r"known: gpt\.params"):
        closed_form("gpt.beauty")
