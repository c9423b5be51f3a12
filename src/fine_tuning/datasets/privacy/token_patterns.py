"""Secrets of a known form: keys and tokens of services, private keys. Most are found by detect-secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Protocol

from fine_tuning.datasets.privacy import token_forms

Place = tuple[int, int, str]
# Detectors of a known pattern; those of high entropy find too much in prose, and that of OpenAI is not linear in time.
_DETECTORS = (
    "artifactory.ArtifactoryDetector", "aws.AWSKeyDetector", "azure_storage_key.AzureStorageKeyDetector",
    "discord.DiscordBotTokenDetector", "github_token.GitHubTokenDetector",
    "gitlab_token.GitLabTokenDetector", "jwt.JwtTokenDetector", "mailchimp.MailchimpDetector", "npm.NpmDetector",
    "pypi_token.PypiTokenDetector",
    "sendgrid.SendGridDetector", "slack.SlackDetector", "square_oauth.SquareOAuthDetector", "stripe.StripeDetector",
    "telegram_token.TelegramBotTokenDetector", "twilio.TwilioKeyDetector",
)  # fmt: skip
# What detect-secrets lacks, or matches only the beginning of.
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:(?!-----)[\x00-\x7f]){16,20000}?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
    r"|(?:\s|\\[rn])*(?:[A-Za-z0-9+/=]{16,}(?:\s|\\[rn])*[A-Za-z0-9+/=\s]*|\Z))"
)
_OF_TELEGRAM = re.compile(r"(?<![A-Za-z0-9])(?:bot)?(?P<key>\d{8,10}:AA[A-Za-z0-9_-]{33})")  # `bot` is of its addresses
_TOKEN = re.compile(r"[\w.+/=-]*", re.ASCII)
_LONG_WORD = re.compile(r"[A-Za-z0-9_+/=.:-]{20}|(?<![A-Za-z0-9])A(?:KC|P[0-9A-F])[A-Za-z0-9]{8}")
_WORDS = re.compile(r"[a-z]+(?:[-_](?:[a-z]{1,15}(?:\d{1,3}[a-z]{0,8})?|\d{1,4}))*")  # a name of a package or a setting
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_BEFORE = re.compile(r"[A-Za-z0-9_]")


class SecretType(Protocol):
    """A detector of detect-secrets."""

    secret_type: str

    def analyze_string(self, string: str) -> Iterator[str]:
        """Each value in a text."""


def detectors() -> list[SecretType]:
    """The detectors of detect-secrets.

    Raises:
        ImportError: it is not installed.
    """
    names = (name.split(".") for name in _DETECTORS)
    return [getattr(import_module(f"detect_secrets.plugins.{module}"), kind)() for module, kind in names]


def has_long_word(text: str) -> bool:
    """Whether any token of these patterns can be in the text."""
    return "-----BEGIN" in text or bool(_LONG_WORD.search(text))


def find(text: str, found_by: list[SecretType]) -> Iterator[Place]:
    """Start, end and kind of each token and private key."""
    if "PRIVATE KEY" in text:
        for match in _PRIVATE_KEY.finditer(text):
            yield *match.span(), "private key"
    for word in token_forms.WORD.finditer(text):
        for match in token_forms.TOKEN.finditer(text, *word.span()):
            if _is_random(match[0]):
                yield *match.span(), "API key"
    if "://" in text:
        for match in token_forms.HOOK.finditer(text):
            yield *match.span(match.lastgroup or 0), "API key"
    for match in _OF_TELEGRAM.finditer(text):
        yield *match.span("key"), "API key"
    plain = _NOT_ASCII.sub(" ", text)  # some detectors end a token at `\\w`, which has the letters of all scripts
    for detector in found_by:
        for value in set(filter(None, detector.analyze_string(plain))):
            yield from _places(text, value.strip(), detector.secret_type)


def _is_random(value: str) -> bool:
    """Whether a key is no name of a setting or package: it has a digit, or letters of both cases by chance."""
    if re.search(r"\d", value):
        return not _WORDS.fullmatch(value)
    letters = re.findall(r"[A-Za-z]{14,}", value)  # keys of the hub may have no digit
    return any(len(each) <= 4 * sum(map(str.isupper, each)) <= 3 * len(each) for each in letters)


def _places(text: str, value: str, kind: str) -> Iterator[Place]:
    """Where a value is, since detectors give it once, and of some tokens only the beginning."""
    value = value.strip("\"':= ").removeprefix("AccountKey=")
    for match in re.finditer(re.escape(value), text):
        if not (match.start() and _BEFORE.match(text[match.start() - 1])):
            end = _TOKEN.match(text, match.end()).end()  # type: ignore[union-attr]
            end = match.end() + len(text[match.end() : end].rstrip(".-/"))
            if re.search(r"\d", text[match.start() : end]):  # else a word
                yield match.start(), end, kind
