"""Dead letters: records that cannot be used, kept as they came, with why, where and when in headers.

Key, value and headers stay byte for byte, so a dead letter can be replayed once its cause is gone. What
is known about the failure stands in further headers whose names begin with ``dlq_``. One exception: no
log takes a record with neither key nor value, so its dead letter has an empty key, and ``dlq_key`` says so.
Of these headers a replay takes one along, ``dlq_attempt``, so that a record that fails again counts on.
"""

from equal_stream.errors import InvalidRecord
from equal_stream.messages import now
from equal_stream.topics import dead_letter as dead_letter_topic
from equal_stream.transport.base import Headers, OutgoingRecord, Record

PREFIX = "dlq_"
_MAX_MESSAGE = 2_000  # a header is for reading, not for a traceback
_FORMAT = "1"
_ATTEMPT = PREFIX + "attempt"
_MOST_DIGITS = 6  # of a count that anybody may have written


def attempts_of(headers: Headers) -> int:
    """Return how many times a record has failed: 0 for one that comes for the first time."""
    told = dict(headers).get(_ATTEMPT, b"")
    return int(told) if told.isdigit() and len(told) <= _MOST_DIGITS else 0


def replayed_headers(headers: Headers) -> Headers:
    """Return the headers with which a dead letter goes back: its own, and how many times it has failed."""
    kept = tuple(header for header in headers if not header[0].startswith(PREFIX))
    return (*kept, (_ATTEMPT, str(max(1, attempts_of(headers))).encode()))


def dead_letter(record: Record, error: Exception, *, stage: str) -> OutgoingRecord:
    """Return the record for `<topic>.dlq`.

    Parameters
    ----------
    error
        Why it cannot be used; an `InvalidRecord` also tells reason and field.
    stage
        The role that gave it up, such as ``embedder``.
    """
    reason, field = (error.reason, error.field) if isinstance(error, InvalidRecord) else ("error", "")
    about = {
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "timestamp": str(record.timestamp_ms),
        "stage": stage,
        "error_class": type(error).__name__,
        "reason": reason,
        "field": field,
        "message": str(error)[:_MAX_MESSAGE],
        "attempt": str(attempts_of(record.headers) + 1),
        "version": _FORMAT,
        "at": now().isoformat(),
    }
    nothing = record.key is None and record.value is None
    if nothing:
        about["key"] = "null"
    kept = tuple(header for header in record.headers if not header[0].startswith(PREFIX))
    added = tuple((PREFIX + name, text.encode("utf-8", "replace")) for name, text in about.items())
    key = b"" if nothing else record.key
    return OutgoingRecord(dead_letter_topic(record.topic), key, record.value, kept + added)
