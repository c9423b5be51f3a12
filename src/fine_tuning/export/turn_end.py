"""The token that ends an assistant's turn, by the chat template, among those at which generation stops.

Many base models name another token as the end of a text (`<|endoftext|>`) than the one that ends a turn
(`<|im_end|>`). Programs that read `eos_token_id` alone, such as transformers and vLLM, never stop there.
"""

from __future__ import annotations

from pathlib import Path

from fine_tuning._util.files import read_json, write_json
from fine_tuning.export.chat_template import rendered

_ANSWER = "The answer."
_FILES = ("config.json", "generation_config.json")


def turn_end(model_path: Path) -> int | None:
    """The id of the token that follows an answer in a longer chat; None where that is text, or cannot be told."""
    chat = [{"role": "user", "content": "A question."}, {"role": "assistant", "content": _ANSWER}]
    tokenizer = model_path / "tokenizer.json"
    text = rendered(model_path, chat, generation=False)
    if text is None or _ANSWER not in text or not tokenizer.is_file():
        return None
    after = text[text.rindex(_ANSWER) + len(_ANSWER) :].lstrip()
    added = {str(each["content"]): int(each["id"]) for each in read_json(tokenizer).get("added_tokens") or []}
    found = max((token for token in added if token and after.startswith(token)), key=len, default=None)
    return None if found is None else added[found]


def with_turn_end(known: int | list[int] | None, model_path: Path) -> list[int]:
    """The ends of a text that settings name, and that of a turn of the folder's model, first."""
    ends = known if isinstance(known, list) else [known] if known is not None else []
    token = turn_end(model_path)
    return ends if token is None or token in ends else [token, *ends]


def stop_at_turn_end(model_path: Path) -> None:
    """Name the end of a turn in the settings of a model folder, beside the ends that they have."""
    settings = {name: read_json(path) for name in _FILES if (path := model_path / name).is_file()}
    known = [ends for each in settings.values() if (ends := each.get("eos_token_id")) is not None]
    ends = with_turn_end(known[-1] if known else None, model_path)
    for name in _FILES:
        given = settings.get(name, {})
        if name == "config.json" and not given:
            continue
        if ends and given.get("eos_token_id") not in (ends, ends[0] if len(ends) == 1 else ends):
            write_json(model_path / name, {**given, "eos_token_id": ends})
