"""llama.cpp inside this process (through xllamacpp): a GGUF model with continuous batching, on CPUs and GPUs.

The native server keeps `slots` conversations in one batch, so requests from several threads share each pass over the
weights. Its memory of a conversation (KV cache) is divided among the slots: each holds `context_length` tokens.
"""

from __future__ import annotations

import atexit
import json
import queue
import secrets
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakValueDictionary

from fine_tuning._util.cpu_threads import thread_limit
from fine_tuning._util.lazy_imports import import_llama_cpp
from fine_tuning.data_io.dialects.tool_calls import tool_calls
from fine_tuning.data_io.usage import usage_of
from fine_tuning.errors import DataError, MissingDependencyError, NotFoundError, ProviderError
from fine_tuning.export.gguf_trial import check_gguf
from fine_tuning.serving.adapter_turns import AdapterTurns, LeftError
from fine_tuning.serving.chat_types import ChatBody, Chunk, Messages
from fine_tuning.serving.chat_wire import text_from_chunks
from fine_tuning.serving.engine import Completion, in_order
from fine_tuning.serving.llama_cpp_errors import check_prompt_length, checked, checked_chat
from fine_tuning.serving.response_grammar import with_grammar
from fine_tuning.serving.text_types import TextBody, TextChunk, with_total_usage

if TYPE_CHECKING:
    from fine_tuning.store.records.rows import JsonColumn

Native = Any  # xllamacpp.Server, which has no types

_SILENT = -1
SLOTS = 8
PULSE_SECONDS = 0.25
CPU_PASS_TOKENS = 256  # of a prompt; between two passes, llama.cpp hears that an answer was closed
# The defaults of OpenAI's API; llama.cpp's own defaults cut off unlikely tokens.
DEFAULT_SAMPLING = {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0}
_lock = threading.Lock()
_servers: WeakValueDictionary[_ServerKey, _Server] = WeakValueDictionary()  # a model is freed with its last engine


@dataclass(frozen=True)
class LlamaCppOptions:
    """How llama.cpp loads a model.

    Attributes:
        slots: conversations answered at once; further ones wait.
        context_length: tokens of prompt and answer together, for each slot; never more than the model was trained on.
        threads: CPU threads, by default OMP_NUM_THREADS, else one a core; with fewer it stays usable while another
            program computes, such as a training run (its threads wait for each other by spinning).
        adapters: LoRA adapters in GGUF that `LlamaCppEngine.adapted` can apply, request by request.
        copy: each copy computes by itself; the weights, mapped from the file, are in memory once.
    """

    slots: int = SLOTS
    context_length: int = 2048
    threads: int | None = None
    adapters: tuple[Path, ...] = ()
    copy: int = 0


@dataclass(frozen=True)
class _ServerKey:
    """What makes two loaded models the same."""

    path: Path
    modified_ns: int
    size: int
    options: LlamaCppOptions


def open_llama_cpp(path: Path, name: str, options: LlamaCppOptions | None = None) -> LlamaCppEngine:
    """Open the GGUF model at `path`. A process loads it once however often it is opened.

    Its memory is freed when every engine of it is closed or collected.

    Args:
        path: the GGUF file.
        name: the model's name in answers.

    Raises:
        NotFoundError: there is no such file.
        ProviderError: llama.cpp cannot load it.
        MissingDependencyError: the `serve` extra is not installed.
    """
    if not path.is_file():
        raise NotFoundError(f"no GGUF file {path}; export the model first")
    facts, options = path.stat(), options or LlamaCppOptions()
    key = _ServerKey(path.resolve(), facts.st_mtime_ns, facts.st_size, options)
    with _lock:
        if (server := _servers.get(key)) is None:
            _servers[key] = server = _Server(path, options)
    return LlamaCppEngine(server, name)


def has_gpu() -> bool:
    """Whether llama.cpp computes on anything but the CPU here."""
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
        """The same loaded model with the adapter at this index of the options applied; None for the base model."""
        return LlamaCppEngine(self._open_server(), model_name, adapter)

    def complete(self, messages: Messages, *, temperature: float, max_tokens: int, **params: object) -> Completion:
        """Answer one conversation. See `Engine`."""
        started = time.perf_counter()
        body = {"messages": messages, "temperature": temperature, "max_tokens": max_tokens, **params}
        reply = self._open_server().complete(self._request(body))
        latency = (time.perf_counter() - started) * 1000
        choice, usage = checked_chat(reply, self.model)["choices"][0], reply.get("usage", {})
        message = choice["message"]
        return Completion(
            text=message.get("content") or "",
            model=self.model,
            prompt_tokens=usage.get("prompt_tokens"),
            completion_tokens=usage.get("completion_tokens"),
            latency_ms=latency,
            finish_reason=choice.get("finish_reason"),
            tool_calls=tool_calls(message.get("tool_calls") or [], 0) or [],
            usage=usage_of(usage),
        )

    def stream(
        self, messages: Messages, *, temperature: float, max_tokens: int, **params: object
    ) -> Generator[str, None, Completion]:
        """Answer one conversation piece by piece. See `Engine`."""
        body = {"messages": messages, "temperature": temperature, "max_tokens": max_tokens, **params}
        return (yield from text_from_chunks(self.chat_chunks(cast("ChatBody", body)), self.model))

    def complete_many(
        self, batch: Sequence[Messages], *, temperature: float, max_tokens: int, **params: object
    ) -> Iterator[Completion]:
        """Answer many conversations in order, all slots busy. See `Engine`."""

        def answer(messages: Messages) -> Completion:
            return self.complete(messages, temperature=temperature, max_tokens=max_tokens, **params)

        return in_order(answer, batch, self._open_server().options.slots)

    def chat_chunks(self, body: ChatBody) -> Generator[Chunk, None, None]:
        """Answer a request of OpenAI's chat API. See `Engine`."""
        request = self._request({**body, "stream_options": {"include_usage": True}, "verbose": bool(body.get("stop"))})
        for chunk in self._open_server().stream(request):
            yield _with_stop(checked_chat(chunk, self.model))

    def text_chunks(self, body: TextBody) -> Generator[TextChunk, None, None]:
        """Continue prompts as they are. See `Engine`."""
        with closing(self._open_server().stream(self._sampled(body), continues_text=True)) as chunks:
            yield from with_total_usage((checked(chunk, self.model) for chunk in chunks), body.get("n", 1))

    def close(self) -> None:
        """Release the model, once the requests that are running have ended."""
        self._server = None

    def _open_server(self) -> _Server:
        if self._server is None:
            raise ProviderError(f"the engine of {self.model} is closed; open it again")
        return self._server

    def _request(self, body: Mapping[str, Any]) -> JsonColumn:
        messages = [dict(message) for message in body["messages"]]
        return self._sampled({**with_grammar(body), "messages": messages})

    def _sampled(self, body: Mapping[str, Any]) -> JsonColumn:
        check_prompt_length(body, self._open_server().options.context_length, self.model)
        request = {**DEFAULT_SAMPLING, **body, **self._adapter_scale()}
        if "seed" in request:
            request["cache_prompt"] = False  # a prompt that is computed in other pieces rounds otherwise
        if "repetition_penalty" in request:
            request["repeat_penalty"] = request.pop("repetition_penalty")
        return request

    def _adapter_scale(self) -> JsonColumn:
        if not self._open_server().options.adapters:
            return {}
        # The base model needs a scale of 0: otherwise it continues from what an adapter left in the cache.
        scale = 0.0 if self._adapter is None else 1.0
        return {"lora": [{"id": self._adapter or 0, "scale": scale}]}


class _Server:
    """A loaded model, which the engines that use it share."""

    def __init__(self, path: Path, options: LlamaCppOptions) -> None:
        self.options = options
        self._turns = AdapterTurns(options.slots)
        self._native: Native = _load(path, options)

    def complete(self, body: JsonColumn) -> JsonColumn:
        """Answer a request; where llama.cpp cannot parse it, the reply is an error like its other error replies."""
        try:
            with self._turn(body) as slot:
                reply: JsonColumn = self._loaded().handle_chat_completions({**body, **slot})
        except (ValueError, RuntimeError) as error:
            return {"error": {"message": str(error)}}
        return reply

    def stream(self, body: JsonColumn, *, continues_text: bool = False) -> Generator[JsonColumn, None, None]:
        """Answer a chat request in chunks, or continue a text; closing the generator stops the model."""
        chunks: queue.Queue[JsonColumn | None] = queue.Queue()
        is_closed = threading.Event()
        native = self._loaded()
        handle = native.handle_completions if continues_text else native.handle_chat_completions
        is_counted = continues_text

        def receive(chunk: JsonColumn | None) -> bool:
            nonlocal is_counted
            if chunk is not None:  # None while the requests wait for a slot
                progress = chunk.get("prompt_progress")
                if progress is None:
                    chunks.put(chunk)
                elif not is_counted:
                    is_counted = True
                    chunks.put({"choices": [], "prompt_tokens": progress["total"]})
            return is_closed.is_set()

        def work() -> None:
            try:
                with self._turn(body, is_closed.is_set) as slot:
                    # Of the progress, the count is shown; its chunks let llama.cpp hear that an answer was closed.
                    handle({**body, **slot, "stream": True, "return_progress": True}, receive)
            except LeftError:
                pass
            except (ValueError, RuntimeError) as error:
                chunks.put({"error": {"message": str(error)}})
            finally:
                chunks.put(None)

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        try:
            while (chunk := _next(chunks)) is not None:
                yield chunk
        finally:
            is_closed.set()
            worker.join(PULSE_SECONDS)  # llama.cpp hears of it after the pass that it is in

    @contextmanager
    def _turn(self, body: JsonColumn, has_left: Callable[[], bool] = lambda: False) -> Iterator[JsonColumn]:
        """Wait until the adapter of a request may run; gives what the request is to say of its slot."""
        if not self.options.adapters:
            yield {}
            return
        with self._turns.taken(json.dumps(body["lora"]), has_left) as slot:
            is_one = "messages" in body and body.get("n", 1) == 1  # several answers have a slot each
            yield {"id_slot": slot} if slot is not None and is_one else {}

    def _loaded(self) -> Native:
        if self._native is None:
            raise ProviderError("the process is ending")
        return self._native

    def stop(self) -> None:
        """Free the model after the requests that are running."""
        self._native = None


@atexit.register
def _stop_all() -> None:
    """End the native threads, before the interpreter ends."""
    for server in list(_servers.values()):
        server.stop()


def _next(chunks: queue.Queue[JsonColumn | None]) -> JsonColumn | None:
    """The next chunk; one without choices where none comes for a while, so that the caller can stop the answer."""
    try:
        return chunks.get(timeout=PULSE_SECONDS)
    except queue.Empty:
        return {"choices": []}


def _with_stop(chunk: JsonColumn) -> Chunk:
    """The chunk with the stop text that ended its choice, which llama.cpp tells where it is to tell all."""
    verbose = chunk.pop("__verbose", None) or {}
    if verbose.get("stop_type") == "word":
        chunk["choices"] = [{**choice, "stop_reason": verbose["stopping_word"]} for choice in chunk["choices"]]
    return cast("Chunk", chunk)


def _load(path: Path, options: LlamaCppOptions) -> Native:
    """Start xllamacpp's server on the file, quietly."""
    try:
        xllamacpp = import_llama_cpp()
    except ImportError as error:
        raise MissingDependencyError("xllamacpp", "serve", "answering with a local model through llama.cpp") from error
    try:
        check_gguf(path)
    except DataError as error:
        raise ProviderError(str(error)) from error
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_parallel = options.slots
    params.n_ctx = options.slots * options.context_length
    if threads := options.threads or thread_limit():
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    # With a scale of 0 an adapter is off until a request names it.
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 0.0) for adapter in options.adapters]
    params.cache_ram_mib = 0  # cached prompts grow to gigabytes, and are not separated by adapter
    if not has_gpu():
        params.n_batch = CPU_PASS_TOKENS
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
