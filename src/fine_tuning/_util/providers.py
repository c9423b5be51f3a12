"""Who bills a call: by the address of its host, or by the prefix that routers and clouds put before a model's name.

The ids are those of genai-prices. A host that is not known here is nobody's: its models may have any name.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from fine_tuning._util.hosts import is_openai
from fine_tuning._util.model_names import is_fine_tuned

OPENAI = "openai"
BY_PREFIX = "prefix"
"""In place of a provider's id: the host is a router that names the provider before each model (`openai/gpt-4o`)."""

_PREFIXES = {
    OPENAI: (OPENAI, "openai_responses", "text-completion-openai"),
    "azure": ("azure", "azure_ai", "azure_text"),
    "openrouter": ("openrouter",),
    "aws": ("bedrock", "bedrock_converse", "aws", "amazon_bedrock", "aws_bedrock"),
    "google": ("google", "gemini", "vertex_ai", "vertex_ai_beta", "vertexai", "google-gla", "google-vertex", "models"),
    "anthropic": ("anthropic",),
    "mistral": ("mistral",),
    "deepseek": ("deepseek",),
    "groq": ("groq",),
    "together": ("together_ai", "together"),
    "fireworks": ("fireworks_ai", "fireworks"),
    "cohere": ("cohere", "cohere_chat"),
    "x-ai": ("xai", "x-ai"),
    "perplexity": ("perplexity",),
    "cerebras": ("cerebras",),
}
_PROVIDER = {prefix: provider for provider, prefixes in _PREFIXES.items() for prefix in prefixes}
_SEPARATOR = re.compile(r"[/:]")
_BEDROCK = re.compile(r"([a-z]{2,6}\.)?[a-z0-9]+\.[a-z][\w.-]+:\d+")  # us.anthropic.claude-3-haiku-20240307-v1:0
_BEDROCK_NAME = re.compile(
    r"(?P<region>[a-z]{2,6}\.)?(?:anthropic|meta|amazon|mistral|cohere|ai21|deepseek|openai|qwen)\.(?P<model>.+)"
)
# Weights that anybody runs, whose names do not say who bills them; gemini-1.5-flash-8b is of a service.
_OPEN_WEIGHTS = re.compile(
    r".*\bdistill\b.*|gpt-oss\b.*|gemma.*|(?!gpt-).*-instruct\b.*"
    r"|(?!gemini-|open-|ministral-|pixtral-)(?:.*[-_.])?(?:\d+x)?\d+(?:\.\d+)?b(?:[-_.].*)?",
    re.IGNORECASE,
)
_ROUTE = re.compile(r"^(?:converse|invoke|converse_like)/")  # of Bedrock
_REGION = re.compile(r"^[a-z]{2}(?:-gov)?-[a-z]+-\d/")
_VERTEX = re.compile(r"(?:publishers/)?(?:google|anthropic|meta|mistralai)/(?:models/)?")


class Billed(NamedTuple):
    """Who bills a model, under which name, and what was assumed to say so; `provider` is None where unknown."""

    provider: str | None
    model: str
    assumed: str | None = None


def provider_of_host(url: str) -> str | None:
    """The provider at an address; None for one without published prices, such as a local host.

    A vendor of LiteLLM has no address here: `litellm://bedrock`.
    """
    if is_openai(url):
        return OPENAI
    from genai_prices.data import providers  # takes 0.16 s to import

    parts = urlsplit(url)
    if parts.scheme == "litellm":
        return provider_of_prefix(parts.hostname or "")
    address = f"https://{parts.hostname}{parts.path}"
    found = next((each.id for each in providers if _is_at(each.api_pattern, address)), None)
    return None if found is None or found.startswith(OPENAI) else found


def _is_at(pattern: str, address: str) -> bool:
    """Whether an address matches; https://api.mistral.ai.example.com only begins as one that does."""
    match = re.match(pattern, address)
    if match is None:
        return False
    is_whole = match.group().endswith("/") or address[match.end() :][:1] in {"", "/"}
    return is_whole or pattern.endswith(r"\.")  # which says nothing about the rest of the name


def billed_at(provider: str, model: str) -> Billed:
    """A model of a known provider: its name without the provider's own prefix."""
    if provider == BY_PREFIX:
        found = billed_by_name(model)
        return found if found.model != model else Billed(None, model)
    prefix, rest = _split(model)
    if _PROVIDER.get(prefix) != provider or provider == "groq":  # Groq's own names begin with openai/ and others
        return _named(provider, model)
    return _named(provider, rest)


def billed_by_name(model: str) -> Billed:
    """Who bills a model of which only the name is known, such as that of a logged call."""
    prefix, rest = _split(model)
    provider = _PROVIDER.get(prefix)
    if provider is not None and rest:
        # A router charges as it likes: only its own list would say.
        return _named(provider, rest, f"{provider} itself answered, as the prefix of {model} says, at its list price")
    if _BEDROCK.fullmatch(model):
        return Billed("aws", model, f"Amazon Bedrock answered, whose name {model} is")
    if "/" in model or (":" in model and not is_fine_tuned(model)):
        return Billed(None, model)  # of a model hub, of an unknown router, or a tag of Ollama
    vendor = OPENAI if is_fine_tuned(model) else _vendor(model)
    return Billed(vendor, model, None if vendor is None else f"{vendor} itself answered, as the name {model} suggests")


def is_provider(name: str) -> bool:
    """Whether a word is what routers and clouds put before the names of a provider's models."""
    return name.lower() in _PROVIDER


def provider_of_prefix(prefix: str) -> str | None:
    """The provider before whose models' names a word stands; None for others, and for `models/`, which says nothing."""
    return None if prefix.lower() == "models" else _PROVIDER.get(prefix.lower())


def without_provider(model: str) -> str:
    """The name of a model without what routers, clouds and hubs put before it."""
    while True:
        prefix, rest = _split(model)
        if not rest or (prefix not in _PROVIDER and "/" not in model):
            break
        model = rest if prefix in _PROVIDER else model.rpartition("/")[2]
    match = _BEDROCK_NAME.fullmatch(model)
    return match["model"] if match else model


def is_regional(model: str) -> bool:
    """Whether a name is of Amazon Bedrock, and begins with the region that answers: us.anthropic.claude-..."""
    match = _BEDROCK_NAME.fullmatch(model)
    return match is not None and match["region"] is not None


def _named(provider: str, model: str, assumed: str | None = None) -> Billed:
    """The model as the provider's own list names it."""
    if provider == "aws":
        model = _REGION.sub("", _ROUTE.sub("", model))
    elif provider == "google":
        model = _VERTEX.sub("", model.removeprefix("models/"), count=1)
    elif provider == "azure":
        deployment = "the deployment has the name of its model, at Azure's global price"
        assumed = deployment if assumed is None else f"{assumed}; {deployment}"
    return Billed(provider, model, assumed)


def _split(model: str) -> tuple[str, str]:
    """The part before the first slash or colon in lower case, and the rest; ("", model) without one."""
    match = _SEPARATOR.search(model)
    if match is None or is_fine_tuned(model):
        return "", model
    return model[: match.start()].lower(), model[match.end() :]


def _vendor(model: str) -> str | None:
    from genai_prices import Usage, calc_price

    if model.startswith("chatgpt-"):
        return OPENAI
    if _OPEN_WEIGHTS.fullmatch(model):
        return None
    try:
        return calc_price(Usage(input_tokens=1, output_tokens=1), model_ref=model).provider.id
    except LookupError:
        return None
