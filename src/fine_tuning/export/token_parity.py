"""Token parity: whether an exported model predicts the same tokens as the trained model on the same prompts.

The reference answers each prompt greedily. At every position of those answers the exported model predicts the next
token, so that one different token does not make all later ones incomparable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fine_tuning.data_io.formats import system_prompt
from fine_tuning.export import llama_cpp_probe
from fine_tuning.export.llama_cpp_probe import Prompt
from fine_tuning.export.quantization import Quantization
from fine_tuning.store.records.exports import ParityFigures
from fine_tuning.store.records.rows import record

if TYPE_CHECKING:
    from torch import Tensor

Messages = Sequence[Mapping[str, str]]
Decode = Callable[[list[int]], str]
TOKENS = 24  # of each answer
MAX_PROMPT_TOKENS = 1024
TIE_MARGIN = 0.05  # nats between the two most likely tokens, below which rounding decides their order
PROMPTS: tuple[Messages, ...] = (
    [{"role": "user", "content": "What is the capital of France?"}],
    [{"role": "system", "content": "Answer with one word."}, {"role": "user", "content": "2025 + 17 = ?"}],
    [{"role": "user", "content": "Écris «bonjour» 你好, здравствуй 👋\n\n\tand   some   spaces"}],
    [
        {"role": "user", "content": "def f(x):\n    return x**2  # why?"},
        {"role": "assistant", "content": "It squares x."},
        {"role": "user", "content": "And f(-3)?"},
    ],
)  # for a model whose training prompts are unknown


class Answered(NamedTuple):
    """A prompt with the reference's answer: token ids, and the log probabilities at each position of the answer."""

    messages: Messages
    text: str
    prompt: list[int]
    answer: list[int]
    logprobs: Tensor  # (places, vocabulary), nats


@dataclass(frozen=True)
class Parity:
    """The result of a comparison.

    agreement: share of the positions at which both choose the same token, without ties; divergence: mean
    Kullback-Leibler divergence from the reference, nats, over the exported model's most likely tokens and the rest as
    one; ties: positions at which the reference's two most likely tokens are within `TIE_MARGIN`.
    """

    quantization: str
    prompts: int
    prompts_alike: int
    places: int
    ties: int
    agreement: float
    divergence: float
    first_difference: str | None
    passed: bool

    def as_dict(self) -> ParityFigures:
        """The figures as JSON."""
        return record(ParityFigures, asdict(self))


def answers(
    model: Any, tokenizer: Any, prompts: Sequence[Messages], tokens: int = TOKENS, turn_end: int | None = None
) -> Iterator[Answered]:
    """Answer prompts greedily with a transformers model; prompts that are too long are skipped.

    Args:
        turn_end: the token at which an answer ends, beside those of the model's own settings.
    """
    import torch

    model.eval()
    known = model.generation_config.eos_token_id
    ends = {*(known if isinstance(known, list) else [known]), turn_end} - {None}
    for messages in prompts:
        turns = system_prompt.for_template(messages, tokenizer)
        text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(ids) > MAX_PROMPT_TOKENS:
            continue
        with torch.no_grad():
            output = model.generate(
                input_ids=torch.tensor([ids], device=model.device),
                attention_mask=torch.ones((1, len(ids)), dtype=torch.long, device=model.device),
                max_new_tokens=tokens,
                do_sample=False,
                output_logits=True,
                return_dict_in_generate=True,
                pad_token_id=tokenizer.pad_token_id or tokenizer.eos_token_id,
                eos_token_id=sorted(ends) or None,
            )
        logprobs = torch.stack(output.logits)[:, 0].float().log_softmax(-1).cpu()
        yield Answered(messages, text, ids, output.sequences[0, len(ids) :].tolist(), logprobs)


def with_gguf(
    reference: Sequence[Answered],
    gguf: Path,
    bound: Quantization,
    decode: Decode,
    adapter: Path | None = None,
    turn_end: int | None = None,
) -> Parity:
    """Compare a GGUF file, through llama.cpp, with the reference.

    Args:
        adapter: a LoRA adapter in GGUF to apply to it.
        decode: the text of token ids, for the first difference.
        turn_end: the token at which its answers must end; None where it is not known.

    Raises:
        DataError: llama.cpp cannot load or run it.
    """
    longest = max(len(each.prompt) + len(each.answer) for each in reference)
    found = _Tally(bound)
    with llama_cpp_probe.open_probe(gguf, longest + 8, adapter) as probe:
        if turn_end is not None:
            found.compare_end(decode([turn_end]), is_end=probe.ends_at(turn_end))
        for each in reference:
            prompt = probe.prompt(each.messages)
            found.compare_prompts(each, prompt, decode)
            for place in range(len(each.answer)):
                logprobs = probe.next_token([*each.prompt, *each.answer[:place]])
                found.compare_place(each, place, logprobs, decode)
    return found.parity()


def with_model(
    reference: Sequence[Answered],
    model: Any,
    tokenizer: Any,
    bound: Quantization,
    decode: Decode,
    turn_end: int | None = None,
) -> Parity:
    """Compare another transformers model, such as the merged one, with the reference.

    Args:
        tokenizer: the other model's own.
        turn_end: as of `with_gguf`.
    """
    import torch

    found = _Tally(bound)
    if turn_end is not None:
        known = model.generation_config.eos_token_id
        is_end = turn_end in (known if isinstance(known, list) else [known])
        found.compare_end(decode([turn_end]), is_end=is_end)
    model.eval()
    for each in reference:
        ids = torch.tensor([[*each.prompt, *each.answer]], device=model.device)
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0, len(each.prompt) - 1 : -1].float()
        likeliest = logits.log_softmax(-1).cpu().topk(min(llama_cpp_probe.TOP_TOKENS, logits.shape[-1]))
        turns = system_prompt.for_template(each.messages, tokenizer)
        text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        found.compare_prompts(each, Prompt(text, tokenizer(text, add_special_tokens=False)["input_ids"]), decode)
        for place, (values, tokens) in enumerate(zip(likeliest.values, likeliest.indices, strict=True)):
            logprobs = dict(zip(tokens.tolist(), values.tolist(), strict=True))
            found.compare_place(each, place, logprobs, decode)
    return found.parity()


class _Tally:
    """Counts agreement and keeps the first difference."""

    def __init__(self, bound: Quantization) -> None:
        self._bound = bound
        coarse = f"stored as {bound.name}, it is too coarse, or " if bound.min_agreement < 1 else ""
        self._why = f"{coarse}its weights are computed differently"
        self.prompts = self.prompts_alike = self.places = self.ties = self.same = 0
        self.divergence = 0.0
        self.first: str | None = None
        self.ends_alike = True

    def compare_prompts(self, each: Answered, other: llama_cpp_probe.Prompt, decode: Decode) -> None:
        self.prompts += 1
        if other.ids == each.prompt:
            self.prompts_alike += 1
            return
        if other.text != each.text and each.text.removeprefix(decode(each.prompt[:1])) != other.text:
            self._note(f"the chat template gives a different text: {_apart(each.text, other.text)}")
            return
        place = _first_apart(each.prompt, other.ids)
        cut = [decode(ids[place : place + 4]) for ids in (each.prompt, other.ids)]
        self._note(
            f"token {place} of prompt {self.prompts} (its tokenizer or special tokens) is {cut[1]!r} where the "
            f"trainer has {cut[0]!r}"
        )

    def compare_end(self, end: str, *, is_end: bool) -> None:
        if not is_end:
            self.ends_alike = False
            self._note(f"its answers do not end at {end!r}, which ends a turn of the trainer's chat template")

    def compare_place(self, each: Answered, place: int, logprobs: Mapping[int, float], decode: Decode) -> None:
        expected = each.logprobs[place]
        self.places += 1
        self.divergence += _divergence(expected, logprobs)
        chosen, reference = max(logprobs, key=lambda token: logprobs[token]), each.answer[place]
        best = expected.topk(2).values
        if chosen == reference:
            self.same += 1
        elif float(best[0] - best[1]) < TIE_MARGIN:
            self.ties += 1
        else:
            before = decode([*each.prompt, *each.answer[:place]])[-60:]
            self._note(
                f"after {before!r} it predicts {decode([chosen])!r} where the trainer's model predicts "
                f"{decode([reference])!r} ({self._why})"
            )

    def _note(self, difference: str) -> None:
        self.first = self.first or difference

    def parity(self) -> Parity:
        bound = self._bound
        counted = self.places - self.ties
        agreement = self.same / counted if counted else math.nan
        divergence = self.divergence / self.places if self.places else math.nan
        has_equal_prompts = self.prompts_alike == self.prompts > 0
        return Parity(
            quantization=bound.name,
            prompts=self.prompts,
            prompts_alike=self.prompts_alike,
            places=self.places,
            ties=self.ties,
            agreement=agreement,
            divergence=divergence,
            first_difference=self.first,
            passed=has_equal_prompts
            and self.ends_alike
            and agreement >= bound.min_agreement
            and divergence <= bound.max_divergence,
        )


def _divergence(expected: Tensor, logprobs: Mapping[int, float]) -> float:
    """Kullback-Leibler divergence, nats; the tokens that the other model does not report count as one."""
    ids = list(logprobs)
    known = expected[ids]
    total = float((known.exp() * (known - known.new_tensor([logprobs[each] for each in ids]))).sum())
    rest, other = 1 - float(known.exp().sum()), 1 - math.fsum(map(math.exp, logprobs.values()))
    return total + rest * math.log(rest / other) if rest > 1e-6 and other > 1e-6 else total


def _first_apart(one: Sequence[object], other: Sequence[object]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def _apart(one: str, other: str) -> str:
    place = _first_apart(one, other)
    start = max(0, place - 20)
    return f"{other[start : place + 30]!r} where the trainer has {one[start : place + 30]!r}"
