"""Files of models: an embedded model is converted, and another one fetched or written as GGUF, before its first use."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from fine_tuning.base_models import catalogue
from fine_tuning.errors import ConflictError, FineTuningError
from fine_tuning.server.shared_loads import SharedLoads
from fine_tuning.serving.engine_choice import EngineChoice, choose_engine, model_folder
from fine_tuning.serving.interruption import Check
from fine_tuning.serving.model_resolution import LOCAL
from fine_tuning.settings import Settings

_log = logging.getLogger(__name__)
_FILES = "files"


class ModelFiles:
    """The files of a server's models. Safe to call from several threads.

    Args:
        loads: in which files are made.
    """

    def __init__(self, settings: Settings, loads: SharedLoads) -> None:
        self._settings, self._loads = settings, loads
        self._made: set[str] = set()
        self._is_stopped = threading.Event()

    def choice(self, provider: str, model: str, check: Check) -> EngineChoice:
        """The engine for a model; see `choose_engine`. `check` is called while files are made."""
        if provider == LOCAL:
            self._make(model, check)
        return choose_engine(provider, model, self._settings)

    def folder(self, model: str, check: Check) -> Path:
        """The folder of a local model; see `model_folder`. `check` is called while files are made."""
        self._make(model, check)
        return model_folder(model, self._settings)

    def make_soon(self, models: Iterable[str]) -> None:
        """Convert the embedded models among these in the background, so that their first requests need not wait."""
        for model in filter(catalogue.is_embedded, models):
            self._loads.start((_FILES, model), partial(self._convert, model))

    def stop(self) -> None:
        """End the conversions in the background."""
        self._is_stopped.set()

    def _make(self, model: str, check: Check) -> None:
        """Make the files once for all who wait for them."""
        if model not in self._made:
            self._loads.wait((_FILES, model), partial(choose_engine, LOCAL, model, self._settings), check)
            self._made.add(model)

    def _convert(self, model: str) -> None:
        def check(_step: str, _share: float) -> None:
            if self._is_stopped.is_set():
                raise ConflictError("the server is stopping")

        try:
            catalogue.pull(model, self._settings.folder("models"), check)
            choose_engine(LOCAL, model, self._settings)
        except FineTuningError as error:  # the model's first request tries again, and tells its client
            if not self._is_stopped.is_set():
                _log.warning("%s cannot answer yet: %s", model, error)
