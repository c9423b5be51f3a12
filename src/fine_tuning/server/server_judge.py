"""The judge of model graders: a model that the request's project may name, its calls in the cost ledger."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from fine_tuning.evaluation.graders.grading import JudgeReply
from fine_tuning.server import model_lookup
from fine_tuning.server.client_disconnect import check_connected
from fine_tuning.server.context import Context
from fine_tuning.server.loaded_models import Served
from fine_tuning.serving.answered_calls import answer_of
from fine_tuning.serving.call_budgets import CallBudgets
from fine_tuning.serving.chat_types import ChatBody, Chunk, summed
from fine_tuning.serving.chat_wire import text_from_chunks
from fine_tuning.serving.engine import Completion
from fine_tuning.serving.model_resolution import Target, find_target


@dataclass(frozen=True)
class ServerJudge:
    """Asks the models that a request of the project may name; stops when the client disconnects."""

    server: Context
    project: str
    client_disconnected: Callable[[], bool]

    def __call__(self, model: str, body: ChatBody) -> JudgeReply:
        """See `Judge`; also raises ConflictError where a hard budget of the model is spent."""
        served = model_lookup.find(self.server, self.project, model)
        target, budgets = self._target(model, served), CallBudgets(self.server.database)
        budgets.check(target, model)
        reply = self._completion(served, model, body)
        budgets.record("judge", target, answer_of(target, model, reply, self.server.workspace.settings), {})
        return JudgeReply(reply.text, reply.finish_reason, summed([reply.usage or {}]), model)

    def _target(self, model: str, served: Served) -> Target:
        """What the ledger calls the judge."""
        with self.server.database.read() as tx:
            known = None if model in self.server.config.aliases else find_target(tx, model)
        return known or Target(served.provider, served.model)

    def _completion(self, served: Served, model: str, body: ChatBody) -> Completion:
        check = partial(check_connected, self.client_disconnected)
        with self.server.engines.use(served, check) as engine, closing(engine.chat_chunks(body)) as chunks:
            pieces = text_from_chunks(self._connected(chunks), model)
            while True:
                try:
                    next(pieces)
                except StopIteration as end:
                    answer: Completion = end.value
                    return answer

    def _connected(self, chunks: Generator[Chunk, None, None]) -> Generator[Chunk, None, None]:
        """The chunks, while the client waits for them."""
        for chunk in chunks:
            check_connected(self.client_disconnected)
            yield chunk
