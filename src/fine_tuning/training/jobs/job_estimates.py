"""What a training job will take, worked out before anything is sent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from math import isnan
from pathlib import Path
from typing import Any

from fine_tuning._util import hosts
from fine_tuning.costs import prices
from fine_tuning.data_io.rows import read_rows
from fine_tuning.datasets import token_counts
from fine_tuning.errors import FineTuningError
from fine_tuning.settings import get_settings
from fine_tuning.store import budgets, files, jobs
from fine_tuning.store.database import Database, Transaction

_log = logging.getLogger(__name__)
LARGE = 50_000_000  # bytes of a training file, whose tokens are counted only where a budget asks for it
AUTO_EPOCHS = 3  # what hosts make of "auto" for data sets of some hundred rows
_UNKNOWN = {"tokens": None, "usd": None, "seconds": None}


def of(database: Database, provider: str) -> tuple[Callable[..., dict[str, Any]], Callable[..., None]]:
    """`estimate` and `check_budgets` for the jobs of one provider."""
    return partial(estimate, database, provider=provider), partial(check_budgets, database, provider=provider)


def check_budgets(database: Database, request: Mapping[str, Any], path: Path, provider: str) -> None:
    """Before its file is sent: whether the budgets have room for a job. They are asked again when it is recorded.

    Raises:
        ConflictError: the estimate is more than what one has left this month.
    """
    with database.read() as tx:
        is_limited = _is_limited(tx, request)
    if is_limited:
        found = estimate(database, request, provider, path)
        with database.read() as tx:
            budgets.draw(tx, request["suffix"] or request["model"], found["usd"])


def _is_limited(tx: Transaction, request: Mapping[str, Any]) -> bool:
    return bool({request["suffix"] or request["model"], budgets.ALL} & budgets.known(tx).keys())


def estimate(database: Database, request: Mapping[str, Any], provider: str, path: Path | None = None) -> dict[str, Any]:
    """What a job that is about to start will take: tokens (over all epochs), usd and seconds; None is unknown.

    Seconds are of this machine, by the speed of its last job with the same base model; a host says them later.

    Args:
        request: model, suffix, hyperparameters, and training_file_id where no path is given.
        provider: "local" or the host's address.
    """
    with database.read() as tx:
        file = files.get(tx, request["training_file_id"]) if path is None else {"path": path}
        is_limited = _is_limited(tx, request)
    path = None if file is None else Path(file["path"])
    if path is None or not path.is_file() or (path.stat().st_size > LARGE and not is_limited):
        return dict(_UNKNOWN)
    trained = training_tokens(path, request["model"], request["hyperparameters"].get("n_epochs", "auto"))
    if trained is None:
        return dict(_UNKNOWN)
    if provider == "local":
        return {"tokens": trained, **_of_this_machine(database, request["model"], trained)}
    price = prices.training_price(request["model"], at_openai=provider == hosts.OPENAI_URL)
    return {**_UNKNOWN, "tokens": trained, "usd": None if isnan(price) else trained / 1e6 * price}


def training_tokens(path: Path, model: str, n_epochs: int | str) -> int | None:
    """The tokens that training on a file reads, over all epochs; None where nobody can count them.

    Source of the count: see `datasets.token_counts.counter`.
    """
    try:
        count = token_counts.counter(model)
        once = sum(count(row) for _, row in read_rows(path))
    except FineTuningError as error:
        _log.info("no estimate for %s: %s", path.name, error)
        return None
    except (KeyError, TypeError, AttributeError):  # no chat rows: the upload says where and why
        return None
    return once * (n_epochs if isinstance(n_epochs, int) else AUTO_EPOCHS)


def _of_this_machine(database: Database, model: str, trained: int) -> dict[str, float | None]:
    with database.read() as tx:
        speed = jobs.tokens_per_second(tx, model)
    seconds = None if speed is None else trained / speed
    rate = get_settings().machine_usd_per_hour
    return {"seconds": seconds, "usd": None if seconds is None or rate is None else seconds / 3600 * rate}
