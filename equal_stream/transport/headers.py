"""Headers of every record: CloudEvents 1.0 in Kafka's binary mode, and W3C trace context.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
https://www.w3.org/TR/trace-context/#traceparent-header
"""

import os
import re
import time
from datetime import UTC, datetime
from functools import lru_cache

from equal_stream.transport.base import Headers

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_WORD_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def event_type(struct: str) -> str:
    """Return the `ce_type` of a message.

    >>> event_type("QAPair")
    'equal-stream.qa-pair.v1'
    """
    return f"equal-stream.{_WORD_BOUNDARY.sub('-', struct).lower()}.v1"


def next_traceparent(trace: str | None) -> str:
    """Continue a `traceparent` with a span of our own, or begin a sampled trace where there is none."""
    return _continued(trace, os.urandom(8).hex())


def _continued(trace: str | None, span: str) -> str:
    match = _TRACEPARENT.fullmatch(trace) if trace else None
    if match is not None:
        version, trace_id, parent, flags, more = match.groups()
        if _usable(version, trace_id, parent, more):
            return f"00-{trace_id}-{span}-{flags}"
    return f"00-{os.urandom(16).hex()}-{span}-01"


def _usable(version: str, trace_id: str, parent: str, more: str | None) -> bool:
    """Tell whether a `traceparent` keeps the specification: version ff and ids of zeros are invalid."""
    if version == "ff" or trace_id == _NO_TRACE or parent == _NO_SPAN:
        return False
    return version != "00" or more is None


def trace_of(headers: Headers) -> str | None:
    """Return the `traceparent` header, if there is one; the first counts."""
    for name, value in headers:
        if name == "traceparent":
            return value.decode("ascii", "replace")
    return None


def event_headers(struct: str, source: str, trace: str | None) -> Headers:
    """Return the headers of a new record.

    Parameters
    ----------
    struct
        Name of the message's Struct.
    source
        The role that sends it, such as ``embedder``.
    trace
        `traceparent` of the record that it follows from; None begins a trace.
    """
    random = os.urandom(24).hex()  # asked for once: the kernel's answer costs more than its length
    return (
        ("ce_id", random[:32].encode()),
        _time_header(time.time_ns() // 1_000_000),
        ("traceparent", _continued(trace, random[32:]).encode()),
        *_fixed_headers(struct, source),
    )


@lru_cache(maxsize=8)
def _time_header(now_ms: int) -> tuple[str, bytes]:
    """Return `ce_time`, which the many records of one millisecond share."""
    at = datetime.fromtimestamp(now_ms / 1000, UTC)
    return "ce_time", at.isoformat(timespec="milliseconds").encode()


@lru_cache(maxsize=256)
def _fixed_headers(struct: str, source: str) -> Headers:
    return (
        ("ce_type", event_type(struct).encode()),
        ("ce_source", f"/equal-stream/{source}".encode()),
        ("ce_specversion", b"1.0"),
        ("content-type", b"application/json"),
    )
