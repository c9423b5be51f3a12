"""Find secrets and personal data in rows by pattern and checksum; no text leaves this machine.

Secrets are found by detect-secrets. Of personal data, candidates are found by a pattern and confirmed by
phonenumbers (Google's tables of numbers), stdnum (card and account numbers) and Python's ipaddress. Names of people and
streets match no pattern and are not found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from ipaddress import ip_address
from typing import NamedTuple

from fine_tuning.errors import MissingDependencyError

# Detectors of a known pattern; those of high entropy find too much in prose.
_SECRETS = (
    "artifactory.ArtifactoryDetector", "aws.AWSKeyDetector", "azure_storage_key.AzureStorageKeyDetector",
    "discord.DiscordBotTokenDetector", "github_token.GitHubTokenDetector",
    "gitlab_token.GitLabTokenDetector", "jwt.JwtTokenDetector", "mailchimp.MailchimpDetector", "npm.NpmDetector",
    "openai.OpenAIDetector", "pypi_token.PypiTokenDetector",
    "sendgrid.SendGridDetector", "slack.SlackDetector", "square_oauth.SquareOAuthDetector", "stripe.StripeDetector",
    "telegram_token.TelegramBotTokenDetector", "twilio.TwilioKeyDetector",
)  # fmt: skip
# Patterns that detect-secrets lacks, or matches only the beginning of.
_MORE_SECRETS = (
    ("private key", re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)),
    ("password in an address", re.compile(r"(?<=://)[^\s:/@]{1,200}:[^\s/@]{1,200}(?=@)")),
    ("API key", re.compile(r"\b(?:github_pat_\w{20,}|AIza[\w-]{30,}|sk-[A-Za-z]+-[\w-]{20,}|hf_[A-Za-z0-9]{20,})")),
    ("password", re.compile(
        r"\b(?:password|passwd|aws_secret_access_key|api[_-]?key|secret[_-]?key|access[_-]?token)['\"]?\s*[:=]\s*"
        r"['\"]?[^\s'\",;]{6,}", re.IGNORECASE)),
)  # fmt: skip
_TOKEN = re.compile(r"[\w.+/=-]*")
_MAIL = re.compile(r"\b[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b")
_CARD = re.compile(r"\b(?:\d[ -]?){12,18}\d\b")
_ACCOUNT = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_MACHINE = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|(?<![\w:])[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f]*(?![\w:])")


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
        found = [Found(m.start(), m.end(), kind) for kind, pattern in _MORE_SECRETS for m in pattern.finditer(text)]
        for detector in detectors:
            for value in filter(None, detector.analyze_string(text)):
                # Some detectors give the beginning of a token only, and each value once.
                for match in re.finditer(re.escape(value), text):
                    end = _TOKEN.match(text, match.end()).end()  # type: ignore[union-attr]
                    found.append(Found(match.start(), end, detector.secret_type))
        return found

    return find


@cache
def personal_data() -> Finder:
    """A function that finds e-mail addresses, phone and card numbers, bank accounts, addresses of machines.

    Raises:
        MissingDependencyError: the `privacy` extra is not installed.
    """
    try:
        from phonenumbers import PhoneNumberMatcher
        from stdnum import iban, luhn
    except ImportError as error:
        raise MissingDependencyError(error.name or "phonenumbers", "privacy", "finding personal data") from error
    patterns: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
        ("e-mail address", _MAIL, lambda _: True),
        ("card number", _CARD, lambda value: value[0] in "3456" and luhn.is_valid(re.sub(r"[ -]", "", value))),
        ("bank account", _ACCOUNT, iban.is_valid),
        ("IP address", _MACHINE, _is_machine),
    )

    def find(text: str) -> list[Found]:
        found = [
            Found(match.start(), match.end(), kind)
            for kind, pattern, is_valid in patterns
            for match in pattern.finditer(text)
            if is_valid(match[0])
        ]
        # With the country's code; what is a phone number only in some country is too often something else.
        return found + [Found(match.start, match.end, "phone number") for match in PhoneNumberMatcher(text, None)]

    return find


def _is_machine(value: str) -> bool:
    """Whether this is an address that only one machine has."""
    try:
        address = ip_address(value)
    except ValueError:
        return False
    return not (address.is_private or address.is_loopback or address.is_unspecified)


def masked(text: str, found: list[Found]) -> str:
    """The text with the kind in place of each thing that was found; of overlapping ones the first counts."""
    parts, at = [], 0
    for each in sorted(found):
        if each.start >= at:
            parts += [text[at : each.start], f"<{each.kind.upper().replace(' ', '_')}>"]
            at = each.end
    return "".join([*parts, text[at:]])


def kinds_in(value: object, find: Finder) -> set[str]:
    """The kinds that are found in any text of a value."""
    return {each.kind for text in _texts(value) for each in find(text)}


def without(value: object, find: Finder) -> object:
    """The value with all that is found in its texts masked; names of fields stay."""
    if isinstance(value, str):
        return masked(value, found) if (found := find(value)) else value
    if isinstance(value, Mapping):
        return {key: without(item, find) for key, item in value.items()}
    return [without(item, find) for item in value] if isinstance(value, list) else value


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
