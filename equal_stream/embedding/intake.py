"""What a crawl record says: a version of a document, or that a document is to be deleted.

The time of a version orders it against others of its URL. It is `fetched_at`, or the record's own time
where that is missing. A `fetched_at` more than a day ahead of the record's time is a clock gone wrong:
it would make every later version of the page look old. Such a version counts from the record's time, and
its outcome says so.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from equal_stream import ids
from equal_stream.embedding.fingerprint import Fingerprint, fingerprint
from equal_stream.embedding.language import identify
from equal_stream.embedding.text import document_text
from equal_stream.embedding.urls import canonical_url
from equal_stream.errors import InvalidRecord
from equal_stream.messages import CrawledDocument, SourcePosition, now
from equal_stream.transport.base import Record
from equal_stream.transport.codec import decode

_MOST_AHEAD = 86_400.0  # seconds; clocks of crawlers drift, time zones are forgotten
FUTURE_TIME = "future-fetched-at"


@dataclass(frozen=True, slots=True)
class Deletion:
    """A null value: this URL is to be deleted. `at` is Unix time in seconds."""

    record: Record
    url: str
    doc_id: str
    at: float

    @property
    def source(self) -> SourcePosition:
        """Where the record lies in the log."""
        return _position(self.record)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one document, with all that is known of it before the store is asked.

    `at` is Unix time in seconds; `remark` is empty or begins with a reason word; `url` is canonical.
    """

    record: Record
    url: str
    doc_id: str
    at: float
    text: str
    title: str
    lang: str
    fingerprint: Fingerprint
    remark: str = ""

    @property
    def source(self) -> SourcePosition:
        """Where the record lies in the log."""
        return _position(self.record)


Arrival = Version | Deletion


def read_arrival(record: Record, max_characters: int) -> Arrival:
    """Return what a record says.

    Parameters
    ----------
    record
        From `crawl.documents`.
    max_characters
        Longest text that may be embedded; of longer ones only this much is fingerprinted.

    Raises
    ------
    InvalidRecord
        The record belongs in the dead letters.
    """
    if record.value is None:
        url = canonical_url(_key(record))
        return Deletion(record, url, ids.doc_id(url), recorded_at(record))
    document = decode(record, CrawledDocument)
    url = canonical_url(document.url)
    content = document_text(document, max_characters)
    at, remark = _version_time(document.fetched_at, recorded_at(record))
    return Version(
        record,
        url,
        ids.doc_id(url),
        at,
        content.text,
        content.title,
        identify(content.text, document.lang),
        fingerprint(content.text[:max_characters]),
        remark,
    )


def _key(record: Record) -> str:
    try:
        key = (record.key or b"").decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRecord("invalid-key", "", "the key of a null value is not UTF-8") from None
    if not key:
        raise InvalidRecord("missing-key", "", "a null value has no key, so what to delete is not known")
    return key


def recorded_at(record: Record) -> float:
    """Return the record's own time, Unix seconds; the present where it has none."""
    return record.timestamp_ms / 1000 if record.timestamp_ms > 0 else now().timestamp()


def _version_time(fetched_at: datetime | None, received: float) -> tuple[float, str]:
    if fetched_at is None:
        return received, ""
    aware = fetched_at if fetched_at.tzinfo else fetched_at.replace(tzinfo=UTC)
    at = aware.timestamp()
    if at > received + _MOST_AHEAD:
        return received, f"{FUTURE_TIME}: fetched_at {aware.isoformat()} lies ahead of the record's own time"
    return at, ""


def _position(record: Record) -> SourcePosition:
    return SourcePosition(topic=record.topic, partition=record.partition, offset=record.offset)
