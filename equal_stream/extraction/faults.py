"""What went wrong with a call, and what that means for money: the one place that decides it.

An error response bills nothing: it is tried again where waiting can help, and given up where it cannot.
A connection that was never made bills nothing either. Everything else happened after the request left,
a gateway that gave up waiting for the LLM included, so the call may have been billed: it is never
repeated and is charged in full.
"""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

import httpx2
import msgspec
import openai

_TRY_AGAIN = frozenset({408, 409, 425, 429})  # and every 5xx but those below
_GAVE_UP_WAITING = frozenset({504, 524})  # a gateway did; the LLM behind it may be at work, and will bill
_NEVER_HELPS = frozenset({501, 505})
_CONFIGURATION = frozenset({401, 403, 404, 405})  # key, permission, model or path: wrong for every passage
_QUOTA_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached"})  # a 429 that no wait cures
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
_NOT_SENDABLE = (
    httpx2.LocalProtocolError,
    httpx2.InvalidURL,
    UnicodeError,
)  # such as a key that fits no header
_LONGEST_PAUSE = 600.0  # seconds; a longer Retry-After is taken for a mistake


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """How a failed attempt is to be treated.

    Parameters
    ----------
    action
        again: not billed, waiting may help. stop: not billed, waiting cannot help. unknown: perhaps billed.
    reason
        A short word for counters.
    sentence
        What happened and what to do.
    pause
        Seconds the server asked everyone to wait (Retry-After), 0 when it did not.
    """

    action: Literal["again", "stop", "unknown"]
    reason: str
    sentence: str
    pause: float = 0.0


def classify(error: Exception, endpoint: str) -> Fault:
    """Return how to treat an exception that the `openai` client raised for a call to `endpoint`."""
    if isinstance(error, openai.APIStatusError):
        return _status_fault(error, endpoint)
    cause = error.__cause__
    if isinstance(cause, _NOT_SENT):
        return Fault(
            action="again",
            reason="unreachable",
            sentence=f"The LLM at {endpoint} cannot be reached ({cause}): check llm.base_url.",
        )
    if isinstance(error, _NOT_SENDABLE) or isinstance(cause, _NOT_SENDABLE):
        return Fault(
            action="stop",
            reason="configuration",
            sentence=f"No request to {endpoint} can be formed: check llm.base_url and llm.api_key.",
        )
    if isinstance(error, openai.APITimeoutError | TimeoutError):
        return Fault(
            action="unknown",
            reason="timeout",
            sentence=f"The LLM at {endpoint} did not answer in time: llm.timeout_seconds may be low.",
        )
    if isinstance(error, openai.APIConnectionError):
        return Fault(
            action="unknown",
            reason="connection-lost",
            sentence=f"The connection to {endpoint} broke after the request was sent: {cause!r}.",
        )
    return Fault(
        action="unknown",
        reason="client-error",
        sentence=f"The call to {endpoint} ended in {type(error).__name__}: {error}.",
    )


def _status_fault(error: openai.APIStatusError, endpoint: str) -> Fault:
    status = error.status_code
    said = f"{endpoint} answered {status}: {_excerpt(error)}"
    if status in _CONFIGURATION or 300 <= status < 400 or error.code in _QUOTA_CODES:
        return Fault(
            action="stop",
            reason="configuration",
            sentence=f"{said}. Check llm.base_url, llm.model, llm.api_key and the account behind it.",
        )
    if status in _GAVE_UP_WAITING:
        return Fault(
            action="unknown", reason="timeout", sentence=f"{said}. The LLM behind it may have billed."
        )
    if status in _TRY_AGAIN or (status >= 500 and status not in _NEVER_HELPS):
        return Fault(
            action="again",
            reason="rate-limited" if status == 429 else "server-error",
            sentence=f"{said}, also after the last retry. Try later, or raise llm.max_retries.",
            pause=retry_after(error.response.headers.get("retry-after", "")),
        )
    return Fault(action="stop", reason="rejected-request", sentence=f"{said}.")


def retry_after(value: str, now: datetime | None = None) -> float:
    """Return the seconds a Retry-After header asks for (RFC 9110, section 10.2.3), 0 when unusable."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - (now or datetime.now(UTC))).total_seconds()
        except (ValueError, TypeError):
            return 0.0
    return min(max(seconds, 0.0), _LONGEST_PAUSE) if math.isfinite(seconds) else 0.0


def _excerpt(error: openai.APIStatusError) -> str:
    return " ".join(error.message.split())[:300]
