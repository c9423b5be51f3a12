"""Models of a running Ollama: create, show, delete."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fine_tuning._util.hosts import without_userinfo
from fine_tuning.errors import MissingDependencyError, NotFoundError, ProviderError
from fine_tuning.export import modelfile

CONNECT_SECONDS = 10.0
SILENT_SECONDS = 600.0  # within which Ollama says something: it writes large weights before it goes on


def create(
    base_url: str,
    model_path: Path,
    model_name: str,
    system_prompt: str | None,
    on_message: Callable[[str], None] = lambda _: None,
    weights: Path | None = None,
) -> None:
    """Upload the weights and create the model, as `ollama create` would from its Modelfile.

    Args:
        model_path: the folder (or GGUF file) whose chat template and context length are used.
        on_message: called with Ollama's status messages.
        weights: a GGUF file exported from the folder, uploaded in its place.

    Raises:
        NotFoundError: there are no weights at the path.
        ProviderError: Ollama does not answer, or refuses.
    """
    modelfile.check_name(model_name)
    sent = _weights(weights or model_path)
    family = modelfile.chat_format(model_path)
    parameters: dict[str, object] = {"num_ctx": modelfile.context_length(model_path)}
    if family is not None:
        parameters["stop"] = list(family.stops)
    with _client(base_url, model_name) as client:
        files = {file.name: client.create_blob(file) for file in sent}
        for progress in client.create(
            model=model_name,
            files=files,
            template=family.template if family else None,
            system=system_prompt or modelfile.default_system(model_path),
            parameters=parameters,
            stream=True,
        ):
            on_message(progress.status or "")


def check(base_url: str) -> None:
    """Raise ProviderError unless Ollama responds; called before a long export."""
    with _client(base_url, "any model") as client:
        client.list()


def show(base_url: str, model_name: str) -> dict[str, Any]:
    """See `OllamaFineTuner.show`."""
    modelfile.check_name(model_name)
    with _client(base_url, model_name) as client:
        return dict(client.show(model_name).model_dump(mode="json", exclude_none=True))


def delete(base_url: str, model_name: str) -> bool:
    """See `OllamaFineTuner.delete`."""
    modelfile.check_name(model_name)
    try:
        with _client(base_url, model_name) as client:
            client.delete(model_name)
    except NotFoundError:
        return False
    return True


@contextmanager
def _client(base_url: str, model_name: str) -> Iterator[Any]:
    """The official client, with its exceptions translated."""
    try:
        import httpx
        import ollama
    except ImportError:
        raise MissingDependencyError("ollama", "ollama", "connecting to Ollama") from None
    shown = without_userinfo(base_url)
    try:
        yield ollama.Client(host=base_url, timeout=httpx.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS))
    except ollama.ResponseError as error:
        if error.status_code == HTTPStatus.NOT_FOUND:
            raise NotFoundError(f"Ollama at {shown} has no model {model_name}") from error
        raise ProviderError(f"Ollama at {shown} refused {model_name}: {error.error}") from error
    except ValueError as error:
        raise ProviderError(f"Ollama at {shown} sent a response that its client cannot parse: {error}") from error
    except (OSError, httpx.HTTPError) as error:
        raise ProviderError(f"cannot reach Ollama at {shown}; start it, or set OLLAMA_HOST") from error


def _weights(model_path: Path) -> list[Path]:
    if model_path.is_file():
        return [model_path]
    files = [*model_path.glob("*.safetensors"), *model_path.glob("*.json"), *model_path.glob("*.jinja")]
    if not any(file.suffix == ".safetensors" for file in files):
        raise NotFoundError(f"no weights at {model_path}; name a GGUF file or a folder with safetensors")
    return sorted(files)
