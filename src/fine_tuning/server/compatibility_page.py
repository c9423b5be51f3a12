"""Write the page about the parts of OpenAI's API that this server supports, from the code.

python -m fine_tuning.server.compatibility_page > docs/openai-compatibility.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from fastapi.routing import APIRoute
from pydantic import BaseModel

from fine_tuning.server.app import RESOURCES
from fine_tuning.server.batch_request import CreateBatch
from fine_tuning.server.chat_request import ChatRequest
from fine_tuning.server.embedding_request import EmbeddingRequest
from fine_tuning.server.grader_request import RunGrader, ValidateGrader
from fine_tuning.server.job_request import CreateJob
from fine_tuning.server.message_request import CountTokensRequest, MessageRequest
from fine_tuning.server.query_parameters import QueryField, fields
from fine_tuning.server.request_model import BEYOND
from fine_tuning.server.response_request import InputTokensRequest, ResponseRequest
from fine_tuning.server.routes.checkpoints import GrantPermissions
from fine_tuning.server.routes.conversations import CreateConversation, CreateItems, UpdateConversation
from fine_tuning.server.routes.gateway_routes import ChangeRoute, SetRoute
from fine_tuning.server.routes.stored_completions import Update
from fine_tuning.server.routes.uploads import CompleteUpload, CreateUpload
from fine_tuning.server.text_completion_request import TextCompletionRequest

INTRODUCTION = """# OpenAI compatibility

Written by `python -m fine_tuning.server.compatibility_page`; a test keeps it equal to the code.

A parameter is *supported*, *ignored* (accepted, changes nothing) or *refused* (400, naming it). Any other parameter is
refused as unknown, so that no request seems to work while a part of it is lost. Errors have OpenAI's shape,
`{"error": {"message", "type", "param", "code"}}`, and the SDKs raise their own typed exceptions.

Refused together, as by OpenAI: `max_tokens` and `max_completion_tokens`, `conversation` and `previous_response_id`,
hyperparameters outside `method` and inside it, or of another method than its `type`; and alone: `stream_options`
without `stream`, `tool_choice` without `tools`, `top_logprobs` without log probabilities, an answer without any input.
Values are of the types that OpenAI states: `"1"` is no number, and `1` no boolean; `5.0` is an integer, as in JSON
Schema. In Responses every function call needs its output before the next answer. What the SDKs' `parse` and `stream`
add to an answer (`parsed`, `parsed_arguments`) is accepted where the answer is sent back, and changes nothing.
What pads a stream (`include_obfuscation`) or marks a prefix to cache (`prompt_cache_breakpoint`) changes nothing. In
`usage`, `cached_tokens` are as the engine counts them, and a detail that it does not count is 0.
`api-version`, the header `api-key` and paths with `deployments/NAME`, as Azure's clients send them, are understood.
A filter of lists is `metadata[KEY]=VALUE`, once for each key; a page has `limit` items, which follow `after`.
"""
BODIES: dict[str, list[tuple[str, type[BaseModel]]]] = {
    "Uploads": [("create", CreateUpload), ("complete", CompleteUpload)],
    "Fine-tuning": [("jobs.create", CreateJob), ("checkpoints.permissions.create", GrantPermissions)],
    "Responses": [("create", ResponseRequest), ("input_tokens.count", InputTokensRequest)],
    "Conversations": [
        ("create", CreateConversation),
        ("update", UpdateConversation),
        ("items.create", CreateItems),
    ],
    "Chat": [("completions.create", ChatRequest), ("completions.update", Update)],
    "Completions": [("create", TextCompletionRequest)],
    "Embeddings": [("create", EmbeddingRequest)],
    "Graders": [("run", RunGrader), ("validate", ValidateGrader)],
    "Batches": [("create", CreateBatch)],
    "Messages": [("create", MessageRequest), ("count_tokens", CountTokensRequest)],
    "Routes": [("set", SetRoute), ("promote, return", ChangeRoute)],
}
_LARGE = 2**31 - 1
_PAIRS = (("ge", "gt", "min_length"), ("le", "lt", "max_length"))
_LIMITS = [name for names in _PAIRS for name in names]
SUPPORT = ("supported", "ignored", "refused")
TAGS = (
    *("Files", "Uploads", "Fine-tuning", "Models", "Responses", "Conversations"),
    *("Chat", "Completions", "Embeddings", "Graders", "Batches", "Messages", "Routes"),
)
FORMS = {
    "Files": [("file", "up to 512 MiB"), ("purpose", "all but evals"), ("expires_after", "an hour to 30 days")],
    "Uploads": [("data", "of a part, up to 64 MiB")],
}
NOTES = {
    "Fine-tuning": (
        "`status` may also be `paused`. Hyperparameters that are `auto` are resolved when the job is created and "
        "reported back. Repeating an `Idempotency-Key` on create returns the first job. A checkpoint is kept after "
        "each epoch and can be called like a model. A base model is one of the embedded models, an alias (`--alias "
        "NAME=MODEL`) or a model fine-tuned here. The list takes `metadata[key]=value` as a filter, and "
        "`metadata=null`."
    ),
    "Chat": (
        "Content may be text or parts of text. Tools work with every model, through the prompt if its chat template "
        "has none. Under `strict`, schemas that a grammar cannot hold are refused, and, as by OpenAI, a root that is "
        "no object or has `anyOf`, and objects of which a property is not required or `additionalProperties` is not "
        "false. "
        "A bound that is too large for a grammar is held as the nearest one within it: integers below 2^63, other "
        "numbers up to 2^53, counts up to 20,000. Numbers keep within these also where they have no bound, and have no "
        "exponent and 9 digits after the point at most: they end by themselves. Other numbers, and unless `strict` "
        "whatever else no grammar holds, are said in words and checked, and the answer is asked for again once (a "
        "strict one that is invalid again is an error). `tool_choice` may be `allowed_tools`, of which alone the model "
        "then reads; a choice of a custom tool is refused. Tool messages follow the calls that they answer, and every "
        "call is answered before the next turn. Lists take `metadata[key]=value` as a filter. "
        "With `store` a call also becomes a captured example: `domain`, `task_type` and `rating` (1 to 5) of its "
        "`metadata` are taken over (it is unrated without one), "
        "and updating `rating` rates the example. An answer has U+FFFD in place of a NUL "
        "character or half a character, here and in responses: what is stored is what was answered. Stored messages "
        "keep their roles, of which the SDK's type knows `assistant` alone."
    ),
    "Responses": (
        "A response has the answer of the chat completion of its conversation. Items are messages of text, function "
        "calls and their outputs, and references to stored items; reasoning items of other models are kept and not "
        "read. Streams have every event of text and function calls, and no `[DONE]`. Unless `store` is false, a "
        "response can be retrieved, continued by `previous_response_id` and deleted, and is captured as an example as "
        "for chat. A stream that fails, or whose reader leaves, is stored with as much of its answer as there is "
        "(`failed` or `cancelled`), and extends no conversation. A deleted response ends the chain: what continued it "
        "cannot be continued. An answer that is cut off ends with `response.incomplete`, as at OpenAI: "
        "`get_final_response()` of openai-python's `responses.stream` waits for `response.completed` and raises then "
        "(openai-python#3538); its answer is `event.response` of that last event. "
        "`input_items` are those of the request itself. `cancel` and `stream` on retrieval need "
        "background responses and are refused, as is `compact`."
    ),
    "Conversations": (
        "A response with `conversation` continues its items, and appends those it was sent and its answer. Deleting a "
        "conversation deletes its items, but those of stored responses."
    ),
    "Completions": (
        "Prompts are texts or token ids of the model's own vocabulary, and are continued as they are. `echo` with "
        "`logprobs` returns the log probabilities of the prompt's tokens, the first one null, as evaluation harnesses "
        "need them: by a forward pass of transformers (the `train` extra) over the model's folder, which models of "
        "other hosts and checkpoints that are adapters do not have here."
    ),
    "Embeddings": (
        "`wordllama` is built in; any other model is a folder named by `--alias NAME=PATH`: an encoder in Hugging "
        "Face's or sentence-transformers' layout (static ones too), pooled and normalized as its modules.json says "
        "(the mean without one). Texts that are longer than the model reads are refused, never truncated."
    ),
    "Graders": (
        "A place of a template is a path into `item` or `sample` (`output_text`, `output_json`, `output_tools`, "
        "`choices`). What prevents a reward is flagged in `metadata.errors`, in words in its `details`, and then "
        "`reward` is 0; a grader that is itself invalid is refused with 400. `fuzzy_match` is 1 - Levenshtein distance "
        "/ length, `cosine` of wordllama's embeddings, ROUGE its F1, `meteor` without WordNet's synonyms. "
        "`graders` of a multi grader is one grader or an object of graders by name; `calculate_output` takes + - * / ^ "
        "and min, max, abs, floor, ceil, exp, sqrt, log. Judges answer greedily unless a temperature is given; "
        "`reasoning_effort` and `image_tag` change nothing. Images and audio are refused."
    ),
    "Batches": (
        "Each request is answered as one that a client sends, and its line is in the output file (status 200) or the "
        "error file. A file has up to 50,000 requests of one model; invalid lines fail the batch and are in `errors` "
        "with their numbers. A cancelled batch keeps what was answered; requests that are not answered within 24 hours "
        "are in the error file as `batch_expired`. A batch that has ended cannot be cancelled (400)."
    ),
    "Messages": (
        "These are Anthropic's, for applications that were written for its SDKs: parameters are as its API states "
        'them, errors have its shape, `{"type": "error", "error": {"type", "message"}, "request_id"}`, and its '
        "status where the server is overloaded (529). A key may come as `x-api-key`; by `anthropic-version` a list of "
        "models is Anthropic's, the newest first; `anthropic-beta` changes nothing. A message has the answer of the "
        "chat completion of its conversation, and is "
        "not stored. Thinking that is sent back is of another model and left out; images, documents and blocks of "
        "tools that Anthropic runs are refused by name. A result with `is_error` begins with `Error:`, unless its text "
        "says so itself, as in rows to train on. Results stand right after their calls, and the last message is not "
        "the assistant's (no prefill). `input_tokens` of `message_start` is 0 where a model's host counts at the end: "
        "`message_delta` has both counts, which are 0 only where the host reports none. "
        "What `max_tokens` cuts off in a call leaves an empty `input`. Schemas of "
        "`output_config` are held as far as a grammar can; the rest is checked, and the answer asked for again once."
    ),
    "Routes": (
        "These are of this server alone, and no part of OpenAI's API. A route is a name that applications send as "
        "`model`, with a policy of what answers it; see [Routes](routes.md)."
    ),
    "Models": (
        "`shutdown_date` is null: models here have no shutdown date. Routes, which clients name as a model, are listed "
        "with the owner `route`."
    ),
}


def page() -> str:
    """The page's text."""
    parts = [INTRODUCTION]
    for tag in TAGS:
        parts.append(f"## {tag}\n")
        parts.append("\n".join(["| endpoint | query parameters |", "|---|---|", *_endpoints(tag)]) + "\n")
        if tag in NOTES:
            parts.append(NOTES[tag] + "\n")
        rows = [f"| `{name}` | supported | {note} |" for name, note in FORMS.get(tag, [])]
        for call, model in BODIES.get(tag, []):
            rows += [f"| `{call}`: `{name}` | {support} | {why} |" for name, support, why in parameters(model)]
        if rows:
            parts.append("\n".join(["| body parameter | | |", "|---|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def _endpoints(tag: str) -> Iterator[str]:
    for resource in RESOURCES:
        for route in resource.router.routes:
            if isinstance(route, APIRoute) and tag in route.tags:
                method = min(route.methods or {"?"})
                queries = ", ".join(_query(field) for field in fields(route.dependant))
                yield f"| {method} `/v1{route.path.replace(':path', '')}` | {queries} |"


def _query(field: QueryField) -> str:
    limits = bounds(field.constraints)
    return f"`{field.name}` ({limits})" if limits else f"`{field.name}`"


def bounds(constraints: Sequence[object]) -> str:
    """The limits of a field in words; empty where it has none that a client may meet."""
    found = {name: getattr(each, name) for each in constraints for name in _LIMITS if hasattr(each, name)}
    low, high = (next((found[name] for name in names if name in found), None) for names in _PAIRS)
    low = None if low is not None and low <= -_LARGE else low
    high = None if high is not None and high >= _LARGE else high
    word = "length " if "max_length" in found or "min_length" in found else "above " if "gt" in found else ""
    if low is None:
        return "" if high is None else f"{word}up to {high}"
    return f"{word}{low} or more" if high is None else f"{word}{low} to {high}"


def parameters(model: type[BaseModel]) -> list[tuple[str, str, str]]:
    """Name, support and reason of each parameter of a request: the supported ones first, of which OpenAI's first."""
    found = []
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        support = str(extra.get("support", "supported"))
        required = "required" if field.is_required() else ""
        words = (required, bounds(field.metadata) if support == "supported" else "", str(extra.get("why", "")))
        found.append((field.alias or name, support, "; ".join(filter(None, words))))
    return sorted(found, key=lambda row: (SUPPORT.index(row[1]), BEYOND in row[2]))


if __name__ == "__main__":
    sys.stdout.write(page())
