"""What can become of a request, and what of it is billed.

Billing follows what providers do: what is turned away before a model reads it costs nothing; what a
model has read and answered is paid for, whether or not the answer is of use and whether or not it
arrives. After a timeout or a reset the client has seen no usage and cannot know: its money's fate is
unknown to it, and only this server's audit tells.
"""

from enum import StrEnum


class Outcome(StrEnum):
    """What became of one request; the value is its name in the audit."""

    ANSWERED = "answered"
    """A good answer with its usage. Billed."""
    LENGTH = "length"
    """An answer that the request's own max_tokens cut short. Billed for what was produced."""
    GARBAGE = "garbage"
    """Status 200 with content that is no JSON. Billed."""
    TRUNCATED = "truncated"
    """JSON that breaks off, with finish_reason ``length``. Billed for what was produced."""
    HALLUCINATED = "hallucinated"
    """Well-formed pairs whose evidence is not in the passage. Billed."""
    NO_USAGE = "no_usage"
    """A good answer without `usage`. Billed, and the client is not told how much."""
    REFUSAL = "refusal"
    """A `refusal` instead of content. Billed."""
    TIMEOUT = "timeout"
    """Processed, then silence until the client gives up. Billed, and the client is not told."""
    RESET = "reset"
    """Processed, then the connection breaks amid the response. Billed, and the client is not told."""
    BUSY = "429"
    """Turned away by chance, with Retry-After. Not billed."""
    ERROR = "500"
    """Internal error before processing. Not billed."""
    RATE_LIMITED = "rate_limited"
    """Turned away by the limit of requests per minute: status 429 with Retry-After. Not billed."""
    UNAUTHORIZED = "unauthorized"
    """API key wrong or missing: status 401. Not billed."""
    UNKNOWN_MODEL = "unknown_model"
    """Asks for a model that is not served: status 404. Not billed."""
    INVALID = "invalid"
    """No request that this server understands: status 400. Not billed."""

    @property
    def billed(self) -> bool:
        """Whether a model has read the request, so that its tokens are paid for."""
        return self not in _TURNED_AWAY

    @property
    def tells_usage(self) -> bool:
        """Whether the response carries the usage that is billed."""
        return self.billed and self not in _SILENT


_TURNED_AWAY = frozenset(
    {
        Outcome.BUSY,
        Outcome.ERROR,
        Outcome.RATE_LIMITED,
        Outcome.UNAUTHORIZED,
        Outcome.UNKNOWN_MODEL,
        Outcome.INVALID,
    }
)
_SILENT = frozenset({Outcome.NO_USAGE, Outcome.TIMEOUT, Outcome.RESET})

FAULTS = (
    Outcome.BUSY,
    Outcome.ERROR,
    Outcome.TIMEOUT,
    Outcome.GARBAGE,
    Outcome.TRUNCATED,
    Outcome.HALLUCINATED,
    Outcome.NO_USAGE,
    Outcome.REFUSAL,
    Outcome.RESET,
)
"""The outcomes that happen by chance, in the order in which they are drawn."""
