"""Secrets and personal data in rows, found by detect-secrets and Presidio; no text leaves this machine.

Presidio's recognisers of patterns are used, with their checksums, not its language models: names of people are not found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from fine_tuning.errors import MissingDependencyError

# What can be told by its form; detectors of high entropy find too much in prose.
_SECRETS = (
    "artifactory.ArtifactoryDetector", "aws.AWSKeyDetector", "azure_storage_key.AzureStorageKeyDetector",
    "basic_auth.BasicAuthDetector", "discord.DiscordBotTokenDetector", "github_token.GitHubTokenDetector",
    "gitlab_token.GitLabTokenDetector", "jwt.JwtTokenDetector", "mailchimp.MailchimpDetector", "npm.NpmDetector",
    "openai.OpenAIDetector", "private_key.PrivateKeyDetector", "pypi_token.PypiTokenDetector",
    "sendgrid.SendGridDetector", "slack.SlackDetector", "square_oauth.SquareOAuthDetector", "stripe.StripeDetector",
    "telegram_token.TelegramBotTokenDetector", "twilio.TwilioKeyDetector",
)  # fmt: skip
LEAST_SCORE = 0.4  # of Presidio's confidence


class Found(NamedTuple):
    """A secret or a piece of personal data: where in a text, and what kind."""

    start: int
    end: int
    kind: str


Finder = Callable[[str], list[Found]]


@cache
def secrets() -> Finder:
    """A function that finds keys, tokens and passwords in addresses.

    Raises:
        MissingDependencyError: the `privacy` extra is not installed.
    """
    try:
        from importlib import import_module

        detectors = []
        for name in _SECRETS:
            module, kind = name.split(".")
            detectors.append(getattr(import_module(f"detect_secrets.plugins.{module}"), kind)())
    except ImportError as error:
        raise MissingDependencyError("detect-secrets", "privacy", "finding secrets") from error

    def find(text: str) -> list[Found]:
        return [
            Found(start, start + len(value), detector.secret_type)
            for detector in detectors
            for value in detector.analyze_string(text)
            if value and (start := text.find(value)) >= 0
        ]

    return find


@cache
def personal_data() -> Finder:
    """A function that finds e-mail addresses, phone and card numbers, bank accounts, addresses of machines.

    Raises:
        MissingDependencyError: the `privacy` extra is not installed.
    """
    try:
        from presidio_analyzer import PatternRecognizer, predefined_recognizers as known
    except ImportError as error:
        raise MissingDependencyError("presidio-analyzer", "privacy", "finding personal data") from error
    # Presidio's own recogniser of e-mail addresses would ask the network for a list of domains.
    mail = PatternRecognizer(supported_entity="EMAIL_ADDRESS", patterns=known.EmailRecognizer.PATTERNS)
    recognizers = [mail, known.PhoneRecognizer(), known.CreditCardRecognizer(), known.IbanRecognizer(),
                   known.IpRecognizer(), known.UsSsnRecognizer()]  # fmt: skip

    def find(text: str) -> list[Found]:
        return [
            Found(each.start, each.end, each.entity_type)
            for recognizer in recognizers
            for each in recognizer.analyze(text, recognizer.supported_entities, None) or []
            if each.score >= LEAST_SCORE
        ]

    return find


def masked(text: str, found: list[Found]) -> str:
    """The text with the kind in place of each thing that was found; of overlapping ones the first counts."""
    parts, at = [], 0
    for each in sorted(found):
        if each.start >= at:
            parts += [text[at : each.start], f"<{each.kind.upper().replace(' ', '_')}>"]
            at = each.end
    return "".join([*parts, text[at:]])


def kinds_in(value: Any, find: Finder) -> set[str]:
    """The kinds that are found in any text of a value."""
    return {each.kind for text in _texts(value) for each in find(text)}


def without(value: Any, find: Finder) -> Any:
    """The value with all that is found in its texts masked; names of fields stay."""
    if isinstance(value, str):
        return masked(value, found) if (found := find(value)) else value
    if isinstance(value, Mapping):
        return {key: without(item, find) for key, item in value.items()}
    return [without(item, find) for item in value] if isinstance(value, list) else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
