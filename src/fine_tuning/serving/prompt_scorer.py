"""Log probabilities of the tokens of prompts, by a forward pass of the model in a folder."""

from __future__ import annotations

import threading
from codecs import getincrementaldecoder
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fine_tuning.errors import ContextLengthError
from fine_tuning.serving.interruption import Check, interruptible, turn, unchecked
from fine_tuning.serving.network_folder import load_network
from fine_tuning.serving.padded_batches import batches_by_length, padded
from fine_tuning.serving.text_types import Prompt
from fine_tuning.serving.token_texts import TokenTexts, check_ids, shown

if TYPE_CHECKING:
    import torch

MAX_LOGITS = 1 << 28  # of a pass, padding included: 1 GiB in single precision


@dataclass(frozen=True)
class NextToken:
    """The likeliest token after a prompt; `is_end` where it ends a turn, and has no text."""

    token: str
    text: str
    logprob: float
    top: dict[str, float]
    is_end: bool


@dataclass(frozen=True)
class ScoredPrompt:
    """The tokens of a prompt; the first has no log probability, as nothing is before it.

    Attributes:
        text: of all tokens.
        tokens: see `token_texts.shown`.
        logprobs: natural logarithms.
        top: the likeliest tokens at each place, and the prompt's own.
        offsets: characters of the text before each token.
        next: what a greedy answer begins with.
    """

    text: str
    tokens: list[str]
    logprobs: list[float | None]
    top: list[dict[str, float] | None]
    offsets: list[int]
    next: NextToken


@dataclass(frozen=True)
class _Row:
    """The ids of a prompt, its text, and which tokens the tokenizer added to it."""

    ids: list[int]
    text: str | None
    added: list[bool]


class PromptScorer:
    """Scores prompts with one model. Safe to call from several threads.

    Args:
        folder: in Hugging Face's layout; no code in it is run.

    Raises:
        ProviderError: the folder cannot be loaded.
        MissingDependencyError: the `train` extra is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self._network, self._tokenizer = load_network(folder, on_cpu="float32")
        self._texts = TokenTexts(self._tokenizer)
        self._lock = threading.Lock()  # one pass at a time: each uses all cores
        end = self._network.generation_config.eos_token_id
        self._ends = {end} if isinstance(end, int) else set(end or ())

    def score(self, prompts: Sequence[Prompt], top: int, check: Check = unchecked) -> list[ScoredPrompt]:
        """The log probabilities of each prompt's tokens.

        Args:
            prompts: texts, to which the tokenizer adds what it adds at the start of a text, or token ids.
            top: how many of the likeliest tokens are returned for each place.
            check: called all along; what it raises ends the scoring.

        Raises:
            ContextLengthError: a prompt is longer than the model reads.
            RefusedError: a token id is unknown.
        """
        rows = [self._row(prompt) for prompt in prompts]
        scored: dict[int, ScoredPrompt] = {}
        places = max(1, MAX_LOGITS // self._network.config.vocab_size)
        for batch in batches_by_length([row.ids for row in rows], places):
            with turn(self._lock, check), interruptible(self._network, check):
                logits = self._logits([rows[index].ids for index in batch])
                for place, index in enumerate(batch):
                    check()
                    scored[index] = self._scored(rows[index], logits[place], top)
        return [scored[index] for index in range(len(rows))]

    def size(self) -> int:
        """Bytes of the weights."""
        return sum(each.numel() * each.element_size() for each in self._network.parameters())

    def close(self) -> None:
        """Free the model."""
        self._network = self._tokenizer = None

    def _row(self, prompt: Prompt) -> _Row:
        if isinstance(prompt, str):
            found = self._tokenizer(prompt, return_special_tokens_mask=True, verbose=False)
            row = _Row(found["input_ids"], prompt, [bool(each) for each in found["special_tokens_mask"]])
        else:
            check_ids(prompt, self._network.config.vocab_size)
            row = _Row(prompt, None, [False] * len(prompt))
        limit = self._network.config.max_position_embeddings
        if len(row.ids) > limit:
            raise ContextLengthError(f"the prompt has {len(row.ids)} tokens; this model reads up to {limit}")
        return row

    def _logits(self, rows: Sequence[list[int]]) -> torch.Tensor:
        """Of the shape (rows, places, vocabulary); padding is on the right, where it changes nothing before it."""
        import torch

        ids, mask = padded(rows, self._tokenizer.pad_token_id or 0, self._network.device)
        with torch.inference_mode():
            found: torch.Tensor = self._network(input_ids=ids, attention_mask=mask, use_cache=False).logits
        return found

    def _scored(self, row: _Row, logits: torch.Tensor, top: int) -> ScoredPrompt:
        """Read one row's log probabilities off its logits."""
        import torch

        length = len(row.ids)
        own = logits[:length].float()
        total = own.logsumexp(dim=-1)
        best = own.topk(max(top, 1), dim=-1)
        best_ids, best_logprobs = best.indices.tolist(), (best.values - total[:, None]).tolist()
        following = torch.tensor(row.ids, device=own.device)[1:, None]
        chosen = (own[:-1].gather(1, following)[:, 0] - total[:-1]).tolist()
        tokens = [self._shown(token) for token in row.ids]
        tops: list[dict[str, float] | None] = [None]
        for place, logprob in enumerate(chosen):
            tops.append(self._top(best_ids[place][:top], best_logprobs[place], tokens[place + 1], logprob))
        text, offsets = self._places(row)
        first = best_ids[-1][0]
        return ScoredPrompt(
            text,
            tokens,
            [None, *chosen],
            tops,
            offsets,
            NextToken(
                self._shown(first),
                "" if first in self._ends else self._texts.bytes_of(first).decode("utf-8", "replace"),
                best_logprobs[-1][0],
                self._top(best_ids[-1][:top], best_logprobs[-1], self._shown(first), best_logprobs[-1][0]),
                first in self._ends,
            ),
        )

    def _shown(self, token: int) -> str:
        return shown(self._texts.bytes_of(token))

    def _top(self, ids: Sequence[int], logprobs: Sequence[float], own: str, logprob: float) -> dict[str, float]:
        """The likeliest tokens and the prompt's own; of two that look alike the likelier."""
        found: dict[str, float] = {}
        for token, value in zip(ids, logprobs, strict=False):
            found.setdefault(self._shown(token), value)
        found.setdefault(own, logprob)
        return found

    def _places(self, row: _Row) -> tuple[str, list[int]]:
        """The text of a row, and the characters before each of its tokens."""
        decoder = getincrementaldecoder("utf-8")("replace")
        pieces: list[str] = []
        before = [0]
        for token, is_added in zip(row.ids, row.added, strict=True):
            pieces.append(decoder.decode(b"" if is_added else self._texts.bytes_of(token)))
            before.append(before[-1] + len(pieces[-1]))
        text = "".join(pieces) + decoder.decode(b"", final=True)
        if row.text is not None and text != row.text:  # of a tokenizer that changes texts, such as their spaces
            found = self._tokenizer(row.text, return_offsets_mapping=True, verbose=False)["offset_mapping"]
            return row.text, [start for start, _ in found]
        return text, before[:-1]
