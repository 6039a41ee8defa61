"""Finding journaled answers of tickets that are still open."""

from collections import deque
from collections.abc import Callable
from datetime import datetime

from equal_stream import topics
from equal_stream.allocator.reading import read_to_end
from equal_stream.errors import InvalidRecord
from equal_stream.messages import JournalEntry
from equal_stream.transport.base import Positions, Transport
from equal_stream.transport.codec import decode


class JournalLookup:
    """Reads `llm.responses` from no earlier than where the oldest open ticket's answer can lie.

    `mark` notes now and then where the journal ends: an answer to a ticket sent after that lies behind
    it. `floor` moves the start up to the newest mark that is old enough, for a snapshot to keep.

    Parameters
    ----------
    clock
        The instants that reservations are dated with: it never goes back.
    start
        Where to begin when nothing better is known, from the last snapshot.
    """

    def __init__(self, transport: Transport, clock: Callable[[], datetime], start: Positions) -> None:
        self._transport = transport
        self._clock = clock
        self._start = start
        self._marks: deque[tuple[datetime, Positions]] = deque()

    def mark(self) -> None:
        """Note where the journal ends now."""
        self._marks.append((self._clock(), self._transport.end_positions([topics.JOURNAL.name])))

    def floor(self, oldest_open: datetime | None) -> Positions:
        """Return where the answers of tickets sent at `oldest_open` or later begin; None: of none."""
        while self._marks and (oldest_open is None or self._marks[0][0] < oldest_open):
            _, self._start = self._marks.popleft()
        return self._start

    def find(self, request_ids: set[str]) -> dict[str, JournalEntry]:
        """Return the journaled answers among these requests."""
        found: dict[str, JournalEntry] = {}
        for record in read_to_end(self._transport, [topics.JOURNAL.name], self._start):
            if (record.key or b"").decode("utf-8", "replace") not in request_ids or record.value is None:
                continue
            try:
                entry = decode(record, JournalEntry)
            except InvalidRecord:
                continue
            found[entry.request_id] = entry
        return found
