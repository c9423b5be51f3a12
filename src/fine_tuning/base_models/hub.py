"""Models of the Hugging Face hub: from its local cache, else downloaded. Only data files are fetched, never code."""

from __future__ import annotations

from pathlib import Path

from fine_tuning.errors import MissingDependencyError, ProviderError

_DATA = ["*.safetensors", "*.json", "*.jinja", "merges.txt", "vocab.txt", "tokenizer.model"]
_FOLDERS = ["*/*"]


def from_hub(name: str, alternative: str) -> Path:
    """The local folder of the hub's model `name` ("organisation/model"), downloaded if it is not cached yet.

    Args:
        name: the model's id on the hub; the newest revision on its main branch is taken, or the cached one offline.
        alternative: what error messages suggest instead.

    Raises:
        ProviderError: the hub cannot be reached, or has no such model, or wants a login.
        MissingDependencyError: the `train` extra is not installed.
    """
    try:
        from huggingface_hub import errors, snapshot_download
    except ImportError as error:
        raise MissingDependencyError(
            "huggingface_hub", "train", "fetching a model from the Hugging Face hub"
        ) from error
    if cached := cached_folder(name):
        return cached
    try:
        return Path(snapshot_download(name, allow_patterns=_DATA, ignore_patterns=_FOLDERS))
    except errors.GatedRepoError as error:
        raise ProviderError(f"{name} needs its licence accepted and a login (hf auth login); {alternative}") from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise ProviderError(
            f"the Hugging Face hub has no public model {name}; check the name, or {alternative}"
        ) from error
    except (OSError, getattr(errors, "HTTPError", OSError)) as error:  # the HTTP library depends on the version
        raise ProviderError(f"cannot reach the Hugging Face hub for {name}; {alternative}") from error


def cached_folder(name: str) -> Path | None:
    """The complete local copy of `name` in the Hugging Face cache, if there is one; the network is not used."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = snapshot_download(name, allow_patterns=_DATA, ignore_patterns=_FOLDERS, local_files_only=True)
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    return Path(folder) if (Path(folder) / "config.json").is_file() else None
