"""The layer-wise surrogate: sums over layers with embedding interactions, by evidence ridge.

For fixed shared choices the metrics of a transformer are sums over its layers, to the noise of the
measurement; perplexity, almost free of noise, also shows terms for adjacent and distant layers. Use
`structure="layers"` for hardware metrics, "chain" or "pairs" for quality, "smooth" when there are
only some hundred architectures.
"""

from collections.abc import Iterator
from typing import Self, final

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import FloatArray, Int64Array
from hwbench.errors import DataError, ShapeError
from hwbench.spaces import Space
from hwbench.surrogates.estimator import Estimator
from hwbench.surrogates.evidence import EvidenceFit, fit_evidence
from hwbench.surrogates.layerwise_predictor import LayerwisePredictor, Link, layer_index
from hwbench.surrogates.structures import STRUCTURES, Structure, build_terms, splits_by_first
from hwbench.surrogates.tabulate import predictor_of
from hwbench.surrogates.terms import Tables, Term, shared_indicator

__all__ = ["Layerwise", "Link", "Structure"]


@final
class Layerwise(Estimator):
    """Additive over layers, fitted per value of the first shared choice (the embedding).

    Args:
        space: The space of the codes; there is no layer-wise surrogate of a plain matrix.
        structure: Which terms: "counts" (how many layers of each kind), "layers" (and where they
            are), "chain" (and which are adjacent), "pairs" (and all other pairs), "smooth" (all
            embeddings at once, effects that vary smoothly over depth).
        link: "identity", or "log" to add up logarithms.
        n_iterations: Rounds of the evidence fixed point.
        random_state: Unused: the fit is deterministic.

    Attributes:
        predictor_: The tables.
        degrees_: Effective number of parameters, by fitted part and term.
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        structure: Structure = "layers",
        link: Link = "identity",
        n_iterations: int = 15,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.space = space
        self.structure = structure
        self.link = link
        self.n_iterations = n_iterations
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        position: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit the tables; see `Estimator.fit`. `position` is ignored.

        Args:
            X: Codes.
            y: Values of the metric; above 0 with the link "log".
            position: Ignored.
            sample_weight: `(n,)` relative precisions of the rows; 0 leaves a row out.

        Raises:
            DataError: If there is no space, a setting is another word, a value is not above 0 with
                the link "log", a weight is below 0 or not finite, or a value of the first shared
                choice has no row.
            ShapeError: If there is not one weight a row.
        """
        space = self._checked_space()
        codes, target = self._check_fit(X, y)
        weights = _checked_weights(sample_weight, len(target))
        if self.link == "log":
            if (target <= 0).any():
                raise DataError("the link 'log' needs values above 0")
            target = np.log(target)
        c, p = layer_index(space, np.asarray(codes))
        tables = Tables.empty(space)
        self.degrees_: dict[str, dict[str, float]] = {}
        for name, mask in _parts(space, self.structure):
            rows = np.flatnonzero((mask[c] > 0) & (weights > 0))
            if not len(rows):
                raise DataError(f"no row to fit {name} of {space.name}; measure some first")
            terms = build_terms(space, self.structure, mask)
            fit = self._fit_part(terms, c[rows], p[rows], target[rows], weights[rows])
            _expand(terms, fit, mask, tables, self._scale(target[rows]))
            self.degrees_[name] = {
                term.name: float(d) for term, d in zip(terms, fit.degrees, strict=True)
            }
        self.predictor_ = predictor_of(space, tables, link=self.link)
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict `(n,)` values of the metric."""
        checked = self._check_predict(X)
        return self.predictor_.predict(checked)

    def predictor(self) -> LayerwisePredictor:
        """Return the tables."""
        self._check_fitted()
        return self.predictor_

    def _checked_space(self) -> Space:
        if self.space is None or not self.space.layered:
            raise DataError("a layer-wise surrogate needs a space with layers: Layerwise(space)")
        if self.structure not in STRUCTURES:
            raise DataError(
                f"structure must be one of {', '.join(STRUCTURES)}, got {self.structure!r}"
            )
        if self.link not in ("identity", "log"):
            raise DataError(f"link must be 'identity' or 'log', got {self.link!r}")
        if self.n_iterations < 1:
            raise DataError(f"n_iterations must be 1 or more, got {self.n_iterations}")
        return self.space

    def _scale(self, target: FloatArray) -> float:
        """Unit of the fit, so that penalties do not depend on the unit of the metric."""
        return 1.0 if self.link == "log" else float(np.median(np.abs(target))) or 1.0

    def _fit_part(
        self,
        terms: list[Term],
        c: Int64Array,
        p: Int64Array,
        target: FloatArray,
        weights: FloatArray,
    ) -> EvidenceFit:
        groups = [term.features(c, p) for term in terms]
        return fit_evidence(
            groups, target / self._scale(target), weights, n_iterations=self.n_iterations
        )


def _checked_weights(given: ArrayLike | None, n: int) -> FloatArray:
    weights = np.ones(n) if given is None else np.asarray(given, dtype=np.float64)
    if weights.shape != (n,):
        raise ShapeError(f"sample_weight needs shape ({n},), got {weights.shape}")
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise DataError("sample_weight must be finite and not below 0")
    return weights


def _parts(space: Space, structure: Structure) -> Iterator[tuple[str, FloatArray]]:
    """Yield the parts that are fitted apart: a name, and the `(C,)` combinations in it."""
    first = space.shared[0]
    if not splits_by_first(structure):
        yield "all", np.ones(len(shared_indicator(space, first.name)))
        return
    for value, mask in zip(first.values, shared_indicator(space, first.name).T, strict=True):
        yield f"{first.name}={value}", mask


def _expand(
    terms: list[Term], fit: EvidenceFit, mask: FloatArray, tables: Tables, scale: float
) -> None:
    """Add a fitted part to the tables, in the unit of the target."""
    start = 0
    sizes = [int(s) for s in fit.sizes]
    for term, size in zip(terms, sizes, strict=True):
        term.expand(fit.coefficients[start : start + size] * scale, tables)
        start += size
    tables.base += mask * fit.intercept * scale
