"""Multilayer perceptron surrogate, trained with numpy.

For smooth metrics with interactions and little noise, such as perplexity.
Needs the extra `fit` for the estimator's interface; `predictor()` needs numpy alone.
"""

from collections.abc import Sequence
from typing import Self, final

import numpy as np
from numpy.typing import ArrayLike

from hwbench.arrays import FloatArray
from hwbench.errors import DataError, require
from hwbench.spaces import Space
from hwbench.surrogates.estimator import Estimator, seeds, threads
from hwbench.surrogates.mlp_predictor import MLPPredictor, forward
from hwbench.surrogates.mlp_training import Schedule, train
from hwbench.surrogates.target import Target

__all__ = [
    "MLP",
]


@final
class MLP(Estimator):
    """A small ReLU network on standardised one-hot features and a standardised target.

    Args:
        space: The space of the codes; None: X is a plain float matrix.
        hidden: Width of each hidden layer.
        steps: Number of updates; a small table is passed over more often.
        batch_size: Rows a step.
        learning_rate: Highest step size; falls to 0 along a cosine.
        weight_decay: Decoupled decay of the weights; less (1) for a metric almost free of noise.
        log_target: Learn the logarithm of the metric.
        n_jobs: Threads of the matrix products; -1 for all cores. The last digits may depend on it.
        random_state: Seed.
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        hidden: Sequence[int] = (64, 64),
        steps: int = 12_000,
        batch_size: int = 64,
        learning_rate: float = 2e-3,
        weight_decay: float = 3.0,
        log_target: bool = False,
        n_jobs: int | None = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.space = space
        self.hidden = hidden
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.log_target = log_target
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, *, position: ArrayLike | None = None) -> Self:
        """Train the network; see `Estimator.fit`. `position` is ignored."""
        if self.steps < 1 or self.batch_size < 1 or any(width < 1 for width in self.hidden):
            raise DataError("steps, batch_size and each hidden width must be 1 or more")
        inputs, target = self._check_fit(X, y)
        self.target_ = Target.of(target, log=self.log_target)
        schedule = Schedule(self.steps, self.batch_size, self.learning_rate, self.weight_decay)
        limits = require("threadpoolctl", "fit").threadpool_limits
        with limits(limits=threads(self.n_jobs, len(target))):
            self.layers_ = train(
                self._features(inputs),
                self.target_.forward(target),
                hidden=tuple(self.hidden),
                schedule=schedule,
                rng=np.random.default_rng(seeds(self.random_state, 1)[0]),
            )
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict `(n,)` values of the metric."""
        features = self._features(self._check_predict(X))
        return self.target_.inverse(forward(self.layers_, features))

    def predictor(self) -> MLPPredictor:
        """Return the layers as plain arrays."""
        self._check_fitted()
        return MLPPredictor(self.space, self.layers_, self.target_)
