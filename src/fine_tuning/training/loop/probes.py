"""Probes: a few answers of the trained model, stored with it, by which a serving engine is checked for parity."""

from __future__ import annotations

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
            output_logits=True,
            return_dict_in_generate=True,
            pad_token_id=tokenizer.pad_token_id,
        )
    best = torch.stack(output.logits)[:, 0].float().topk(2).values
    unsure = (best[:, 0] - best[:, 1] < MIN_MARGIN).nonzero()
    sure = int(unsure[0]) if len(unsure) else len(best)
    text = tokenizer.decode(output.sequences[0, width : width + sure], skip_special_tokens=True)
    return {"messages": messages, "answer": text, "whole": sure == len(best)} if sure else None
