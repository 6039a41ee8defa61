"""Reading dead letters, and sending them back to where they came from.

What goes back is byte for byte what came in: key, value and headers, with one header more, which counts how
often it has failed. Equal records go back once, however often they have failed, so replaying again and again
does not multiply those that keep failing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from equal_stream.allocator.reading import read_to_end
from equal_stream.topics import CONSUMED, dead_letter
from equal_stream.transport.base import OutgoingRecord, Record, Transport
from equal_stream.transport.dead_letters import PREFIX, replayed_headers
from equal_stream.transport.exceptions import UnknownTopic

_SUFFIX = dead_letter("")


@dataclass(frozen=True)
class DeadLetter:
    """A dead letter and what its headers say about it."""

    record: Record
    topic: str
    partition: str
    offset: str
    timestamp_ms: int | None
    stage: str
    reason: str
    field: str
    message: str
    attempt: str
    at: str

    @property
    def key(self) -> str:
        """The key as text."""
        return (self.record.key or b"").decode("utf-8", "replace")


@dataclass(frozen=True)
class Wanted:
    """Which dead letters are meant; an empty filter lets everything pass.

    Parameters
    ----------
    topics
        Topics they were read from.
    reasons, stages, keys
        Values one of which must hold.
    since
        Age at most.
    """

    topics: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    since: timedelta | None = None

    def holds(self, letter: DeadLetter) -> bool:
        """Return whether a dead letter is meant."""
        pairs = ((self.reasons, letter.reason), (self.stages, letter.stage), (self.keys, letter.key))
        recent = self.since is None or letter.record.timestamp_ms >= _ago_ms(self.since)
        return recent and all(not allowed or value in allowed for allowed, value in pairs)


def dead_letters(transport: Transport, wanted: Wanted) -> Iterator[DeadLetter]:
    """Yield the dead letters that are meant, oldest first within each topic.

    Raises
    ------
    NotAllowed
        The broker does not let this user read some of them; it is not told that there are none.
    """
    names = [
        dead_letter(topic.name) for topic in CONSUMED if not wanted.topics or topic.name in wanted.topics
    ]
    for name in names:
        if _exists(transport, name):
            yield from filter(wanted.holds, map(_read, read_to_end(transport, [name])))


def replay(transport: Transport, letters: Iterable[DeadLetter]) -> int:
    """Send dead letters back, equal ones once, and return how many were sent."""
    producer = transport.producer()
    outgoing = {(each.topic, each.key, each.value): each for each in map(_original, letters)}
    for record in outgoing.values():
        producer.send(record)
    producer.flush()
    return len(outgoing)


def _exists(transport: Transport, topic: str) -> bool:
    """Return whether a topic is there, even if this user may not see it."""
    try:
        transport.beginning_positions([topic])
    except UnknownTopic:
        return False
    return True


def _read(record: Record) -> DeadLetter:
    about = {
        name.removeprefix(PREFIX): value.decode("utf-8", "replace")
        for name, value in record.headers
        if name.startswith(PREFIX)
    }
    timestamp = about.get("timestamp", "")
    return DeadLetter(
        record=record,
        topic=about.get("topic") or record.topic.removesuffix(_SUFFIX),
        partition=about.get("partition", ""),
        offset=about.get("offset", ""),
        timestamp_ms=int(timestamp) if timestamp.isdecimal() else None,
        stage=about.get("stage", ""),
        reason=about.get("reason", ""),
        field=about.get("field", ""),
        message=about.get("message", ""),
        attempt=about.get("attempt", "1"),
        at=about.get("at", ""),
    )


def _original(letter: DeadLetter) -> OutgoingRecord:
    """Return the record as it was.

    It keeps its timestamp, which for a crawled document is when it was fetched, unless it is so old that
    the topic would drop it at once.
    """
    retention = next((topic.retention_ms for topic in CONSUMED if topic.name == letter.topic), -1)
    oldest = _ago_ms(timedelta(milliseconds=retention / 2)) if retention > 0 else 0
    kept = letter.timestamp_ms is not None and letter.timestamp_ms >= oldest
    return OutgoingRecord(
        letter.topic,
        letter.record.key or b"",
        letter.record.value,
        replayed_headers(letter.record.headers),
        letter.timestamp_ms if kept else None,
    )


def _ago_ms(age: timedelta) -> float:
    return (datetime.now(UTC) - age).timestamp() * 1000
