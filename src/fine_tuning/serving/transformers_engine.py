"""transformers inside this process: any model folder, in batches, on CPU or GPU, without conversion."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from fine_tuning._util.library_errors import library_errors
from fine_tuning.data_io.formats import system_prompt
from fine_tuning.errors import ContextLengthError, ProviderError, UsageError, requirement
from fine_tuning.serving.chat_types import ChatBody, Chunk, Messages
from fine_tuning.serving.chat_wire import chunks_from_text
from fine_tuning.serving.engine import Completion
from fine_tuning.serving.network_folder import load_network
from fine_tuning.serving.text_types import TextBody, TextChunk
from fine_tuning.store.records.rows import JsonColumn

if TYPE_CHECKING:
    import torch

LEAST_TEMPERATURE = 1e-6  # below it the most likely token is taken anyway, and dividing by it overflows
_SUPPORTED = {"seed", "stop", "top_p", "top_k", "min_p", "repetition_penalty"}


class TransformersEngine:
    """An `Engine` over the model in `model_dir`.

    Supports `seed`, `stop`, `top_p`, `top_k`, `min_p` and `repetition_penalty`.

    Args:
        model_dir: folder in Hugging Face's layout; no code in it is run.
        model_name: the model's name in answers.
        batch_size: conversations that `complete_many` answers at once.
        dtype: what torch computes in, such as "float32"; by default bfloat16 where the hardware has it, else float32.

    Raises:
        NotFoundError, DataError: the folder is no model, or cannot be loaded.
        MissingDependencyError: the `train` extra is not installed.
    """

    def __init__(self, model_dir: Path, model_name: str, batch_size: int = 8, dtype: str | None = None) -> None:
        self.model = model_name
        self._batch_size = batch_size
        self._lock = threading.Lock()  # one generation at a time: the random state is the process's
        self._network, self._tokenizer = load_network(model_dir, dtype)

    def complete(self, messages: Messages, *, temperature: float, max_tokens: int, **params: object) -> Completion:
        """Answer one conversation. See `Engine`."""
        return next(self.complete_many([messages], temperature=temperature, max_tokens=max_tokens, **params))

    def complete_many(
        self, batch: Sequence[Messages], *, temperature: float, max_tokens: int, **params: object
    ) -> Iterator[Completion]:
        """Answer many conversations in order, `batch_size` at once; a latency is its whole batch's. See `Engine`."""
        options = _options(temperature, max_tokens, params)
        for start in range(0, len(batch), self._batch_size):
            started = time.perf_counter()
            inputs = self._inputs(batch[start : start + self._batch_size], max_tokens)
            with self._lock, _random_state(_seed(params)):
                output = self._generate(inputs, options)
            latency = _since(started)
            for prompt, row in zip(inputs["attention_mask"], output, strict=True):
                yield self._completion(prompt, row, latency, _stops(params))

    def stream(
        self, messages: Messages, *, temperature: float, max_tokens: int, **params: object
    ) -> Generator[str, None, Completion]:
        """Answer one conversation piece by piece. See `Engine`."""
        from transformers import StoppingCriteriaList, TextIteratorStreamer

        started = time.perf_counter()
        options = _options(temperature, max_tokens, params)
        inputs = self._inputs([messages], max_tokens)
        pieces = TextIteratorStreamer(self._tokenizer, skip_prompt=True, skip_special_tokens=True)
        is_closed = threading.Event()
        generated: list[torch.Tensor] = []
        failures: list[Exception] = []

        def work() -> None:
            stopping = StoppingCriteriaList([lambda ids, _scores, **_: _for_all_rows(ids, value=is_closed.is_set())])
            try:
                with self._lock, _random_state(_seed(params)):
                    streaming = {**options, "streamer": pieces, "stopping_criteria": stopping}
                    generated.extend(self._generate(inputs, streaming))
            except Exception as error:  # noqa: BLE001 - raised again in the caller's thread below
                failures.append(error)
                pieces.end()

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        try:
            yield from until(pieces, _stops(params))
        finally:
            is_closed.set()
            worker.join()
        if failures:
            raise failures[0]
        return self._completion(inputs["attention_mask"][0], generated[0], _since(started), _stops(params))

    def chat_chunks(self, body: ChatBody) -> Generator[Chunk, None, None]:
        """Answer a request of OpenAI's chat API. See `Engine`."""
        yield from chunks_from_text(self, body)

    def text_chunks(self, body: TextBody) -> Generator[TextChunk, None, None]:  # noqa: ARG002
        """Refuse to continue a prompt. See `Engine`."""
        raise UsageError(
            f"{self.model} answers chat completions only: texts are continued by llama.cpp, which cannot load it"
        )

    def close(self) -> None:
        """Free the model."""
        self._network = self._tokenizer = None

    def _inputs(self, batch: Sequence[Messages], max_tokens: int) -> dict[str, torch.Tensor]:
        """The conversations as token ids, padded on the left, so that every answer starts at the same column."""
        if self._tokenizer is None:
            raise ProviderError(f"the engine of {self.model} is closed; open it again")
        chats = [
            system_prompt.for_template([_as_text(each) for each in messages], self._tokenizer) for messages in batch
        ]
        with library_errors(f"the chat template of {self.model} refuses the messages", "change them"):
            inputs: dict[str, torch.Tensor] = self._tokenizer.apply_chat_template(
                chats, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
            )
        limit, needed = self._network.config.max_position_embeddings, inputs["input_ids"].shape[1] + max_tokens
        if needed > limit:
            raise ContextLengthError(
                f"{self.model} has a context of {limit} tokens, prompt and answer need {needed}; shorten the prompt"
            )
        return {name: tensor.to(self._network.device) for name, tensor in inputs.items()}

    def _generate(self, inputs: dict[str, torch.Tensor], options: JsonColumn) -> torch.Tensor:
        import torch

        with torch.inference_mode(), library_errors(f"{self.model} cannot answer", "fetch or save the model again"):
            return cast("torch.Tensor", self._network.generate(**inputs, **options, tokenizer=self._tokenizer))

    def _completion(self, prompt: torch.Tensor, row: torch.Tensor, latency_ms: float, stops: list[str]) -> Completion:
        """Decode one row of ids after its prompt, up to its end of turn or the first stop text.

        Args:
            prompt: the attention mask: 1 for each of its tokens, 0 for padding.
        """
        tokens = row[len(prompt) :].tolist()
        ends = self._network.generation_config.eos_token_id
        ends = {ends} if isinstance(ends, int) else set(ends or ())
        length = next((index for index, token in enumerate(tokens) if token in ends), None)
        kept = tokens if length is None else tokens[: length + 1]
        text = self._tokenizer.decode(kept, skip_special_tokens=True)
        cut = "".join(until([text], stops))
        reason = "length" if length is None and cut == text else "stop"
        return Completion(cut, self.model, int(prompt.sum()), len(kept), latency_ms, reason)


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def until(pieces: Iterable[str], stops: Sequence[str]) -> Iterator[str]:
    """The pieces up to the first text of `stops`, without it, even if it is split over pieces."""
    held = ""
    longest = max((len(stop) for stop in stops), default=1)
    for piece in pieces:
        held += piece
        found = [held.index(stop) for stop in stops if stop in held]
        if found:
            yield held[: min(found)]
            return
        sure = len(held) - longest + 1
        if sure > 0:
            yield held[:sure]
            held = held[sure:]
    if held:
        yield held


def _options(temperature: float, max_tokens: int, params: Mapping[str, object]) -> JsonColumn:
    """The arguments of `generate`."""
    if unknown := sorted(set(params) - _SUPPORTED):
        raise UsageError(
            f"transformers does not support {', '.join(unknown)}; pip install {requirement('serve')} to answer "
            "through llama.cpp, which does"
        )
    is_sampled = temperature >= LEAST_TEMPERATURE
    options: JsonColumn = {"max_new_tokens": max_tokens, "do_sample": is_sampled}
    if is_sampled:
        options |= {"temperature": float(temperature), "top_p": 1.0, "top_k": 0}
        options |= {name: params[name] for name in ("top_p", "top_k", "min_p") if name in params}
    if "repetition_penalty" in params:
        options["repetition_penalty"] = params["repetition_penalty"]
    if stops := _stops(params):
        options["stop_strings"] = stops
    return options


def _seed(params: Mapping[str, object]) -> int | None:
    return cast("int | None", params.get("seed"))


def _stops(params: Mapping[str, object]) -> list[str]:
    """`stop` as OpenAI's API takes it: absent, one text, or several."""
    stop = cast("str | Sequence[str]", params.get("stop") or [])
    return [stop] if isinstance(stop, str) else list(stop)


def _as_text(message: Mapping[str, object]) -> JsonColumn:
    """The message with its content as one text, as chat templates of text models expect it."""
    content = message.get("content") or ""
    if not isinstance(content, str):
        parts = cast("Sequence[Mapping[str, str]]", content)
        content = "".join(part.get("text", "") for part in parts)
    return {**message, "content": content}


def _for_all_rows(ids: torch.Tensor, *, value: bool) -> torch.Tensor:
    """One `value` for each row, as a stopping criterion returns it."""
    import torch

    return torch.full((ids.shape[0],), value, dtype=torch.bool, device=ids.device)


@contextmanager
def _random_state(seed: int | None) -> Iterator[None]:
    """Sample from `seed` without changing the process's random state; without a seed, sample from that state."""
    import torch

    if seed is None:
        yield
        return
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
