"""Token counts against another implementation, npm's gpt-tokenizer."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fine_tuning._util.encodings import encoding_of
from fine_tuning.datasets import token_counts
from fine_tuning.errors import DataError
from tests.conftest import SHARED
from tests.datasets.test_building import build, write
from tests.node import installed

COUNT = """
import { readFileSync } from "node:fs";
const [module, file, model] = process.argv.slice(2);
const { encode, encodeChat } = await import(`gpt-tokenizer/${module}`);
const { texts, chats } = JSON.parse(readFileSync(file, "utf8"));
console.log(JSON.stringify({
  texts: texts.map((text) => encode(text).length),
  chats: chats.map((chat) => encodeChat(chat, model).length),
}));
"""
TEXTS = [
    "", " ", "\n\n\n", "Hello, world!", "  leading and trailing  ", "don't can't I'll we've", "1234567890 12.5 1,000",
    "Straße, Öl und Übung; naïve café", "東京は夜の七時", "안녕하세요 세계", "مرحبا بالعالم", "🎉👩‍👩‍👧‍👦 emoji 🏳️‍🌈",
    "def f(x):\n    return x ** 2  # squared\n", "\t\ttabs\r\nand\r\nlines", '{"intent": "refund", "order": "A-1009"}',
    "https://example.org/a?b=c&d=%20e#f", "ALLCAPS CamelCase snake_case kebab-case", "a" * 300, "ab " * 200,
]  # fmt: skip
CHATS: list[list[dict[str, Any]]] = [
    [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}],
    [{"role": "system", "content": "Be brief."}, *({"role": "user", "content": text} for text in TEXTS[3:12])],
]


def more_texts() -> list[str]:
    """Questions of people, where the data is there."""
    file = SHARED / "data" / "banking77" / "test.csv"
    return file.read_text(encoding="utf-8").splitlines()[1:1001] if file.is_file() else []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "module"), [("gpt-4.1-mini", "model/gpt-4o"), ("gpt-3.5-turbo", "model/gpt-3.5-turbo")]
)
def test_token_counts_match_gpt_tokenizer(model: str, module: str, tmp_path: Path) -> None:
    folder = installed(tmp_path, "gpt-tokenizer@3")
    (folder / "count.mjs").write_text(COUNT)
    texts = [*TEXTS, *more_texts()]
    (folder / "texts.json").write_text(json.dumps({"texts": texts, "chats": CHATS}))
    name = module.removeprefix("model/")
    command = ["node", "count.mjs", module, "texts.json", name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    theirs = json.loads(done.stdout)
    encoding = encoding_of(model)
    assert encoding is not None
    assert [len(encoding.encode_ordinary(text)) for text in texts] == theirs["texts"]
    count = token_counts.counter(model, folder)
    # Of gpt-3.5-turbo it counts the chat format of the first version, with a line break more a message.
    more = [len(chat) if name == "gpt-3.5-turbo" else 0 for chat in CHATS]
    assert [count({"messages": chat}) + breaks for chat, breaks in zip(CHATS, more, strict=True)] == theirs["chats"]


def test_token_counts_very_long_text_is_counted(tmp_path: Path) -> None:
    count = token_counts.counter("gpt-4o", tmp_path)
    words = "lamp " * 500_000
    assert count({"messages": [{"role": "user", "content": words}]}) == pytest.approx(500_000, rel=0.01)


def test_token_counts_open_model_match_its_trainer(tiny_model_dir: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    from fine_tuning.training.loop.chat_tokens import tokenise

    tokenizer = AutoTokenizer.from_pretrained(tiny_model_dir)
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"What is {n}?"},
                {"role": "assistant", "content": "A number, I say."},
            ]
        }
        for n in range(12)
    ]
    rows[0]["tools"] = [tool]
    count = token_counts.counter(str(tiny_model_dir), tmp_path)
    for row in rows:
        ids, _ = tokenise(row["messages"], row.get("tools"), tokenizer, "here")
        assert count(row) == len(ids)
    assert token_counts.row_limit(str(tiny_model_dir), tmp_path) == 512
    made = build("open", write(tmp_path / "rows.jsonl", rows), tokens_of=str(tiny_model_dir))
    assert made["lengths"]["total"] == sum(map(count, rows))
    long = {"messages": [{"role": "user", "content": "word " * 600}, {"role": "assistant", "content": "x"}]}
    made = build("open", write(tmp_path / "rows.jsonl", [*rows, long]), tokens_of=str(tiny_model_dir))
    assert [finding["code"] for finding in made["findings"]] == ["too-many-tokens"]


@pytest.mark.parametrize(
    ("model", "detail", "tokens"),
    [
        ("gpt-4o-2024-08-06", "low", 85),
        ("gpt-4o-2024-08-06", None, 85 + 8 * 170),
        ("gpt-4o-mini-2024-07-18", "low", 2833),
        ("gpt-4.1-mini", "high", round(1536 * 1.62)),
    ],
)
def test_token_counts_images_as_openai_bills_them(model: str, detail: str | None, tokens: int, tmp_path: Path) -> None:
    image: dict[str, Any] = {"url": "https://host.example/a.png", **({"detail": detail} if detail else {})}
    content = [{"type": "text", "text": "What is this?"}]
    answer = {"role": "assistant", "content": "A cat."}
    count = token_counts.counter(model, tmp_path)
    plain = count({"messages": [{"role": "user", "content": content}, answer]})
    shown = [*content, {"type": "image_url", "image_url": image}]
    assert count({"messages": [{"role": "user", "content": shown}, answer]}) == plain + tokens


def test_token_counts_images_of_a_model_without_them_are_unknown(tmp_path: Path) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://host.example/a.png"}}
    with pytest.raises(DataError, match="reads no images"):
        token_counts.counter("gpt-3.5-turbo-0125", tmp_path)({"messages": [{"role": "user", "content": [image]}]})
