"""The journal: raw answers, stored before anything is made of them, so that none is ever paid for twice.

Answers that end at about the same time share one flush of the log. While the log cannot be reached the
journal keeps trying for a while; then it lets the answer go on unstored, since it is paid for and of use,
and says so: only a crash within the next moments would lose it, and then the ticket counts in full.

A log that does not allow the answer to be stored will not allow the next one either: none is asked for until
it does, which is tried with the answers that it refused.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from equal_stream import topics
from equal_stream.extraction.limits import Sleep
from equal_stream.messages import JournalEntry
from equal_stream.transport.base import Producer
from equal_stream.transport.codec import encode
from equal_stream.transport.exceptions import NotAllowed, TransportError

SOURCE = "extractor"
_ATTEMPTS = 6
_FIRST_PAUSE = 0.5  # seconds, doubled each time: half a minute in all
_LOG = logging.getLogger(__name__)


class Journal(Protocol):
    """Stores raw answers."""

    async def append(self, entry: JournalEntry) -> None:
        """Store an entry; it is durable when this returns. Never raises."""
        ...

    async def refusal(self) -> str:
        """Return why the log does not allow answers to be stored, in a sentence; empty where it does."""
        ...

    async def close(self) -> None:
        """Store what is left and free what was opened."""
        ...


class LogJournal:
    """The journal in the topic `llm.responses`, keyed by request id.

    Parameters
    ----------
    producer
        Used from one thread at a time; closed with the journal.
    sleep
        How to wait; tests pass their own.
    """

    def __init__(self, producer: Producer, sleep: Sleep = asyncio.sleep) -> None:
        self._producer = producer
        self._sleep = sleep
        self._waiting: list[JournalEntry] = []
        self._writing = asyncio.Lock()
        self.unstored = 0
        self._refused: list[JournalEntry] = []
        self._refusal = ""

    async def append(self, entry: JournalEntry) -> None:
        """Store an entry, together with whatever else waits to be stored."""
        self._waiting.append(entry)
        async with self._writing:
            if not any(waiting is entry for waiting in self._waiting):
                return  # stored by whoever held the lock before
            batch = list(self._waiting)
            await self._store([*self._refused, *batch])
            del self._waiting[: len(batch)]  # not before: if this call is cancelled, the next stores them

    async def refusal(self) -> str:
        """Return why answers may not be stored, once those that were refused are refused again."""
        if self._refused:  # else nobody waits for what is being written
            async with self._writing:
                await self._store(list(self._refused))
        return self._refusal

    async def close(self) -> None:
        """Wait for the writing under way and close the producer."""
        async with self._writing:
            await asyncio.to_thread(self._producer.close)

    async def _store(self, batch: Sequence[JournalEntry]) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                await asyncio.to_thread(self._write, batch)
            except NotAllowed as error:
                self._refusal = str(error)
                self._refused += [entry for entry in batch if entry not in self._refused]
                _LOG.error("%d answers go on without being in the journal: %s", len(self._refused), error)
                return
            except TransportError as error:
                _LOG.warning("journaling %d answers failed (attempt %d): %s", len(batch), attempt + 1, error)
                await self._sleep(_FIRST_PAUSE * 2**attempt)
            else:
                self._refused, self._refusal = [], ""
                return
        self.unstored += len(batch)
        _LOG.error("%d answers go on without being in the journal: the log cannot be written", len(batch))

    def _write(self, batch: Sequence[JournalEntry]) -> None:
        for entry in batch:
            self._producer.send(encode(entry, topic=topics.JOURNAL.name, key=entry.request_id, source=SOURCE))
        self._producer.flush()
