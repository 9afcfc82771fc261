"""A problem for tools that speak ConfigSpace (SMAC, HyperMapper, ...); needs the extra [spaces]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hwbench.search.evaluator import Evaluation, Evaluator
from hwbench.spaces import configspace

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

__all__ = ["evaluate_configurations", "to_configspace"]


def to_configspace(evaluator: Evaluator, /, *, seed: int | None = None) -> ConfigurationSpace:
    """Write what a problem searches as a `ConfigurationSpace`: fixed choices keep their values.

    Args:
        evaluator: It holds the problem.
        seed: Seed of the sampler inside the ConfigurationSpace.

    Raises:
        MissingExtraError: If ConfigSpace is not installed.
    """
    return configspace.to_configspace(evaluator.problem.subspace, seed=seed)


def evaluate_configurations(
    evaluator: Evaluator, configurations: Sequence[Mapping[str, object]], /
) -> Evaluation:
    """Evaluate configurations of `to_configspace`, or dicts with the same keys.

    Raises:
        SpaceError: If a value is missing or not offered.
    """
    problem = evaluator.problem
    archs = [configspace.from_configuration(each, problem.subspace) for each in configurations]
    return evaluator.evaluate(problem.space.encode(archs))
