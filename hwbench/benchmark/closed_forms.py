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
from hwbench.surrogates.layerwise_predictor import LayerwisePredictor, n_combinations

__all__ = ["CLOSED_FORMS", "ClosedForm", "closed_form", "tabulate"]


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


def tabulate(form: ClosedForm, space: Space, /) -> LayerwisePredictor:
    """Write a formula as layer-wise tables, which answer as exactly and much faster.

    For each combination of shared choices the base is the count with the first value of every
    layered choice, and a table entry is what another combination in one layer adds to it.

    Raises:
        UnknownNameError: As `ClosedForm.predict`.
    """
    shared = _grid([len(choice) for choice in space.shared])  # (C, n_shared)
    layer = _grid([len(choice) for choice in space.layered])  # (P, n_layered)
    combinations, choices = n_combinations(space)
    layers = space.max_depth
    codes = np.zeros((combinations, layers, choices, space.n_choices), dtype=np.uint8)
    codes[..., : len(space.shared)] = shared[:, None, None, :]
    for number in range(len(space.layered)):
        start = space.layout.block(number).start
        for i in range(layers):
            codes[:, i, :, start + i] = layer[:, number]
    bare = np.zeros((combinations, space.n_choices), dtype=np.uint8)
    bare[:, : len(space.shared)] = shared
    base = form.predict(space, bare)
    unary = np.zeros((combinations, layers, choices + 1))
    counts = form.predict(space, codes.reshape(-1, space.n_choices))
    unary[..., :-1] = counts.reshape(combinations, layers, choices) - base[:, None, None]
    return LayerwisePredictor(space, "identity", base, unary)


def _grid(sizes: list[int]) -> Codes:
    """List all combinations of indices, the first one slowest: `product(sizes) x len(sizes)`."""
    if not sizes:
        return np.zeros((1, 0), dtype=np.uint8)
    return np.indices(sizes, dtype=np.uint8).reshape(len(sizes), -1).T
