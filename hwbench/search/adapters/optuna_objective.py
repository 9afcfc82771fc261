"""A problem for optuna's samplers, storage and dashboard; needs the extra [adapters].

objective = to_optuna(evaluator)
study = objective.create_study("search.log", sampler=optuna.samplers.TPESampler(seed=1))
study.optimize(objective, n_trials=100)  # run it again: it goes on
# optuna-dashboard search.log
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from hwbench.errors import require
from hwbench.search.evaluator import Evaluator
from hwbench.spaces import Architecture
from hwbench.spaces.choice import Choice, Scalar

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

__all__ = ["OptunaObjective", "to_optuna"]

_EXTRA: Final = "adapters"
_BROKEN: Final = "broken"


def to_optuna(evaluator: Evaluator, /, *, conditional: bool = True) -> OptunaObjective:
    """Write a problem as an objective function for `Study.optimize`.

    Args:
        evaluator: What answers; it holds the problem.
        conditional: Whether a trial only has parameters of the layers that its network has; else it
            has those of all layers, which some samplers need.

    Raises:
        MissingExtraError: If optuna is not installed.
    """
    require("optuna", _EXTRA)
    return OptunaObjective(evaluator, conditional=conditional)


@final
class OptunaObjective:
    """Evaluates one trial at a time; make one with `to_optuna`.

    Values are those of people: a metric that is better when higher is maximised. Each limit is a
    constraint of the trial: by how much it is broken, relative to its bound, 0 where it holds.
    Architecture, metrics and the broken limits are user attributes of the trial, too.

    Attributes:
        directions: "minimize" or "maximize" for each objective.
        constraint_names: Each limit as it reads, such as "latency@h100 <= 8 ms".
    """

    def __init__(self, evaluator: Evaluator, /, *, conditional: bool) -> None:
        self._evaluator: Final = evaluator
        self._conditional: Final = conditional
        goals = evaluator.problem.objectives
        self._signs: Final = tuple(goal.sign for goal in goals)
        self.directions: Final = tuple("minimize" if s > 0 else "maximize" for s in self._signs)
        self._names: Final = [str(goal) for goal in goals]
        self.constraint_names: Final = tuple(map(str, evaluator.problem.limits))

    def __call__(self, trial: Trial) -> tuple[float, ...]:
        """Evaluate the architecture that a trial suggests."""
        problem = self._evaluator.problem
        arch = self.architecture(trial)
        codes = problem.space.encode([arch])
        found = self._evaluator.evaluate(codes)
        trial.set_user_attr("architecture", str(arch))
        for name, value in found.values.items():
            trial.set_user_attr(name, float(value[0]))
        self._constrain(trial, self._evaluator.broken(codes, found.values)[0].tolist())
        values = found.objectives[0].tolist()
        return tuple(sign * value for sign, value in zip(self._signs, values, strict=True))

    def architecture(self, trial: Trial | FrozenTrial, /) -> Architecture:
        """Return the architecture of a trial; a trial under way is asked for its parameters."""
        space = self._evaluator.problem.subspace
        choices: dict[str, Scalar | Sequence[Scalar]] = {
            choice.name: _suggest(trial, choice.name, choice) for choice in space.shared
        }
        depth = int(choices[space.depth]) if space.depth is not None else 0  # type: ignore[arg-type]
        layers = depth if self._conditional else space.max_depth
        for choice in space.layered:
            found = [_suggest(trial, f"{choice.name}.{i}", choice) for i in range(layers)]
            choices[choice.name] = found[:depth]
        return space.architecture(**choices)

    def create_study(
        self,
        journal: str | Path | None = None,
        /,
        *,
        name: str | None = None,
        sampler: BaseSampler | None = None,
    ) -> Study:
        """Make a study with the right directions, or take up one that a journal holds.

        Args:
            journal: A file for optuna's journal storage, which several processes may share and
                optuna-dashboard shows; None to keep the study in memory.
            name: Of the study; by default the problem's fingerprint.
            sampler: Optuna's default, if None.
        """
        optuna = require("optuna", _EXTRA)
        storage = None
        if journal is not None:
            storages = require("optuna.storages", _EXTRA)
            backend = require("optuna.storages.journal", _EXTRA).JournalFileBackend
            storage = storages.JournalStorage(backend(str(journal)))
        study: Study = optuna.create_study(
            study_name=name or f"hwbench-{self._evaluator.problem.fingerprint()}",
            storage=storage,
            sampler=sampler,
            directions=list(self.directions),
            load_if_exists=True,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # optuna calls names experimental since its 3.2
            study.set_metric_names(self._names)
        return study

    def constraints(self, trial: FrozenTrial, /) -> Sequence[float]:
        """Return what a trial breaks of each limit, for samplers of optuna 4 (`constraints_func=`).

        Raises:
            KeyError: If the trial was not evaluated by this objective.
        """
        broken = trial.user_attrs[_BROKEN]
        return tuple(broken[name] for name in self.constraint_names)

    def _constrain(self, trial: Trial, broken: Sequence[float]) -> None:
        named = dict(zip(self.constraint_names, broken, strict=True))
        trial.set_user_attr(_BROKEN, named)
        if hasattr(trial, "set_constraint"):  # optuna 5 and later
            for name, value in named.items():
                trial.set_constraint(name, value)


def _suggest(trial: Trial | FrozenTrial, name: str, choice: Choice) -> Scalar:
    return choice.values[choice.index(trial.suggest_categorical(name, choice.values))]
