"""Calls of the SDK's served resources, of each method one at least, and of each parameter one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from openai import OpenAI

from tests.server.conftest import ALIAS

Arguments = dict[str, Any]
ASKED = [{"role": "user", "content": "What is the capital of France?"}]
SAMPLED: Arguments = {"temperature": 1, "top_p": 0.9}
PENALIZED: Arguments = {"presence_penalty": 0.1, "frequency_penalty": 0.1}
UNUSED: Arguments = {"user": "u", "safety_identifier": "s", "prompt_cache_key": "k", "service_tier": "auto"}
UNUSED |= {"prompt_cache_retention": "in_memory", "prompt_cache_options": {"mode": "implicit"}, "moderation": {}}
SCHEMA = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
WEATHER: Arguments = {"name": "weather", "description": "Weather of a place", "parameters": SCHEMA, "strict": False}
FUNCTION = {"type": "function", **WEATHER, "allowed_callers": ["direct"], "async": True, "defer_loading": True}
FUNCTION |= {"output_schema": {"type": "string"}}
INCLUDED = {"include": ["file_search_call.results", "message.output_text.logprobs"]}
DAY = {"anchor": "created_at", "seconds": 3600}
GRADER = {"type": "string_check", "name": "same", "input": "a", "reference": "a", "operation": "eq"}
METHOD = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": "auto"}}}
WANDB = {"type": "wandb", "wandb": {"project": "p", "entity": "e", "name": "n", "tags": ["t"]}}


class Seeds:
    """Objects for the calls, new ones each time, since many calls end or delete them."""

    def __init__(self, client: OpenAI, job: Any) -> None:
        self._client, self.job, self.model = client, job.id, job.fine_tuned_model
        self.training = job.training_file
        self.checkpoint = client.fine_tuning.jobs.checkpoints.list(job.id).data[0]

    def file(self) -> str:
        return self._client.files.create(file=("a.txt", b"a"), purpose="user_data").id

    def requests(self) -> str:
        body = {"model": ALIAS, "input": "Hi", "max_output_tokens": 2}
        line = json.dumps({"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": body}).encode()
        return self._client.files.create(file=("b.jsonl", line), purpose="batch").id

    def upload(self) -> str:
        return self._client.uploads.create(bytes=1, filename="a.txt", mime_type="text/plain", purpose="batch").id

    def filled(self) -> Arguments:
        name = self.upload()
        return {"upload_id": name, "part_ids": [self._client.uploads.parts.create(name, data=b"a").id]}

    def batch(self) -> str:
        asked: Any = {"endpoint": "/v1/responses", "completion_window": "24h"}
        return self._client.batches.create(input_file_id=self.requests(), **asked).id

    def new_job(self) -> str:
        return self._client.fine_tuning.jobs.create(model=ALIAS, training_file=self.training).id

    def paused(self) -> str:
        return self._client.fine_tuning.jobs.pause(self.new_job()).id

    def permission(self) -> str:
        of = self.checkpoint.fine_tuned_model_checkpoint
        return self._client.fine_tuning.checkpoints.permissions.create(of, project_ids=["shop"]).data[0].id

    def response(self) -> str:
        return self._client.responses.create(model=ALIAS, input="Hi", max_output_tokens=2).id

    def sent(self) -> Arguments:
        name = self.response()
        return {"response_id": name, "after": self._client.responses.input_items.list(name).data[0].id}

    def conversation(self) -> str:
        return self._client.conversations.create(items=[{"role": "user", "content": "Hi"}]).id

    def item(self) -> Arguments:
        name = self.conversation()
        return {"conversation_id": name, "item_id": self._client.conversations.items.list(name).data[0].id}

    def chat(self) -> str:
        asked: Any = {"model": ALIAS, "messages": ASKED, "max_tokens": 2, "store": True}
        return self._client.chat.completions.create(**asked).id


Call = tuple[str, Callable[[Seeds], Arguments]]


def _chat(**more: Any) -> Arguments:
    return {"model": ALIAS, "messages": ASKED, "max_completion_tokens": 2, **more}


def _response(**more: Any) -> Arguments:
    return {"model": ALIAS, "input": "Hi", "max_output_tokens": 2, **more}


def _text(**more: Any) -> Arguments:
    return {"model": ALIAS, "prompt": "The capital", **more}


def _page(**more: Any) -> Arguments:
    return {"limit": 2, **more}


WHOLE_CHAT = _chat(**SAMPLED, **PENALIZED, **UNUSED, n=2, stop="\n", seed=1, logit_bias={"5": 1}, logprobs=True)
WHOLE_CHAT |= {"top_logprobs": 1, "tools": [{"type": "function", "function": WEATHER}], "tool_choice": "auto"}
WHOLE_CHAT |= {"parallel_tool_calls": True, "response_format": {"type": "text"}, "store": True, "metadata": {"a": "b"}}
WHOLE_CHAT |= {"modalities": ["text"], "prediction": {"type": "content", "content": "x"}, "reasoning_effort": "none"}
WHOLE_CHAT |= {"verbosity": "low"}
COUNTED: Arguments = {"model": ALIAS, "input": "Hi", "instructions": "Be brief.", "tools": [FUNCTION]}
COUNTED |= {"tool_choice": "auto", "parallel_tool_calls": True, "text": {"format": {"type": "text"}}}
COUNTED |= {"truncation": "auto", "reasoning": {"effort": "none"}}
WHOLE_RESPONSE = _response(**COUNTED, **SAMPLED, **UNUSED, **INCLUDED, top_logprobs=1, store=True, metadata={"a": "b"})
WHOLE_RESPONSE |= {"background": False, "max_tool_calls": 1, "image": {}, "access_programs": {}}
WHOLE_TEXT = _text(**SAMPLED, **PENALIZED, n=1, best_of=1, stop="\n", seed=1, logit_bias={"5": 1}, logprobs=1, user="u")
STREAMED: Arguments = {"stream": True, "stream_options": {"include_obfuscation": False}}
CALLS: list[Call] = [
    ("models.list", lambda _: {}),
    ("models.retrieve", lambda s: {"model": s.model}),
    ("files.create", lambda _: {"file": b"a", "purpose": "assistants"}),
    ("files.create", lambda _: {"file": b"a", "purpose": "user_data", "expires_after": DAY}),
    ("files.list", lambda s: _page(after=s.file(), order="asc", purpose="user_data")),
    ("files.retrieve", lambda s: {"file_id": s.file()}),
    ("files.content", lambda s: {"file_id": s.file()}),
    ("files.delete", lambda s: {"file_id": s.file()}),
    (
        "uploads.create",
        lambda _: {"bytes": 1, "filename": "a", "mime_type": "text/plain", "purpose": "vision", "expires_after": DAY},
    ),
    ("uploads.parts.create", lambda s: {"upload_id": s.upload(), "data": b"a"}),
    ("uploads.complete", lambda s: s.filled()),
    ("uploads.complete", lambda s: {**s.filled(), "md5": "0cc175b9c0f1b6a831c399e269772661"}),
    ("uploads.cancel", lambda s: {"upload_id": s.upload()}),
    ("fine_tuning.jobs.create", lambda s: {"model": ALIAS, "training_file": s.training, "hyperparameters": {}}),
    (
        "fine_tuning.jobs.create",
        lambda s: {
            "model": ALIAS,
            "training_file": s.training,
            "validation_file": s.training,
            "method": METHOD,
            "integrations": [WANDB],
            "metadata": {"a": "b"},
            "seed": 1,
            "suffix": "x",
        },
    ),
    ("fine_tuning.jobs.list", lambda s: _page(after=s.job, metadata={"a": "b"})),
    ("fine_tuning.jobs.retrieve", lambda s: {"fine_tuning_job_id": s.job}),
    ("fine_tuning.jobs.list_events", lambda s: _page(fine_tuning_job_id=s.job, after="ftevent-1")),
    ("fine_tuning.jobs.cancel", lambda s: {"fine_tuning_job_id": s.new_job()}),
    ("fine_tuning.jobs.resume", lambda s: {"fine_tuning_job_id": s.paused()}),
    ("fine_tuning.jobs.checkpoints.list", lambda s: _page(fine_tuning_job_id=s.job, after=s.checkpoint.id)),
    ("fine_tuning.checkpoints.permissions.create", lambda s: {**_checkpoint(s), "project_ids": ["shop"]}),
    (
        "fine_tuning.checkpoints.permissions.list",
        lambda s: _page(**_checkpoint(s), after=s.permission(), order="ascending", project_id="other"),
    ),
    ("fine_tuning.checkpoints.permissions.delete", lambda s: {**_checkpoint(s), "permission_id": s.permission()}),
    ("fine_tuning.alpha.graders.run", lambda _: {"grader": GRADER, "model_sample": "a", "item": {"a": "b"}}),
    ("fine_tuning.alpha.graders.validate", lambda _: {"grader": GRADER}),
    ("chat.completions.create", lambda _: _chat()),
    ("chat.completions.create", lambda _: {"model": ALIAS, "messages": ASKED, "max_tokens": 2}),
    ("chat.completions.create", lambda _: WHOLE_CHAT),
    ("chat.completions.create", lambda _: WHOLE_CHAT | STREAMED),
    ("chat.completions.list", lambda _: {}),
    ("chat.completions.list", lambda s: _page(after=s.chat(), order="desc", model=ALIAS, metadata={"a": "b"})),
    ("chat.completions.retrieve", lambda s: {"completion_id": s.chat()}),
    ("chat.completions.update", lambda s: {"completion_id": s.chat(), "metadata": {"c": "d"}}),
    ("chat.completions.delete", lambda s: {"completion_id": s.chat()}),
    ("completions.create", lambda _: _text()),
    ("completions.create", lambda _: WHOLE_TEXT | {"max_tokens": 2}),
    ("completions.create", lambda _: _text(echo=True)),
    ("embeddings.create", lambda _: {"model": "wordllama", "input": "a", "encoding_format": "float"}),
    (
        "embeddings.create",
        lambda _: {"model": "wordllama", "input": ["a"], "encoding_format": "float", "dimensions": 64, "user": "u"},
    ),
    ("responses.create", lambda _: _response()),
    ("responses.create", lambda s: {**WHOLE_RESPONSE, "previous_response_id": s.response()}),
    ("responses.create", lambda s: {**WHOLE_RESPONSE, **STREAMED, "conversation": s.conversation()}),
    ("responses.retrieve", lambda s: {"response_id": s.response(), **INCLUDED, "include_obfuscation": False}),
    ("responses.retrieve", lambda s: {"response_id": s.response(), "stream": False}),
    ("responses.delete", lambda s: {"response_id": s.response()}),
    ("responses.input_items.list", lambda s: {"response_id": s.response(), "limit": 1, "order": "asc", **INCLUDED}),
    ("responses.input_items.list", lambda s: s.sent()),
    (
        "responses.input_tokens.count",
        lambda s: {**COUNTED, "conversation": s.conversation(), "personality": "friendly"},
    ),
    ("responses.input_tokens.count", lambda s: {**COUNTED, "previous_response_id": s.response()}),
    ("conversations.create", lambda _: {}),
    ("conversations.create", lambda _: {"items": [{"type": "message", **ASKED[0]}], "metadata": {"a": "b"}}),
    ("conversations.retrieve", lambda s: {"conversation_id": s.conversation()}),
    ("conversations.update", lambda s: {"conversation_id": s.conversation(), "metadata": {"a": "b"}}),
    ("conversations.delete", lambda s: {"conversation_id": s.conversation()}),
    ("conversations.items.create", lambda s: {"conversation_id": s.conversation(), "items": ASKED, **INCLUDED}),
    ("conversations.items.list", lambda s: {"conversation_id": s.conversation(), **_page(order="asc"), **INCLUDED}),
    ("conversations.items.list", lambda s: {**_after(s.item())}),
    ("conversations.items.retrieve", lambda s: {**s.item(), **INCLUDED}),
    ("conversations.items.delete", lambda s: s.item()),
    ("batches.create", lambda s: {**_batch(s), "metadata": {"a": "b"}, "output_expires_after": DAY}),
    ("batches.create", lambda s: _batch(s)),
    ("batches.list", lambda s: _page(after=s.batch())),
    ("batches.retrieve", lambda s: {"batch_id": s.batch()}),
]


def _checkpoint(seeds: Seeds) -> Arguments:
    return {"fine_tuned_model_checkpoint": seeds.checkpoint.fine_tuned_model_checkpoint}


def _batch(seeds: Seeds) -> Arguments:
    return {"input_file_id": seeds.requests(), "endpoint": "/v1/responses", "completion_window": "24h"}


def _after(item: Arguments) -> Arguments:
    return {"conversation_id": item["conversation_id"], "after": item["item_id"]}
