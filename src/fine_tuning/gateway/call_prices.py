"""What recorded calls cost: by their tokens at the host that answered, or by the time that they took this machine."""

from __future__ import annotations

from pathlib import Path

from fine_tuning._util.model_names import parse_checkpoint_name
from fine_tuning.base_models import catalogue
from fine_tuning.costs.prices import PriceList
from fine_tuning.costs.published_prices import CallPrice
from fine_tuning.distillation.imported_costs import PricedCall
from fine_tuning.errors import FineTuningError, StorageError
from fine_tuning.gateway.upstreams import LOCAL
from fine_tuning.serving.answered_calls import machine_price
from fine_tuning.serving.cascade_engine import CascadeSettings, is_cascade
from fine_tuning.serving.engine import PriceOf
from fine_tuning.serving.instructions import Instructions, is_instructed
from fine_tuning.serving.model_resolution import Target, find_target
from fine_tuning.serving.part_model import PartModel
from fine_tuning.serving.retrieved_examples import is_few_shot, read_few_shot
from fine_tuning.store.workspace import Workspace

MS = 1000
_HERE = PriceOf(LOCAL, "")  # whatever the model


class CallPrices:
    """Prices by the settings of a workspace, and by what its models are made of."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._hosts = PriceList(workspace.settings.prices)
        self._places: dict[str, PriceOf | str] = {}

    def of(self, call: PricedCall, seconds: float | None) -> CallPrice:
        """The price of a call; None where it is unknown, and why."""
        place = PriceOf(call.host or "", call.model)
        if call.host == LOCAL:
            found = self._place(call.model)
            if isinstance(found, str):
                return CallPrice(None, found)
            place = found
        if place.provider != LOCAL:
            return self._hosts.price_of(place.model, call.usage, place.provider or None, call.made_at)
        if seconds is None:
            return CallPrice(None, "the call has not ended")
        return machine_price(seconds * MS, self._workspace.settings.machine_usd_per_hour)

    def _place(self, model: str) -> PriceOf | str:
        """Whose price the calls of one of this server's models have, or why that is unknown."""
        if model not in self._places:
            try:
                self._places[model] = self._found(model)
            except StorageError:
                raise
            except FineTuningError as error:  # it is gone, or damaged
                self._places[model] = str(error)
        return self._places[model]

    def _found(self, model: str) -> PriceOf | str:
        with self._workspace.database.read() as tx:
            target = find_target(tx, (parse_checkpoint_name(model) or (model, None))[0])
        if target is not None:
            return _of_target(target)
        return (
            _HERE if catalogue.is_embedded(model) else f"{model} is an alias of the server, of which nothing is known"
        )


def _of_target(target: Target, wholes: tuple[Path, ...] = ()) -> PriceOf | str:
    """That of a model which is asked with more than the question is that of the model asked.

    Args:
        wholes: the folders that it is a part of.
    """
    folder = Path(target.model)
    if target.provider != LOCAL:
        return PriceOf(target.provider, target.model)
    if not folder.is_absolute():  # a base model
        return _HERE
    if folder in wholes:
        return f"{folder.name} is a part of itself"

    def of_part(part: PartModel) -> PriceOf | str:
        return _of_target(Target(part.provider, part.model), (*wholes, folder))

    if is_instructed(folder):
        return of_part(Instructions.load(folder).part)
    if is_few_shot(folder):
        return of_part(read_few_shot(folder)[0].part)
    if is_cascade(folder) and of_part(CascadeSettings.load(folder).second) != _HERE:
        return "which model of a cascade has answered is not recorded"
    return _HERE
