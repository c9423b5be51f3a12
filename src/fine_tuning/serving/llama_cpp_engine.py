"""llama.cpp inside this process (through xllamacpp): a GGUF model with continuous batching, on CPUs and GPUs.

The native server keeps `slots` conversations in one batch, so requests from several threads share each pass over the
weights. Its memory of a conversation (KV cache) is divided among the slots: each holds `context_length` tokens.
"""

from __future__ import annotations

import atexit
import queue
import re
import secrets
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fine_tuning._util.lazy_imports import import_llama_cpp
from fine_tuning.errors import ContextLengthError, MissingDependencyError, NotFoundError, ProviderError, RefusedError
from fine_tuning.serving.chat_wire import text_of
from fine_tuning.serving.engine import Completion, Messages, in_order

_SILENT = -1
SLOTS = 8
# What llama.cpp says of requests that it cannot read; some of these it calls errors of its own.
_UNREADABLE = re.compile(
    r"pars|schema|grammar|template|tool|assistant message|unsupported|invalid|must be|expected", re.IGNORECASE
)
# What OpenAI's API samples with where a request does not say; llama.cpp's own defaults cut off unlikely tokens.
PLAIN_SAMPLING = {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0}
# JSON as json.dumps writes it: a small model that may write any white space can go on with it for ever.
_WHITE_SPACE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
_lock = threading.Lock()
_servers: dict[tuple[Any, ...], _Server] = {}


def open_llama_cpp(
    path: Path,
    name: str,
    *,
    slots: int = SLOTS,
    context_length: int = 2048,
    threads: int | None = None,
    adapters: Sequence[Path] = (),
    copy: int = 0,
) -> LlamaCppEngine:
    """Open the GGUF model at `path`; it is loaded once a process however often it is opened, and freed when all close.

    Args:
        path: the GGUF file.
        name: what answers call the model.
        slots: conversations answered at once; more wait their turn.
        context_length: tokens of prompt and answer together, for each slot; never more than the model was trained on.
        threads: CPU threads, by default one a core; with fewer it stays usable while another program computes, such as
            a training run (its threads wait for each other by spinning).
        adapters: LoRA adapters in GGUF that `LlamaCppEngine.adapted` can put on the model, request by request.
        copy: each computes by itself; the weights, mapped from the file, are in memory once.

    Raises:
        NotFoundError: there is no such file.
        ProviderError: llama.cpp cannot load it.
        MissingDependencyError: the `serve` extra is not installed.
    """
    if not path.is_file():
        raise NotFoundError(f"no GGUF file {path}; export the model first")
    facts = path.stat()
    key = (path.resolve(), facts.st_mtime_ns, facts.st_size, slots, context_length, threads, tuple(adapters), copy)
    with _lock:
        if key not in _servers:
            _servers[key] = _Server(path, slots, context_length, threads, adapters)
        server = _servers[key]
        server.users += 1
    return LlamaCppEngine(server, name)


def has_gpu() -> bool:
    """Whether llama.cpp computes on something else than the CPU here."""
    xllamacpp = import_llama_cpp()
    kinds = (device["type"] for device in xllamacpp.get_device_info())
    return any(kind != xllamacpp.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU for kind in kinds)


class LlamaCppEngine:
    """An `Engine` over a loaded GGUF model; made by `open_llama_cpp`."""

    def __init__(self, server: _Server, model_name: str, adapter: int | None = None) -> None:
        self._server: _Server | None = server
        self._adapter = adapter
        self.model = model_name

    def adapted(self, adapter: int | None, model_name: str) -> LlamaCppEngine:
        """The same loaded model with the adapter at this place of `adapters` on it; None for the plain model."""
        server = self._open_server()
        with _lock:
            server.users += 1
        return LlamaCppEngine(server, model_name, adapter)

    def complete(self, messages: Messages, *, temperature: float, max_tokens: int, **params: Any) -> Completion:
        """Answer one conversation. See `Engine`."""
        started = time.perf_counter()
        body = self._body(messages, temperature=temperature, max_tokens=max_tokens, **params)
        reply = self._open_server().ask(body)
        latency = (time.perf_counter() - started) * 1000
        choice, usage = _checked(reply, self.model)["choices"][0], reply.get("usage", {})
        return Completion(
            text=choice["message"].get("content") or "",
            model=self.model,
            prompt_tokens=usage.get("prompt_tokens"),
            completion_tokens=usage.get("completion_tokens"),
            latency_ms=latency,
            finish_reason=choice.get("finish_reason"),
        )

    def stream(
        self, messages: Messages, *, temperature: float, max_tokens: int, **params: Any
    ) -> Generator[str, None, Completion]:
        """Answer one conversation piece by piece. See `Engine`."""
        body = {"messages": messages, "temperature": temperature, "max_tokens": max_tokens, **params}
        return (yield from text_of(self.chat_pieces(body), self.model))

    def complete_many(
        self, batch: Sequence[Messages], *, temperature: float, max_tokens: int, **params: Any
    ) -> Iterator[Completion]:
        """Answer many conversations in order, all slots busy. See `Engine`."""
        answer = partial(self.complete, temperature=temperature, max_tokens=max_tokens, **params)
        return in_order(answer, batch, self._open_server().slots)

    def chat_pieces(self, body: Mapping[str, Any]) -> Generator[dict[str, Any], None, None]:
        """Answer a request of OpenAI's chat API. See `Engine`."""
        wanted = self._body(**{**body, "stream_options": {"include_usage": True}})
        for chunk in self._open_server().ask_in_pieces(wanted):
            yield _checked(chunk, self.model)

    def close(self) -> None:
        """Give the model back; the last user's close frees its memory."""
        with _lock:
            server, self._server = self._server, None
            if server is None:
                return
            server.users -= 1
            if server.users == 0:
                for key in [key for key, each in _servers.items() if each is server]:
                    del _servers[key]
                server.stop()

    def _open_server(self) -> _Server:
        if self._server is None:
            raise ProviderError(f"the engine of {self.model} is closed; open it again")
        return self._server

    def _body(self, messages: Messages, **params: Any) -> dict[str, Any]:
        asked = _with_grammar(params)
        said = [dict(message) for message in messages]
        return {**PLAIN_SAMPLING, "messages": said, **asked, **self._chosen_adapter()}

    def _chosen_adapter(self) -> dict[str, Any]:
        if not self._open_server().adapters:
            return {}
        # The plain model says so too: otherwise it goes on from what an adapter left in the cache.
        scale = 0.0 if self._adapter is None else 1.0
        return {"lora": [{"id": self._adapter or 0, "scale": scale}]}


class _Server:
    """A loaded model and how many engines use it."""

    def __init__(
        self, path: Path, slots: int, context_length: int, threads: int | None, adapters: Sequence[Path]
    ) -> None:
        self.slots = slots
        self.adapters = len(adapters)
        self.users = 0
        self._native = _load(path, slots, context_length, threads, adapters)
        atexit.register(self.stop)  # the native threads must end before the interpreter does

    def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """One request, one reply; a request llama.cpp cannot read is reported as its error replies are."""
        try:
            reply: dict[str, Any] = self._loaded().handle_chat_completions(body)
        except (ValueError, RuntimeError) as error:
            return {"error": {"message": str(error)}}
        return reply

    def ask_in_pieces(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """One request, its reply's chunks as they come; leaving early stops the generation."""
        chunks: queue.Queue[dict[str, Any] | None] = queue.Queue()
        left = threading.Event()
        native = self._loaded()

        def receive(chunk: dict[str, Any]) -> bool:
            chunks.put(chunk)
            return left.is_set()

        def work() -> None:
            try:
                native.handle_chat_completions({**body, "stream": True}, receive)
            except (ValueError, RuntimeError) as error:
                chunks.put({"error": {"message": str(error)}})
            finally:
                chunks.put(None)

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        try:
            while (chunk := chunks.get()) is not None:
                yield chunk
        finally:
            left.set()
            worker.join()

    def _loaded(self) -> Any:
        if self._native is None:
            raise ProviderError("the engine was closed while it was asked; open it again")
        return self._native

    def stop(self) -> None:
        """Free the model; requests under way end first."""
        self._native = None
        atexit.unregister(self.stop)


def _load(path: Path, slots: int, context_length: int, threads: int | None, adapters: Sequence[Path]) -> Any:
    """Start xllamacpp's server on the file, quietly."""
    try:
        xllamacpp = import_llama_cpp()
    except ImportError as error:
        raise MissingDependencyError("xllamacpp", "serve", "answering with a local model through llama.cpp") from error
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_parallel = slots
    params.n_ctx = slots * context_length
    if threads:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    # With a scale of 0 an adapter rests until a request names it.
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 0.0) for adapter in adapters]
    params.cache_ram_mib = 0  # prompts kept beside the slots grow to gigabytes, and forget whose adapter made them
    params.use_jinja = True
    params.prefill_assistant = False  # an answer follows a message of the assistant; it does not continue it
    params.verbosity = _SILENT
    # llama.cpp also listens on a port of the loopback address; nobody else on this machine may use it.
    params.api_keys = [secrets.token_hex(32)]
    params.endpoint_slots = False
    params.endpoint_metrics = True
    params.ui = False
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        raise ProviderError(f"llama.cpp cannot load {path}; export the model again or choose another GGUF") from error
    server.handle_metrics()  # waits for the native loop: freeing a server whose loop has not started never returns
    return server


def _with_grammar(params: dict[str, Any]) -> dict[str, Any]:
    """The same request with its wanted JSON as a grammar.

    Told of a schema, llama.cpp would parse the finished answer once more and report one in odd white space as an error.
    """
    wanted = params.get("response_format") or {}
    if params.get("tools") or wanted.get("type") not in {"json_object", "json_schema"}:
        return params
    from llguidance import LLMatcher

    schema = wanted.get("json_schema", {"schema": {"type": "object"}}).get("schema", {})
    rest = {key: value for key, value in params.items() if key != "response_format"}
    grammar = import_llama_cpp().json_schema_to_grammar({**schema, "x-guidance": _WHITE_SPACE})
    # llama.cpp would answer without a grammar that it cannot read. It reads them with llguidance, which is asked first.
    if problem := LLMatcher.validate_grammar(grammar, None):
        reason = problem.splitlines()[0].partition("JSON schema: ")[2] or problem.splitlines()[0]
        raise RefusedError(f"answers cannot be held to this schema: {reason}")
    return {**rest, "grammar": grammar}


def _checked(reply: dict[str, Any], model: str) -> dict[str, Any]:
    """The reply, unless it reports an error, which is the caller's where llama.cpp cannot read what was asked."""
    if error := reply.get("error"):
        message = str(error.get("message", error))
        if error.get("type") == "exceed_context_size_error" or "context size" in message:
            raise ContextLengthError(f"the prompt is too long for {Path(model).name}: {message}")
        is_answered_wrong = message.startswith("The model produced")
        is_asked_wrong = error.get("code") == HTTPStatus.BAD_REQUEST or _UNREADABLE.search(message)
        kind = RefusedError if is_asked_wrong and not is_answered_wrong else ProviderError
        raise kind(f"llama.cpp with {Path(model).name}: {message}")
    return reply
