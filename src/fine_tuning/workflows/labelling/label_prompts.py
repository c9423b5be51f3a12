"""Prompts to label: rows of any format whose answer is missing, or is to be given anew."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fine_tuning._util.files import open_to_read, parse_json
from fine_tuning.candidates.candidate import Request
from fine_tuning.data_io import sources
from fine_tuning.data_io.formats import half_calls, vendor_request
from fine_tuning.data_io.json_values import JsonObject, is_list, is_object, parse_embedded_json
from fine_tuning.data_io.messages import Message, content_text, length_of_request, messages_of_example
from fine_tuning.data_io.sources import RawRow
from fine_tuning.data_io.sources.batch_requests import is_request_row, request_in
from fine_tuning.data_io.sources.raw_row import to_json_bytes
from fine_tuning.distillation.import_report import Defaults, ImportReport
from fine_tuning.distillation.row_reader import Import
from fine_tuning.errors import DataError
from fine_tuning.store.records.examples import CapturedCall

STAND_IN = "This prompt has no answer."  # in the place of an answer while a row is read
_ANSWER_OF = {"prompt": "response", "instruction": "output", "question": "answer"}
_ALONE = ("input", "query", "text", "message", "user", "user_input", "utterance")  # names of a prompt's only column
_REQUESTS = ("request", "request_body", "requestBody", "modelInput")
_TURN_KEYS = (("role", "content"), ("from", "value"))
_MACHINES = {"assistant", "gpt", "model", "ai", "bot", "chatbot"}


@dataclass(frozen=True)
class Prompt:
    """A request without an answer.

    Attributes:
        record: the row as the record of a call, whose answer is another or none.
    """

    request: Request
    record: CapturedCall


@dataclass(frozen=True)
class Prompts:
    """The prompts of files, each once; repeated: how many rows had a prompt of another row."""

    found: Sequence[Prompt]
    report: ImportReport
    repeated: int


def read_prompts(files: Iterable[str], defaults: Defaults) -> Prompts:
    """The prompts of files of any format; a row with an answer gives the prompt of that.

    A text file has a prompt a line.

    Raises:
        NotFoundError, DataError: a file is missing or cannot be read, or there is no prompt in any.
    """
    run = Import(defaults, (row for file in sources.expand(list(files)) for row in map(_unanswered, _rows(file))))
    found: dict[str, Prompt] = {}
    count = 0
    for call in run.all_calls():
        prompt = prompt_of(call.better)
        count += 1
        found.setdefault(json.dumps(prompt.request, sort_keys=True), prompt)
    if not found:
        rejected = run.report.rejected
        why = f": {rejected[0]['file']}, line {rejected[0]['line']}: {rejected[0]['reason']}" if rejected else ""
        raise DataError(f"there is no prompt to label{why}")
    return Prompts(list(found.values()), run.report, count - len(found))


def prompt_of(record: CapturedCall) -> Prompt:
    """The prompt of a call."""
    messages = messages_of_example(record)
    prompt = messages[: length_of_request(messages)]
    return Prompt(Request(prompt, record["tools"] or ()), record)


def _rows(file: str) -> Iterator[RawRow]:
    """The rows of a file; of plain text, its lines."""
    if not file.endswith(".txt") or sources.is_remote(file):
        yield from sources.read(file)
        return
    with open_to_read(file) as stream:
        head = stream.read(4096).lstrip()
    if head[:1] in {b"{", b"["} or b"\t" in head.partition(b"\n")[0]:
        yield from sources.read(file)
        return
    with open_to_read(file) as stream:
        for number, line in enumerate(stream, 1):
            if text := line.decode("utf-8-sig", "replace").strip():
                yield RawRow(file, number, to_json_bytes({"prompt": text}))


def _unanswered(raw: RawRow) -> RawRow:
    """The row with a stand-in where its answer is missing; a row that cannot be parsed as it is, to be reported."""
    try:
        row = parse_json(raw.text or b"")
    except DataError:
        return raw
    return raw._replace(text=to_json_bytes(_with_stand_in(row))) if is_object(row) else raw


def _with_stand_in(row: JsonObject) -> JsonObject:
    if (request := _request(row)) is not None:
        return _answered_request(request)
    for key in ("messages", "conversations", "conversation"):
        turns = parse_embedded_json(row.get(key))
        if is_list(turns) and turns and is_object(turns[-1]):
            return {**row, key: _ended(turns)}
    for key, answer in _ANSWER_OF.items():
        if row.get(key):
            return row if any(row.get(each) for each in _answer_keys(answer)) else {**row, answer: STAND_IN}
    alone = {key: text for key in _ALONE if isinstance(text := row.get(key), str) and text.strip()}
    if len(alone) == 1:
        rest = {key: value for key, value in row.items() if key not in alone}
        return {**rest, "prompt": next(iter(alone.values())), "response": STAND_IN}
    return row


def _request(row: JsonObject) -> JsonObject | None:
    """A request as a vendor's API takes it, which the row is or holds without a response; None where it has none."""
    if is_request_row(row):
        return request_in(row)
    if half_calls.reason(row) is not None:
        held = (parse_embedded_json(row.get(key)) for key in _REQUESTS)
        if (found := next(filter(is_object, held), None)) is not None:
            return found
    is_request = vendor_request.is_request(row) or vendor_request.is_responses_request(row)
    return row if is_request and "messages" not in row else None


def _answer_keys(answer: str) -> tuple[str, ...]:
    return ("response", "completion", "reference") if answer == "response" else (answer, "answers")


def _answered_request(request: JsonObject) -> JsonObject:
    """A request as a vendor's API takes it, beside a stand-in for the response."""
    message = {"role": "assistant", "content": STAND_IN}
    if vendor_request.is_responses_request(request):
        output = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": STAND_IN}]}
        return {"request": request, "response": {"object": "response", "status": "completed", "output": [output]}}
    return {"request": request, "response": {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}}


def _ended(turns: Sequence[object]) -> list[object]:
    """The turns of a conversation, which ends with an answer."""
    last = turns[-1] if is_object(turns[-1]) else {}
    for role, content in _TURN_KEYS:
        if role in last:
            if str(last[role]).lower() in _MACHINES:
                break
            name = "assistant" if role == "role" else "gpt"
            return [*turns, {role: name, content: STAND_IN}]
    return list(turns)


def with_system(messages: Sequence[Message], system: str | None) -> list[Message]:
    """A request with instructions before its own."""
    if system is None:
        return list(messages)
    first = messages[0] if messages else None
    if first is not None and first["role"] in ("system", "developer"):
        both = f"{system}\n\n{content_text(first.get('content'))}"
        return [{**first, "content": both}, *messages[1:]]
    return [{"role": "system", "content": system}, *messages]
