"""Answers as LangChain's models give them, a list of generations for each request, and requests that were run together.

Source: https://reference.langchain.com/python/langchain_core/outputs
"""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.call import Choice
from fine_tuning.data_io.choices import one_of
from fine_tuning.data_io.dialects.conversation import read_answer
from fine_tuning.data_io.finish_reasons import reason_in
from fine_tuning.data_io.json_values import Row, is_list, is_object, object_or_empty, parse_embedded_json
from fine_tuning.data_io.usage import usage_of
from fine_tuning.errors import DataError

_REQUESTS = ("messages", "prompts", "prompt", "inputs")
_ANSWERS = ("generations", "choices", "outputs", "responses", "output")


def first_generation(given: object, label: str) -> Choice:
    """The first of the generations of a response.

    Args:
        label: what they are, for messages of errors.

    Raises:
        DataError: it has no message and no text.
    """
    while is_list(given) and given:  # a list for each request, of alternatives
        given = one_of(given)
    first = object_or_empty(given)
    message = first.get("message")
    if not is_object(message) and isinstance(text := first.get("text"), str):
        return Choice(read_answer(text, label), reason_in(first))
    if not is_object(message):
        raise DataError(f"{label}.generations has no message")
    facts = object_or_empty(message.get("kwargs")) or message
    return Choice(read_answer(message, label), reason_in(first), usage_of(facts.get("usage_metadata")))


def requests_of(inputs: object, outputs: object) -> Iterator[tuple[object, object]]:
    """Each of several requests with its answer; one request as it is.

    Raises:
        DataError: there are not as many answers.
    """
    sent = object_or_empty(inputs)
    name = next((key for key in _REQUESTS if _is_batch(parse_embedded_json(sent.get(key)))), None)
    requests = parse_embedded_json(inputs if name is None else sent[name])
    if not is_list(requests) or not _is_batch(requests):
        yield inputs, outputs
        return
    came = object_or_empty(outputs)
    key = next((key for key in _ANSWERS if is_list(parse_embedded_json(came.get(key)))), None)
    answers = parse_embedded_json(outputs if key is None else came[key])
    if len(requests) == 1 and (not is_list(answers) or len(answers) != 1 or isinstance(requests[0], list)):
        answers, key = [outputs], None
    if not is_list(answers) or len(answers) != len(requests):
        raise DataError(
            f"{name or 'the input'} holds {len(requests)} requests, and {key or 'the output'} not as many answers"
        )
    others = {each: value for each, value in sent.items() if each != name}
    for request, answer in zip(requests, answers, strict=True):
        messages = [{"role": "user", "content": request}] if isinstance(request, str) else request
        yield {**others, "messages": messages}, _response(came, key, answer)


def _response(came: Row, key: str | None, answer: object) -> object:
    """One answer, with what else its response says; of OpenAI's earlier API its text."""
    given = object_or_empty(answer)
    if key == "generations" or (key == "choices" and "message" in given):
        return {**came, key: [answer]}
    return given["text"] if isinstance(given.get("text"), str) else answer


def _is_batch(given: object) -> bool:
    """Whether a value is a list of prompts, or of lists of messages."""
    if not is_list(given) or not given:
        return False
    are_lists = all(is_list(each) and each and all(map(is_object, each)) for each in given)
    return are_lists or all(isinstance(each, str) for each in given)
