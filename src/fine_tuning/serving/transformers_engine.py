"""transformers inside this process: any model folder, batched, on CPU or GPU, with nothing to convert."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fine_tuning._util.lazy_imports import import_transformers
from fine_tuning.errors import MissingDependencyError, ProviderError, UsageError
from fine_tuning.serving.chat_wire import chat_pieces_through
from fine_tuning.serving.engine import Completion, Messages

if TYPE_CHECKING:
    import torch

_SAMPLING = {"seed", "stop", "top_p"}


class TransformersEngine:
    """An `Engine` over the model in `model_dir`.

    Understands `seed`, `stop` and `top_p`.

    Args:
        model_dir: folder in Hugging Face's layout; no code in it is run.
        model_name: what answers call the model.
        batch_size: conversations that `complete_many` answers at once.
        dtype: what torch computes in, such as "float32"; by default bfloat16 where the hardware has it, else float32.

    Raises:
        ProviderError: the folder cannot be loaded.
        MissingDependencyError: the `train` extra is not installed.
    """

    def __init__(self, model_dir: Path, model_name: str, batch_size: int = 8, dtype: str | None = None) -> None:
        self.model = model_name
        self._batch_size = batch_size
        self._lock = threading.Lock()  # one generation at a time: the random state is the process's
        self._network, self._tokenizer = _load(model_dir, dtype)

    def complete(self, messages: Messages, *, temperature: float, max_tokens: int, **params: Any) -> Completion:
        """Answer one conversation. See `Engine`."""
        return next(self.complete_many([messages], temperature=temperature, max_tokens=max_tokens, **params))

    def complete_many(
        self, batch: Sequence[Messages], *, temperature: float, max_tokens: int, **params: Any
    ) -> Iterator[Completion]:
        """Answer many conversations in order, `batch_size` at once; a latency is its whole batch's. See `Engine`."""
        options = _options(temperature, max_tokens, params)
        for start in range(0, len(batch), self._batch_size):
            started = time.perf_counter()
            inputs = self._inputs(batch[start : start + self._batch_size], max_tokens)
            with self._lock, _random_state(params.get("seed")):
                output = self._generate(inputs, options)
            latency = _since(started)
            for prompt, row in zip(inputs["attention_mask"], output, strict=True):
                yield self._completion(prompt, row, latency, _stops(params))

    def stream(
        self, messages: Messages, *, temperature: float, max_tokens: int, **params: Any
    ) -> Generator[str, None, Completion]:
        """Answer one conversation piece by piece. See `Engine`."""
        from transformers import StoppingCriteriaList, TextIteratorStreamer

        started = time.perf_counter()
        options = _options(temperature, max_tokens, params)
        inputs = self._inputs([messages], max_tokens)
        pieces = TextIteratorStreamer(self._tokenizer, skip_prompt=True, skip_special_tokens=True)
        left = threading.Event()
        made: list[Any] = []
        failures: list[Exception] = []

        def work() -> None:
            stopping = StoppingCriteriaList([lambda ids, _scores, **_: _all_rows(ids, left.is_set())])
            try:
                with self._lock, _random_state(params.get("seed")):
                    asked = {**options, "streamer": pieces, "stopping_criteria": stopping}
                    made.extend(self._generate(inputs, asked))
            except Exception as error:  # noqa: BLE001 - raised again in the caller's thread below
                failures.append(error)
                pieces.end()

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        try:
            yield from until(pieces, _stops(params))
        finally:
            left.set()
            worker.join()
        if failures:
            raise failures[0]
        return self._completion(inputs["attention_mask"][0], made[0], _since(started), _stops(params))

    def chat_pieces(self, body: Mapping[str, Any]) -> Generator[dict[str, Any], None, None]:
        """Answer a request of OpenAI's chat API. See `Engine`."""
        yield from chat_pieces_through(self, body)

    def close(self) -> None:
        """Let go of the model."""
        self._network = self._tokenizer = None

    def _inputs(self, batch: Sequence[Messages], max_tokens: int) -> dict[str, torch.Tensor]:
        """The conversations as token ids, padded on the left, so that every answer starts at the same column."""
        if self._tokenizer is None:
            raise ProviderError(f"the engine of {self.model} is closed; open it again")
        inputs: dict[str, torch.Tensor] = self._tokenizer.apply_chat_template(
            [[_as_text(message) for message in messages] for messages in batch],
            add_generation_prompt=True,
            padding=True,
            return_tensors="pt",
            return_dict=True,
        )
        limit, needed = self._network.config.max_position_embeddings, inputs["input_ids"].shape[1] + max_tokens
        if needed > limit:
            raise ProviderError(
                f"{self.model} reads {limit} tokens, prompt and answer need {needed}; shorten the prompt"
            )
        return {name: tensor.to(self._network.device) for name, tensor in inputs.items()}

    def _generate(self, inputs: dict[str, torch.Tensor], options: dict[str, Any]) -> Any:
        import torch

        with torch.inference_mode():
            return self._network.generate(**inputs, **options, tokenizer=self._tokenizer)

    def _completion(self, prompt: torch.Tensor, row: torch.Tensor, latency_ms: float, stops: list[str]) -> Completion:
        """What one row of ids says after its prompt, up to its end of turn or the first stop text.

        Args:
            prompt: 1 for each of its tokens, 0 for padding.
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
    """The pieces up to the first text of `stops` in them, which itself is left out, even if split over pieces."""
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


def _load(model_dir: Path, dtype: str | None) -> tuple[Any, Any]:
    """The network, ready to answer, and its tokenizer."""
    try:
        import_transformers()
        from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig
    except ImportError as error:
        raise MissingDependencyError("transformers", "train", "answering with a local model folder") from error
    device, fastest = _placement()
    safely = {"local_files_only": True, "trust_remote_code": False}
    try:
        with _no_progress_bar():
            network = AutoModelForCausalLM.from_pretrained(
                model_dir, dtype=dtype or fastest, use_safetensors=True, **safely
            )
            tokenizer = AutoTokenizer.from_pretrained(model_dir, padding_side="left", **safely)
    except (OSError, ValueError) as error:
        raise ProviderError(f"transformers cannot load {model_dir} ({str(error).splitlines()[0]})") from error
    told = network.generation_config
    end = told.eos_token_id if told.eos_token_id is not None else tokenizer.eos_token_id
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    # Only the ends are kept: the caller, not the model's author, chooses how to sample.
    network.generation_config = GenerationConfig(eos_token_id=end, pad_token_id=tokenizer.pad_token_id)
    return network.to(device).eval(), tokenizer


def _placement() -> tuple[str, torch.dtype]:
    """The fastest device here, and bfloat16 if it computes in it."""
    import torch

    if torch.cuda.is_available():
        return "cuda", torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if torch.backends.mps.is_available():
        return "mps", torch.float32
    able: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # newer than the oldest torch supported
    return "cpu", torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else torch.float32


def _options(temperature: float, max_tokens: int, params: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `generate`."""
    if unknown := sorted(set(params) - _SAMPLING):
        raise UsageError(
            f"transformers does not support {', '.join(unknown)}; pip install 'fine-tuning-pipeline[serve]' to answer "
            "through llama.cpp, which does"
        )
    options: dict[str, Any] = {"max_new_tokens": max_tokens, "do_sample": temperature > 0}
    if temperature > 0:
        options |= {"temperature": temperature, "top_p": params.get("top_p", 1.0), "top_k": 0}
    if stops := _stops(params):
        options["stop_strings"] = stops
    return options


def _stops(params: Mapping[str, Any]) -> list[str]:
    """`stop` as OpenAI's API takes it: absent, one text, or several."""
    stop = params.get("stop") or []
    return [stop] if isinstance(stop, str) else list(stop)


def _as_text(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message with its content as one text, which is what chat templates of text models expect."""
    content = message.get("content") or ""
    if not isinstance(content, str):
        content = "".join(part.get("text", "") for part in content)
    return {**message, "content": content}


def _all_rows(ids: torch.Tensor, value: bool) -> torch.Tensor:
    """One `value` for each row, as a stopping criterion answers."""
    import torch

    return torch.full((ids.shape[0],), value, dtype=torch.bool, device=ids.device)


@contextmanager
def _random_state(seed: int | None) -> Iterator[None]:
    """Sample from `seed` without disturbing the process's own random numbers; without a seed, sample on from those."""
    import torch

    if seed is None:
        yield
        return
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Keep transformers from drawing a bar while it loads, as its caller may be drawing one."""
    from transformers.utils import logging

    def undrawn(make: Any, args: Any, options: dict[str, Any]) -> Any:
        return make(*args, **{**options, "disable": True})

    before = logging.set_tqdm_hook(undrawn)
    try:
        yield
    finally:
        logging.set_tqdm_hook(before)
