"""Searches the settings of a fine-tune with Optuna; what will not become the best is ended early."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from fine_tuning.errors import MissingDependencyError, TrainingError
from fine_tuning.training.jobs.job_view import JobView

if TYPE_CHECKING:
    from optuna import Trial

Settings = Mapping[str, object]
GoesOn = Callable[[int, float], bool]  # told the number of a validation and its loss: whether to train on
DEFAULTS: Mapping[str, float | int] = {"learning_rate_multiplier": 1.0, "lora_rank": 16}
RATES, RANKS = (0.25, 8.0), (8, 16, 32)
FIRST_RATES = (1.0, 2.0, 4.0, 0.5)  # with the default rank, before Optuna chooses: the rate matters most
REDUCTION = 3  # of the trials that reach a rung, one in so many goes on
VALIDATIONS = 6  # of a trial


class Trained(NamedTuple):
    """A job of a trial, and its lowest validation loss; inf where it was ended early or failed."""

    job: JobView
    loss: float


class TrialRequest(NamedTuple):
    """Settings to train with, and whether to go on with them."""

    settings: Settings
    goes_on: GoesOn


Train = Callable[[Sequence[TrialRequest]], Sequence[Trained]]


@dataclass(frozen=True)
class SettingSearch:
    """A search in the order that a seed gives, so that a search that is repeated asks for the same settings.

    Attributes:
        trials: how many settings are tried, the defaults and a few other rates first.
        at_once: how many of them are trained at a time.
    """

    trials: int
    seed: int = 0
    at_once: int = 1

    def best(self, train: Train) -> JobView:
        """The job whose settings have the lowest validation loss.

        Successive halving: at 1, 3, ... validations a trial goes on if it is in the best third of those that came
        there.
        Source: Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, algorithm 2.

        Raises:
            TrainingError: no trial ended.
            MissingDependencyError: optuna is not installed.
        """
        try:
            import optuna
        except ImportError as error:
            raise MissingDependencyError("optuna", "candidates", "a search over settings") from error
        logging.getLogger("optuna").setLevel(logging.WARNING)  # it tells of each trial, as its job does
        study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=self.seed, n_startup_trials=len(FIRST_RATES)),
            pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=REDUCTION),
        )
        for rate in FIRST_RATES:
            study.enqueue_trial({**DEFAULTS, "learning_rate_multiplier": rate})
        found: list[Trained] = []

        while len(found) < self.trials:
            trials = [study.ask() for _ in range(min(self.at_once, self.trials - len(found)))]
            trained = train([TrialRequest(_settings(trial), partial(_goes_on, trial)) for trial in trials])
            for trial, each in zip(trials, trained, strict=True):
                if each.loss == inf:
                    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                else:
                    study.tell(trial, each.loss)
            found += trained
        best = min(found, key=lambda each: each.loss)
        if best.loss == inf:
            raise TrainingError(f"none of {self.trials} settings could be trained to their end")
        return best.job


def _settings(trial: Trial) -> Settings:
    rate = trial.suggest_float("learning_rate_multiplier", *RATES, log=True)
    rank = trial.suggest_categorical("lora_rank", RANKS)
    return {"learning_rate_multiplier": rate, "lora_rank": rank, "lora_alpha": 2 * int(rank)}


def _goes_on(trial: Trial, number: int, loss: float) -> bool:
    trial.report(loss, number)
    return not trial.should_prune()
