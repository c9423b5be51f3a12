"""Rows as public data sets have them, each with the call of one question and its answer."""

from __future__ import annotations

import json
from typing import Any

ASKED, ANSWERED = "Where is order 7?", "On its way."
SCHEMA = {"type": "object", "properties": {"order": {"type": "integer"}}, "required": ["order"]}
FUNCTION = {"name": "track", "description": "Where an order is", "parameters": SCHEMA}
TOOLS = [{"type": "function", "function": FUNCTION}]
GLAIVE: dict[str, Any] = {
    "system": "SYSTEM: You are a helpful assistant with access to the following functions. Use them if required -\n"
    + json.dumps(FUNCTION, indent=4),
    "chat": f"USER: {ASKED}\n\n\nASSISTANT: <functioncall> "
    + """{"name": "track", "arguments": '{"order": 7}'} <|endoftext|>\n\n\nFUNCTION RESPONSE: {"at": "a van"}\n\n\n"""
    + f"ASSISTANT: {ANSWERED} <|endoftext|>\n\n\n",
}
TOOLACE: dict[str, Any] = {
    "system": "You are an expert in composing functions. Today is Monday.\n"
    "Here is a list of functions in JSON format that you can invoke:\n"
    + json.dumps([{**FUNCTION, "name": "Track Order", "parameters": {**SCHEMA, "type": "dict"}, "required": None}])
    + ". \nShould you decide to return the function call(s). \nPut it in the format of "
    "[func1(params_name=params_value, params_name2=params_value2...), func2(params)]\n\n"
    "NO other text MUST be included. ",
    "conversations": [
        {"from": "user", "value": ASKED},
        {"from": "assistant", "value": "[Track Order(order=7)]"},
        {"from": "tool", "value": '[{"name": "Track Order", "results": {"at": "a van"}}]'},
        {"from": "assistant", "value": ANSWERED},
    ],
}
XLAM: dict[str, Any] = {
    "id": 1,
    "query": ASKED,
    "answers": json.dumps([{"name": "track", "arguments": {"order": 7}}]),
    "tools": json.dumps(
        [
            {
                "name": "track",
                "description": "Where an order is",
                "parameters": {
                    "order": {"description": "Its number", "type": "int"},
                    "tags": {"description": "Labels", "type": "List[str], optional", "default": ""},
                },
            }
        ]
    ),
}
SQUAD: dict[str, Any] = {
    "id": "1",
    "title": "Orders",
    "context": "",
    "question": ASKED,
    "answers": {"text": [ANSWERED], "answer_start": [0]},
}


def reply(text: str, role: str = "assistant", rank: int | None = None, *replies: dict[str, Any]) -> dict[str, Any]:
    """A message of OpenAssistant's."""
    return {
        "message_id": text,
        "text": text,
        "role": role,
        "lang": "en",
        "rank": rank,
        "deleted": False,
        "replies": [*replies],
    }


TREE: dict[str, Any] = {
    "message_tree_id": "t1",
    "tree_state": "ready_for_export",
    "prompt": reply(ASKED, "prompter", None, reply(ANSWERED)),
}


def node(key: str, parent: str | None, role: str, text: str, **facts: Any) -> dict[str, Any]:
    """A node of ChatGPT's export."""
    content = {"content_type": "text", "parts": [text]}
    message = {"id": key, "author": {"role": role, "name": None, "metadata": {}}, "create_time": 1764000000.5}
    whole = {**message, "content": content, "status": "finished_successfully", "recipient": "all", "weight": 1.0}
    return {"id": key, "parent": parent, "children": [], "message": {**whole, "metadata": {}, **facts}}


CHATGPT: dict[str, Any] = {
    "title": "Orders",
    "create_time": 1764000000.0,
    "mapping": {
        "root": {"id": "root", "message": None, "parent": None, "children": ["s"]},
        "s": node("s", "root", "system", ""),
        "q": node("q", "s", "user", ASKED),
        "a": node("a", "q", "assistant", ANSWERED, metadata={"model_slug": "gpt-4o"}),
    },
    "current_node": "a",
    "conversation_id": "c1",
    "gizmo_id": None,
}
COHERE: dict[str, Any] = {
    "model": "command-r",
    "preamble": "Be brief.",
    "message": ASKED,
    "chat_history": [],
    "text": ANSWERED,
    "generation_id": "g1",
    "finish_reason": "COMPLETE",
}

ONE_CALL: dict[str, dict[str, Any]] = {
    "glaive": GLAIVE,
    "toolace": TOOLACE,
    "xlam": XLAM,
    "squad": SQUAD,
    "oasst": TREE,
    "chatgpt": CHATGPT,
    "cohere": COHERE,
}
