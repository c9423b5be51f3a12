"""Calls of tools in every way in which models and hosts write them."""

from __future__ import annotations

import json

import pytest

from fine_tuning.evaluation.tool_call_match import matches


def call(name: str = "f", **arguments: object) -> str:
    return json.dumps([{"name": name, "arguments": arguments}])


def call_with_text(arguments: str) -> str:
    return json.dumps([{"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}])


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        (call(n=1.0), call(n=1), True),
        (call(n=[1, {"m": 2.0}]), call(n=[1.0, {"m": 2}]), True),
        (call(n=1e15), call(n=10**15), True),
        (call(n=10**18 + 1), call(n=10**18), False),
        (call(n=True), call(n=1), False),
        (call(n="1"), call(n=1), False),
        (call(n=[1, 2]), call(n=[2, 1]), False),
        (call(n=None), call(), False),
        (call(n=2), call(n=1), False),
        (call(n=1, m=2), call(n=1), False),
        (call("g", n=1), call(n=1), False),
        (call("F", n=1), call(n=1), False),
        (call_with_text('{"b": 1, "a": 2.0}'), call(a=2, b=1), True),
        (call_with_text(""), call(), True),
        (call_with_text("{}"), '{"name": "f"}', True),
        (call_with_text("null"), call(), True),
        (call_with_text("[]"), call(), False),
        (call_with_text("{n"), call_with_text("{n"), True),
        (call_with_text("{n"), call_with_text("{m"), False),
        (call(to="Zoe\u0308"), call(to="Zo\u00eb"), True),
        ('```json\n{"name": "f", "arguments": {"n": 1}}\n```', call(n=1), True),
        ('{"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}', call(), True),
        ('{"role": "assistant", "content": null, "tool_calls": [{"name": "f"}]}', call(), True),
        ('{"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}, "content": ""}', call(), True),
        ('[{"type": "text", "text": "Now"}, {"type": "tool_use", "name": "f", "input": {"n": 1}}]', call(n=1), True),
        ('[{"functionCall": {"name": "f", "args": {"n": 1}}}]', call(n=1), True),
        ('Now: <tool_call>{"name": "f", "arguments": {}}</tool_call>', call(), True),
        (call(), '<tool_call>{"name": "f"}</tool_call>', True),
        ("<tool_call>{f}</tool_call>", call(), False),
        ("I would call f.", call(), False),
        ("", call(), False),
        ("[]", call(), False),
        ("[]", "[]", True),
        ("It is sunny.", "[]", True),
        ("", "[]", True),
        ("42", "[]", True),
        ("null", "[]", True),
        ('{"role": "assistant", "content": "It is sunny."}', '{"tool_calls": null}', True),
        (call(), "[]", False),
        ('[{"name": "f"', "[]", False),
        ("<tool_call>{f}</tool_call>", "[]", False),
        ('{"sunny": true}', "[]", False),
    ],
)
def test_calls_match_by_name_and_arguments(prediction: str, reference: str, expected: bool) -> None:
    assert matches(prediction, reference) is expected


def test_calls_in_another_order_match() -> None:
    one, two = {"name": "a", "arguments": {"x": 1}}, {"name": "b", "arguments": "{}"}
    assert matches(json.dumps([one, two]), json.dumps([two, one]))
    assert not matches(json.dumps([one]), json.dumps([one, one]))
    assert not matches(json.dumps([one, two]), json.dumps([one]))


@pytest.mark.parametrize("depth", [100, 450, 700, 900, 960, 990, 2000, 100_000])
def test_calls_with_deep_arguments_do_not_crash(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    assert not matches(f'[{{"name": "f", "arguments": {{"n": {nested}}}}}]', call(n=1))
    assert not matches(call_with_text(f'{{"n": {nested}}}'), call(n=1))
