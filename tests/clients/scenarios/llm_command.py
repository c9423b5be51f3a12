"""The command `llm`: a model of its own list, answers, streams, schemas, tools, completions and embeddings."""

import json
import os
import sys
import tempfile
from pathlib import Path

from click.testing import CliRunner
from llm.cli import cli

BASE_URL, MODEL = sys.argv[1:]
MODELS = f"""
- {{model_id: ours, model_name: {MODEL}, api_base: {BASE_URL}, supports_schema: true, supports_tools: true}}
- {{model_id: base, model_name: {MODEL}, api_base: {BASE_URL}, completion: true}}
"""
KIND = {"type": "object", "properties": {"kind": {"enum": ["billing", "technical"]}}, "required": ["kind"]}


def ask(*arguments: str) -> str:
    told = CliRunner().invoke(cli, [*arguments, "--key", "any", "-o", "temperature", "0"], catch_exceptions=False)
    assert told.exit_code == 0, told.output
    return told.stdout.strip()


with tempfile.TemporaryDirectory() as folder:
    os.environ["LLM_USER_PATH"] = folder
    Path(folder, "extra-openai-models.yaml").write_text(MODELS)
    short = ("-o", "max_tokens", "8")
    assert ask("-m", "ours", *short, "Hello")
    assert ask("-m", "ours", "--no-stream", *short, "Hello")
    assert ask("-m", "ours", "-c", *short, "Again")  # goes on with what its log holds
    assert ask("-m", "base", *short, "The capital of France is")
    typed = ask("-m", "ours", "--schema", json.dumps(KIND), "-o", "max_tokens", "60", "My invoice is wrong")
    assert json.loads(typed)["kind"] in {"billing", "technical"}, typed
    assert ask("-m", "ours", "-T", "llm_version", "--cl", "2", "-o", "max_tokens", "60", "Which version?")
