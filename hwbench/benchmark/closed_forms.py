"""Metrics that need no surrogate, because a formula gives them exactly.

A bundle names the formula; code never comes from a file. A new formula is one line in
`CLOSED_FORMS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from hwbench.arrays import Codes, FloatArray, Int64Array
from hwbench.errors import UnknownNameError
from hwbench.spaces import Space, gpt_costs

__all__ = ["CLOSED_FORMS", "ClosedForm", "closed_form"]


@dataclass(frozen=True)
class ClosedForm:
    """An exact metric of an architecture.

    Attributes:
        name: Name in `CLOSED_FORMS`.
        metric: The metric it gives, in that metric's unit.
        count: Takes a space and `n x n_choices` canonical codes to `(n,)` whole numbers. For fixed
            shared choices the count must be a sum over layers.
        text: The formula in words.
    """

    name: str
    metric: str
    count: Callable[[Space, Codes], Int64Array]
    text: str

    def predict(self, space: Space, codes: Codes, /) -> FloatArray:
        """Return the metric of `n x n_choices` codes, `(n,)`; whole numbers below 2^53 are exact.

        Raises:
            UnknownNameError: If the formula does not know the network of the space.
        """
        return np.asarray(self.count(space, codes), dtype=np.float64)


_ALL: Final = (
    ClosedForm("gpt.params", "params", gpt_costs.params, "weights of the network"),
    ClosedForm(
        "gpt.flops",
        "flops",
        gpt_costs.flops,
        "twice the multiply-accumulates of one sequence of 1024 tokens",
    ),
    ClosedForm(
        "gpt.weight_bytes_fp32",
        "memory_bytes",
        gpt_costs.weight_bytes,
        "4 bytes for each weight of the network",
    ),
)

CLOSED_FORMS: Final[dict[str, ClosedForm]] = {form.name: form for form in _ALL}
"""Name -> formula."""


def closed_form(name: str, /) -> ClosedForm:
    """Look a formula up by its name.

    Raises:
        UnknownNameError: If there is none; lists those that exist.
    """
    if name not in CLOSED_FORMS:
        raise UnknownNameError.of("closed form", name, CLOSED_FORMS)
    return CLOSED_FORMS[name]
