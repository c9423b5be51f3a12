"""Probes: a few answers of the trained model, stored with it, by which a serving engine is checked for parity."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TypedDict

import torch

from fine_tuning._util.files import write_json
from fine_tuning.data_io.formats import system_prompt
from fine_tuning.training.loop import training_prompts
from fine_tuning.training.loop.library_types import Network, Tokenizer

FILE = "probes.json"
COUNT = 3
TOKENS = 24
MAX_PROMPT_TOKENS = 1024
MIN_MARGIN = 0.5  # nats between the two likeliest tokens: closer ones may swap in another engine's arithmetic


class Probe(TypedDict):
    """A prompt and the model's greedy answer; `whole` is False where it stops before an uncertain token."""

    messages: list[dict[str, str]]
    answer: str
    whole: bool


def write_probes(network: Network, tokenizer: Tokenizer, train_file: str, folder: Path) -> None:
    """Answer the first different prompts of the training file, greedily, and write `probes.json`."""
    network.eval()
    prompts = training_prompts.of(Path(train_file), 10 * COUNT)
    found = (_answered(network, tokenizer, messages) for messages in prompts)
    write_json(folder / FILE, list(islice((probe for probe in found if probe is not None), COUNT)))


def _answered(network: Network, tokenizer: Tokenizer, messages: list[dict[str, str]]) -> Probe | None:
    turns = system_prompt.for_template(messages, tokenizer)
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    width = prompt["input_ids"].shape[1]
    if width > MAX_PROMPT_TOKENS:
        return None
    with torch.no_grad():
        output = network.generate(
            **prompt.to(network.device),
            max_new_tokens=TOKENS,
            do_sample=False,
            output_scores=True,
            return_dict_in_generate=True,
            pad_token_id=tokenizer.pad_token_id,
            stopping_criteria=[_stops_where_unsure],
        )
    is_whole = not _is_unsure(output.scores[-1])
    sure = len(output.scores) - (not is_whole)
    text = tokenizer.decode(output.sequences[0, width : width + sure], skip_special_tokens=True)
    return {"messages": messages, "answer": text, "whole": is_whole} if sure else None


def _is_unsure(scores: torch.Tensor) -> bool:
    best = scores[0].float().topk(2).values
    return bool(best[0] - best[1] < MIN_MARGIN)


def _stops_where_unsure(tokens: torch.Tensor, scores: Sequence[torch.Tensor], **_: object) -> torch.Tensor:
    """One of transformers' stopping criteria: what comes after an uncertain token is of no use."""
    return torch.tensor([_is_unsure(scores[-1])], device=tokens.device)
