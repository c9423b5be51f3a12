"""Tools of chat templates that write them: the model reads them as in training, and llama.cpp takes every schema."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from fine_tuning.export.gguf import export_gguf
from fine_tuning.serving.engine import Engine
from fine_tuning.serving.llama_cpp_engine import LlamaCppOptions, open_llama_cpp
from fine_tuning.serving.llama_cpp_tools import readable_schema, readable_tool
from fine_tuning.serving.prompted_tools import with_tools_and_checks
from tests.data_io.test_schema_references import REFERRING
from tests.server.test_answer_forms import BEYOND, HELD, IN_WORDS, INVALID, WITHIN, of

TEMPLATE = """{%- if tools %}<|im_start|>system
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
<|im_end|>
{% endif %}
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}
{%- for call in message.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
ASKED = [{"role": "user", "content": "Hi"}]
PLACE = {"type": "string", "title": "P", "description": "A city.", "examples": ["Rome"], "default": "Paris"}
DESCRIBED = of({"place": PLACE}, title="Asked")
UNHELD = {"type": "object", "properties": {"url": {"type": "string", "format": "uri", "maxLength": 9}}}
SCHEMAS: dict[str, Any] = {
    **{name: {"type": "object", **schema} for name, schema in REFERRING.items()},
    **HELD,
    **IN_WORDS,
    **{name: of({"a": schema}) for name, schema in BEYOND.items()},
    **{name: of({"a": schema}) for name, (schema, _) in WITHIN.items()},
    **INVALID,
    "any item": of({"a": {"type": "array", "items": True}, "b": {"prefixItems": [{}, False], "items": False}}),
    "any choice": of({"a": {"anyOf": [True, {"type": "null"}]}}, **{"$defs": {"x": False}}),
    "long": of({"a": {"type": "string", "minLength": 9_000, "maxLength": 90_000}}),
    "no values": of({"a": {"enum": []}, "b": {"type": []}, "c": {"type": "integer", "default": 10**30}}),
}


def tool(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {"name": "f", "description": "D.", "parameters": schema, **more},
    }


@pytest.fixture(scope="module")
def folder(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = shutil.copytree(tiny_model_dir, tmp_path_factory.mktemp("native") / "model")
    (found / "chat_template.jinja").write_text(TEMPLATE)
    return found


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[Engine]:
    gguf = export_gguf(folder, folder / "m.gguf", "f16")
    found = open_llama_cpp(gguf, "m", LlamaCppOptions(slots=1, context_length=8192))
    yield with_tools_and_checks(found, folder)
    found.close()


def answer(engine: Engine, declared: dict[str, Any], **more: Any) -> Any:
    settings: dict[str, Any] = {"temperature": 0, "max_tokens": 1, **more}
    return engine.complete(ASKED, tools=[declared], **settings)


@pytest.mark.parametrize("declared", [tool(DESCRIBED), tool(UNHELD)])
def test_model_reads_tools_as_in_training(engine: Engine, folder: Path, declared: dict[str, Any]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = tokenizer.apply_chat_template(ASKED, tools=[declared], tokenize=False, add_generation_prompt=True)
    assert answer(engine, declared).prompt_tokens == len(tokenizer(text, add_special_tokens=False)["input_ids"])


def test_no_schema_is_refused_where_no_call_is_required(engine: Engine) -> None:
    for name, schema in SCHEMAS.items():
        assert answer(engine, tool(schema)).finish_reason == "length", name


@pytest.mark.parametrize("name", ["another script", "recursion", "any choice", "long"])
def test_grammar_of_a_required_call_is_made(engine: Engine, name: str) -> None:
    assert answer(engine, tool(SCHEMAS[name]), tool_choice="required").finish_reason == "length"


def test_only_what_llama_cpp_refuses_is_changed() -> None:
    assert readable_schema(DESCRIBED) == DESCRIBED
    assert readable_tool(tool(UNHELD), is_required=False) == tool(UNHELD)
    assert "rules" in readable_tool(tool(UNHELD), is_required=True)["function"]["description"]
    given = {"properties": {"a": True, "b": {"$ref": "#"}, "c": {"$ref": "#/nowhere"}, "d": {"const": True}}}
    copied = {"properties": {"a": {}, "b": {"$ref": "#/$defs/referred-0"}, "c": {}, "d": {"const": True}}}
    assert readable_schema(given) == {**copied, "$defs": {"referred-0": copied}}
    itself = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    assert readable_schema(itself) == {"type": "object"}
