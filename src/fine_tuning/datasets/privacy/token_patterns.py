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
    r"(?<![A-Za-z0-9])(?:github_pat_\w{20,}|AIza[\w-]{30,}|sk-(?:[A-Za-z]+\d*-)*[A-Za-z0-9_-]{20,}"
    r"|(?:hf|api_org|gsk|csk|r8|jina|e2b|pcsk|tgp_v1|shpat|shpss|shpca|shppa|npm|ghp|gho|ghu|ghs|ghr|dop_v1|doo_v1|dor_v1"
    r"|sbp|sb_secret|figd|glsa|glc|lin_api|whsec|rubygems|ntn|sk_live|sk_test|rk_live|rk_test|sgp|rdme|tfp|pnu|nfp|rnd|napi"
    r"|dckr_pat|dckr_oat|pscale_(?:tkn|pw|oauth)|shippo_(?:live|test)|duffel_(?:live|test)|sntryu|CLOJARS|phx|phc|wandb_v1)_"
    r"[A-Za-z0-9]{20,}[A-Za-z0-9_=-]*|(?:xai|pplx|tvly|nvapi|PMAK|key|xapp|xoxe|AGE-SECRET-KEY|xkeysib|llx|tk-us)"
    r"-[A-Za-z0-9-]{28,}|(?:FLWSECK|HRKU|NRAK|NRII|GOCSPX)-[A-Za-z0-9_-]{20,}|(?:pul|fc)-[0-9a-f]{32,}|pat-[a-z]{2}\d-[0-9a-f-]{36}|lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{8,12}"
    r"|dapi[0-9a-f]{32}(?:-\d)?"
    r"|ATATT3[\w=-]{40,}|ATBB[A-Za-z0-9]{28,}|LTAI[A-Za-z0-9]{16,24}|EZ[AT]K[A-Za-z0-9]{40,}|pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"
    r"|dt0c01\.[A-Z2-7]{24}\.[A-Z2-7]{64}|dp\.(?:pt|st|ct|sa)\.[\w.-]{40,}|sntrys_[\w=+/-]{40,}|sq0(?:atp|csp)-[\w-]{22,}"
    r"|hv[sb]\.[\w-]{20,}|ya29\.[\w-]{20,}|https://discord(?:app)?\.com/api/webhooks/\d+/[\w-]{40,})",
    re.ASCII,
)
_OF_TELEGRAM = re.compile(r"(?<![A-Za-z0-9])(?:bot)?(?P<key>\d{8,10}:AA[A-Za-z0-9_-]{33})")  # `bot` is of its addresses
_TOKEN = re.compile(r"[\w.+/=-]*", re.ASCII)
_LONG_WORD = re.compile(r"[A-Za-z0-9_+/=.:-]{20}|(?<![A-Za-z0-9])A(?:KC|P[0-9A-F])[A-Za-z0-9]{8}")
_WORDS = re.compile(r"[a-z]+(?:[-_](?:[a-z]+\d?|\d{1,4}))*")  # a name of a package or a setting
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
        if _is_random(match[0]):
            yield *match.span(), "API key"
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
    letters = re.findall(r"[A-Za-z]{20,}", value)  # keys of the hub may have no digit
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
