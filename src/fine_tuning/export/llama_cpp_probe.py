"""Query llama.cpp (inside xllamacpp) for how it renders, tokenizes and continues a conversation, for comparison."""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from fine_tuning._util.lazy_imports import import_llama_cpp
from fine_tuning.errors import DataError, MissingDependencyError
from fine_tuning.export.gguf_trial import check_gguf

_SILENT = -1
TOP_TOKENS = 200  # tokens whose log probabilities are requested at each position


class Prompt(NamedTuple):
    """A conversation as text and as tokens."""

    text: str
    ids: list[int]


class Probe:
    """A GGUF file loaded by llama.cpp; see `open_probe`."""

    def __init__(self, address: str, key: str) -> None:
        self._address = address
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        # Probabilities are reported before the bias, and only if the sampled token is valid text by itself. The bias
        # in `next_token` therefore forces such a token.
        self._plain = self._ask("tokenize", {"content": "a"})["tokens"][-1]

    def prompt(self, messages: Sequence[Mapping[str, str]]) -> Prompt:
        """The conversation through the file's own chat template and tokenizer."""
        text = self._ask("apply-template", {"messages": [dict(message) for message in messages]})["prompt"]
        tokenized = self._ask("tokenize", {"content": text, "add_special": True, "parse_special": True})
        return Prompt(text, tokenized["tokens"])

    def next_token(self, ids: Sequence[int]) -> dict[int, float]:
        """The log probabilities (nats) of the most likely next tokens, most likely first."""
        body = {
            "prompt": list(ids),
            "n_predict": 1,
            "n_probs": TOP_TOKENS,
            "temperature": 0.0,
            "cache_prompt": True,
            "logit_bias": [[self._plain, 1e6]],
        }
        (place,) = self._ask("completion", body)["completion_probabilities"]
        return {each["id"]: each["logprob"] for each in place["top_logprobs"]}

    def ends_at(self, token: int) -> bool:
        """Whether an answer ends at a token."""
        body = {"prompt": [self._plain], "n_predict": 1, "temperature": 0.0, "logit_bias": [[token, 1e6]]}
        return bool(self._ask("completion", body)["stop_type"] == "eos")

    def _ask(self, what: str, body: Mapping[str, Any]) -> dict[str, Any]:
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"{self._address}/{what}", data, self._headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request) as reply:  # noqa: S310 - llama.cpp in this process
                found: dict[str, Any] = json.load(reply)
        except urllib.error.HTTPError as error:
            raise DataError(
                f"llama.cpp cannot answer with the file: {error.read().decode(errors='replace')}"
            ) from error
        return found


@contextmanager
def open_probe(gguf: Path, context_length: int, adapter: Path | None = None) -> Iterator[Probe]:
    """Load a file, with an adapter if one is given, while the block runs.

    Raises:
        DataError: llama.cpp cannot load it.
        MissingDependencyError: the `serve` extra is not installed.
    """
    try:
        xllamacpp = import_llama_cpp()
    except ImportError:
        raise MissingDependencyError("xllamacpp", "serve", "comparing a GGUF file with its model") from None
    check_gguf(gguf)
    params = xllamacpp.CommonParams()
    params.model.path, params.verbosity = str(gguf), _SILENT
    params.n_ctx, params.n_parallel, params.cache_ram_mib = context_length, 1, 0
    if adapter is not None:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    key = secrets.token_hex(32)  # llama.cpp listens on a loopback port; other programs have no key
    params.api_keys = [key]
    try:
        server = xllamacpp.Server(params)
    except (RuntimeError, ValueError) as error:
        raise DataError(f"llama.cpp cannot load {gguf}: {error}") from error
    yield Probe(server.listening_address, key)
