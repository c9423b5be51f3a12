"""A few answers of the trained model, kept beside it, so that whoever serves it can see that it answers the same."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import torch

from fine_tuning._util.files import write_json
from fine_tuning.training.loop import training_prompts

FILE = "probes.json"
COUNT = 3
TOKENS = 24
LONGEST = 1024  # tokens of a prompt
SURE = 0.5  # nats by which a token must lead the next: closer ones may change places in another engine's arithmetic


def write_probes(network: Any, tokenizer: Any, train_file: str, folder: Path) -> None:
    """Let the model answer the first different prompts of the training file, greedily, and write `probes.json`.

    Each probe has `messages`, `answer` and `whole`: where the model was not sure of a token the answer stops before it
    and is not whole.
    """
    network.eval()
    prompts = training_prompts.of(Path(train_file), 10 * COUNT)
    found = (_answered(network, tokenizer, messages) for messages in prompts)
    write_json(folder / FILE, list(islice((probe for probe in found if probe is not None), COUNT)))


def _answered(network: Any, tokenizer: Any, messages: list[dict[str, str]]) -> dict[str, Any] | None:
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    width = prompt["input_ids"].shape[1]
    if width > LONGEST:
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
    unsure = (best[:, 0] - best[:, 1] < SURE).nonzero()
    sure = int(unsure[0]) if len(unsure) else len(best)
    text = tokenizer.decode(output.sequences[0, width : width + sure], skip_special_tokens=True)
    return {"messages": messages, "answer": text, "whole": sure == len(best)} if sure else None
