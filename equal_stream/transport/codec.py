"""Between messages and records: what goes on the wire, and what comes off it or into the dead letters."""

from functools import lru_cache
from typing import TypeVar

import msgspec

from equal_stream.errors import InvalidRecord
from equal_stream.messages import Message
from equal_stream.transport import headers
from equal_stream.transport.base import OutgoingRecord, Record
from equal_stream.transport.dead_letters import dead_letter
from equal_stream.transport.diagnosis import diagnose

__all__ = ["dead_letter", "decode", "encode", "tombstone", "trace_of"]

MAX_VALUE_BYTES = 10_485_760  # what the largest topic takes
_json = msgspec.json.Encoder().encode
M = TypeVar("M", bound=Message)


def encode(
    message: Message, *, topic: str, key: str, source: str, trace: str | None = None
) -> OutgoingRecord:
    """Return the record that carries a message.

    Parameters
    ----------
    source
        The role that sends it, such as ``embedder``.
    trace
        `traceparent` of the record it follows from (see `trace_of`); None begins a new trace.
    """
    return OutgoingRecord(
        topic, key.encode(), _json(message), headers.event_headers(type(message).__name__, source, trace)
    )


def tombstone(*, topic: str, key: str, source: str, trace: str | None = None) -> OutgoingRecord:
    """Return the record that removes what was under a key."""
    return OutgoingRecord(topic, key.encode(), None, headers.event_headers("Tombstone", source, trace))


def trace_of(record: Record) -> str | None:
    """Return the `traceparent` of a record, if it has one."""
    return headers.trace_of(record.headers)


def decode(record: Record, kind: type[M], *, max_bytes: int = MAX_VALUE_BYTES) -> M:
    """Return the message in a record.

    Raises
    ------
    InvalidRecord
        With `reason` ``null-value``, ``too-large``, ``invalid-utf8``, ``invalid-json``, ``too-deep``,
        ``missing-field``, ``wrong-type`` or ``invalid-value``, and the field where there is one.
    """
    value = record.value
    if value is None:
        raise InvalidRecord("null-value", "", f"a null value has no meaning on topic {record.topic}")
    if len(value) > max_bytes:
        raise InvalidRecord(
            "too-large", "", f"the value has {len(value):,} bytes; at most {max_bytes:,} are read"
        )
    try:
        message: M = _decoder(kind).decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise diagnose(value, kind) from None
    return message


@lru_cache(maxsize=64)
def _decoder(kind: type[M]) -> msgspec.json.Decoder[M]:
    return msgspec.json.Decoder(kind)
