"""What a failed call means: whether it may have been answered and paid, and whether to send it again."""

from __future__ import annotations

from enum import Enum

from fine_tuning.errors import ProviderError, RefusedError

TIMEOUTS = frozenset({408, 504, 522, 524})  # of a proxy, behind which the model may have answered
LONGEST_WAIT = 600.0  # seconds that a host may ask for; after as many attempts without them a call is given up
NO_CREDIT = ("insufficient_quota", "billing_hard_limit_reached")


class Failure(Enum):
    """What is known of a call that failed."""

    REFUSED = "the host rejected this request; nothing was paid"
    BUSY = "the host was not reached, or had no capacity; nothing was paid, and it may be sent again"
    NO_CREDIT = "the host has no credit; no other call will do better"
    UNKNOWN = "it was sent, and it is not known whether it was answered and paid"


def failure_of(error: ProviderError) -> Failure:
    """What an engine's error says of its call."""
    import httpx2
    import openai

    cause = error.__cause__
    if isinstance(error, RefusedError):
        return Failure.REFUSED
    if isinstance(cause, openai.APIStatusError):
        if cause.code in NO_CREDIT:
            return Failure.NO_CREDIT
        return Failure.UNKNOWN if cause.status_code in TIMEOUTS else Failure.BUSY if _passes(cause) else Failure.REFUSED
    never_sent = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
    if isinstance(cause, openai.APIConnectionError) and isinstance(cause.__cause__, never_sent):
        return Failure.BUSY
    return Failure.UNKNOWN


def _passes(error: object) -> bool:
    """Whether a host's error may pass by itself."""
    status = getattr(error, "status_code", 0)
    return status in (409, 425, 429) or status >= 500


def seconds_to_wait(error: ProviderError) -> float | None:
    """What the host says to wait for, in seconds, up to a limit; None where it does not."""
    response = getattr(error.__cause__, "response", None)
    stated = None if response is None else response.headers.get("retry-after")
    try:
        return None if stated is None else max(0.0, min(LONGEST_WAIT, float(stated)))
    except ValueError:  # a date
        return None
