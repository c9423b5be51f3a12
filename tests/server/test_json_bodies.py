"""Bodies that are no JSON, or that two readers take differently: 400 on every route, with what is wrong."""

from __future__ import annotations

import json
import re

import httpx
import pytest

from fine_tuning.evaluation.graders.model_graders import SamplingParams
from fine_tuning.server.job_request import Hyperparameters
from tests.server.conftest import ALIAS

JSON = {"content-type": "application/json"}
DEEP = 10_000
TWICE = b'{"metadata": {}, "metadata": {}}'

UNREADABLE: dict[str, tuple[bytes, str]] = {
    "key twice": (b'{"model": "a", "model": "b"}', 'the key "model" occurs more than once in an object'),
    "nested key twice": (b'{"messages": [{"a": {"b\\u00e9": 1, "b\xc3\xa9": 2}}]}', "occurs more than once"),
    "deep": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, "nested too deeply"),
    "huge number": (b'{"max_tokens": ' + b"9" * 5000 + b"}", "a number has thousands of digits"),
    "other encoding": ('{"model": "a"}'.encode("utf-16"), "not UTF-8 text (byte 0)"),
    "cut character": (b'{"model": "\xc3"}', "not UTF-8 text (byte 11)"),
    "blank": (b" ", "not JSON (Expecting value)"),
    "more data": (b'{"model": "a"} {}', "not JSON (Extra data)"),
    "cut off": (b'{"model": "a"', "not JSON (Expecting ',' delimiter)"),
}
NOT_USABLE = {
    "NaN": (b'{"temperature": NaN}', "numbers must be finite"),
    "infinite": (b'{"temperature": 1e999}', "numbers must be finite"),
    "lone surrogate": (b'{"model": "\\ud800"}', "lone surrogate"),
    "empty": (b"", "must be a JSON object"),
    "array": (b"[]", "must be a JSON object"),
    "null": (b"null", "must be a JSON object"),
}


def refused(response: httpx.Response) -> dict[str, str | None]:
    assert response.status_code == 400, response.text
    error: dict[str, str | None] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    return error


@pytest.mark.parametrize("name", [*UNREADABLE, *NOT_USABLE])
def test_bad_body_is_refused(address: str, name: str) -> None:
    body, words = (UNREADABLE | NOT_USABLE)[name]
    error = refused(httpx.post(f"{address}/chat/completions", content=body, headers=JSON))
    assert error["message"] is not None
    assert words in error["message"]
    assert (error["code"] == "invalid_json") == (name in UNREADABLE), error


def test_byte_order_mark_is_read(address: str) -> None:
    body = {"model": ALIAS, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
    sent = b"\xef\xbb\xbf" + json.dumps(body).encode()
    assert httpx.post(f"{address}/chat/completions", content=sent, headers=JSON, timeout=30).status_code == 200


def test_key_twice_is_refused_on_every_route(address: str) -> None:
    paths = httpx.get(f"{address.removesuffix('/v1')}/openapi.json", timeout=60).json()["paths"]
    routes = [
        (method, path)
        for path, methods in paths.items()
        for method, about in methods.items()
        if "application/json" in about.get("requestBody", {}).get("content", {})
    ]
    assert len(routes) > 15, routes
    for method, path in routes:
        at = address.removesuffix("/v1") + re.sub(r"\{\w+\}", "x", path)
        response = httpx.request(method, at, content=TWICE, headers=JSON, timeout=30)
        if path.startswith("/v1/messages"):  # Anthropic's, whose errors have no code
            assert response.json()["error"]["type"] == "invalid_request_error", (method, path, response.text)
        else:
            assert refused(response)["code"] == "invalid_json", (method, path, response.text)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "missing_required_parameter"),
        ({"messages": []}, "empty_array"),
        ({"messages": 1}, "invalid_type"),
        ({"party": 1}, "unknown_parameter"),
        ({"temperature": 3}, "decimal_above_max_value"),
        ({"temperature": 2.5}, "decimal_above_max_value"),
        ({"n": 0}, "integer_below_min_value"),
        ({"tool_choice": "some"}, "invalid_value"),
    ],
)
def test_code_is_a_word_of_the_api(address: str, fields: dict[str, object], code: str) -> None:
    asked = {"model": ALIAS, "messages": [{"role": "user", "content": "hi"}]} | fields
    response = httpx.post(f"{address}/chat/completions", json=asked if fields else {})
    assert refused(response)["code"] == code


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("files?limit=0", 400, "integer_below_min_value"),
        ("files/none", 404, "file_object_not_found"),
        ("fine_tuning/jobs/none", 404, "fine_tuning_job_not_found"),
    ],
)
def test_code_of_a_query_is_one_word(address: str, path: str, status: int, code: str) -> None:
    response = httpx.get(f"{address}/{path}", timeout=30)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize("resource", ["moderations", "images/generations", "audio/speech"])
def test_resource_that_is_not_served_is_named(address: str, resource: str) -> None:
    response = httpx.post(f"{address}/{resource}", json={"model": ALIAS, "input": "hi"}, timeout=30)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (404, "unknown_url")
    assert f"POST /v1/{resource}; /docs lists what is served" in error["message"]


@pytest.mark.parametrize(
    ("path", "more", "name"),
    [
        ("chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}, "max_tokens"),
        ("chat/completions", {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}, "n"),
        ("completions", {"prompt": "Hi"}, "max_tokens"),
        ("responses", {"input": "Hi"}, "max_output_tokens"),
        ("embeddings", {"model": "wordllama", "input": "Hi"}, "dimensions"),
    ],
)
def test_whole_number_with_a_point_is_an_integer(address: str, path: str, more: dict[str, object], name: str) -> None:
    def ask(value: object) -> httpx.Response:
        return httpx.post(f"{address}/{path}", json={"model": ALIAS, **more, name: value}, timeout=60)

    answer = ask(64.0 if name == "dimensions" else 2.0)
    assert answer.status_code == 200, answer.text
    for wrong in (2.5, 1e300, "2", True):
        assert refused(ask(wrong))["message"].startswith(f"Invalid type for '{name}': expected an integer")  # type: ignore[union-attr]


def test_hyperparameters_and_lifetimes_with_a_point_are_integers() -> None:
    assert Hyperparameters.model_validate({"n_epochs": 2.0, "batch_size": "auto"}).n_epochs == 2
    assert SamplingParams.model_validate({"seed": 3.0}).seed == 3
    with pytest.raises(ValueError, match="valid integer"):
        Hyperparameters.model_validate({"n_epochs": 2.5})
