"""How large a record is to a log: one formula, so that both transports refuse the same records."""

from equal_stream.transport.base import OutgoingRecord

_BATCH_BYTES = 61  # header of a Kafka record batch; a record may be alone in its batch
_RECORD_BYTES = 21  # lengths and deltas of one record at their longest
_HEADER_BYTES = 10  # two lengths


def record_bytes(record: OutgoingRecord) -> int:
    """Return the most bytes that a record takes in the log."""
    headers = sum(len(name.encode()) + len(value) + _HEADER_BYTES for name, value in record.headers)
    return _BATCH_BYTES + _RECORD_BYTES + len(record.key or b"") + len(record.value or b"") + headers
