"""Secrets of a known form: keys and tokens of services, private keys. Most are found by detect-secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Protocol

Place = tuple[int, int, str]
# Detectors of a known pattern; those of high entropy find too much in prose.
_DETECTORS = (
    "artifactory.ArtifactoryDetector", "aws.AWSKeyDetector", "azure_storage_key.AzureStorageKeyDetector",
    "discord.DiscordBotTokenDetector", "github_token.GitHubTokenDetector",
    "gitlab_token.GitLabTokenDetector", "jwt.JwtTokenDetector", "mailchimp.MailchimpDetector", "npm.NpmDetector",
    "openai.OpenAIDetector", "pypi_token.PypiTokenDetector",
    "sendgrid.SendGridDetector", "slack.SlackDetector", "square_oauth.SquareOAuthDetector", "stripe.StripeDetector",
    "telegram_token.TelegramBotTokenDetector", "twilio.TwilioKeyDetector",
)  # fmt: skip
# What detect-secrets lacks, or matches only the beginning of.
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:(?!-----)[\x00-\x7f]){16,20000}?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
    r"|(?:\s|\\[rn])*(?:[A-Za-z0-9+/=]{16,}(?:\s|\\[rn])*[A-Za-z0-9+/=\s]*|\Z))"
)
_API_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:github_pat_\w{20,}|AIza[\w-]{30,}|sk-(?:[A-Za-z]+\d*-)*[A-Za-z0-9_-]{20,}|hf_[A-Za-z0-9]{20,}"
    r"|(?:gsk|r8|shpat|shpss|npm|ghp|dop_v1|sbp|figd|glsa|lin_api|whsec|rubygems|ntn|sk_live|sk_test|rk_live|rk_test)_"
    r"[A-Za-z0-9_]{20,}|(?:xai|pplx|tvly|nvapi|PMAK|key|xapp|xoxe|AGE-SECRET-KEY)-[A-Za-z0-9-]{28,}|dapi[0-9a-f]{32}"
    r"|hvs\.[\w-]{20,}|ya29\.[\w-]{20,}|https://discord(?:app)?\.com/api/webhooks/\d+/[\w-]{40,})",
    re.ASCII,
)
_TOKEN = re.compile(r"[\w.+/=-]*", re.ASCII)
_LONG_WORD = re.compile(r"[A-Za-z0-9_+/=.:-]{20}|(?<![A-Za-z0-9])A(?:KC|P[0-9A-F])[A-Za-z0-9]{8}")
_WORDS = re.compile(r"[a-z]+(?:[-_](?:[a-z]+\d?|\d{1,3}))*")  # a name of a package or a setting
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
    for match in _API_KEY.finditer(text):
        if re.search(r"\d", match[0]) and not _WORDS.fullmatch(match[0]):
            yield *match.span(), "API key"
    plain = _NOT_ASCII.sub(" ", text)  # some detectors end a token at `\\w`, which has the letters of all scripts
    for detector in found_by:
        for value in set(filter(None, detector.analyze_string(plain))):
            yield from _places(text, value.strip(), detector.secret_type)


def _places(text: str, value: str, kind: str) -> Iterator[Place]:
    """Where a value is, since detectors give it once, and of some tokens only the beginning."""
    value = value.strip("\"':= ").removeprefix("AccountKey=")
    for match in re.finditer(re.escape(value), text):
        if not (match.start() and _BEFORE.match(text[match.start() - 1])):
            end = _TOKEN.match(text, match.end()).end()  # type: ignore[union-attr]
            end = match.end() + len(text[match.end() : end].rstrip(".-/"))
            if re.search(r"\d", text[match.start() : end]):  # else a word
                yield match.start(), end, kind
