"""Feeds a crawl at a rate, whatever becomes of the broker, and keeps what it sent in a file."""

import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import msgspec

from equal_stream import topics
from equal_stream.settings import Settings
from equal_stream.transport.base import OutgoingRecord, Producer, Transport
from equal_stream.transport.exceptions import TransportError
from equal_stream.transport.factory import open_transport
from tests.chaos.crawl import Crawl, Sent

NUMBER = "chaos_number"  # header: which record of the crawl it is
_TURN_SECONDS = 1.0
_AGAIN_SECONDS = 1.0


class Feeder(threading.Thread):
    """Sends the first `documents` records of a crawl in the given time; what fails is sent again.

    A record that was sent twice is two records of the crawl, each of which must end once. Order by URL is
    kept, since a second that fails is sent again as a whole before the next.

    Parameters
    ----------
    settings
        Where the log is.
    fed
        JSONL of `Sent`, written before each is sent.
    """

    def __init__(self, settings: Settings, seed: int, documents: int, seconds: float, fed: Path) -> None:
        super().__init__(name="feeder", daemon=True)
        self._settings = settings
        self._records = iter(Crawl(seed, datetime.now(UTC)))
        self._documents = documents
        self._rate = documents / seconds
        self._fed = fed
        self._ended = threading.Event()
        self._transport: Transport | None = None
        self._producer: Producer | None = None
        self.sent = 0
        self.failures = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        """Send everything; `error` holds what ended it before."""
        try:
            self._feed()
        except BaseException as error:  # noqa: BLE001 - the harness reports it in its own thread
            self.error = error
        finally:
            self._close()

    def stop(self) -> None:
        """Send no more."""
        self._ended.set()

    def _feed(self) -> None:
        began = time.monotonic()
        with self._fed.open("ab") as file:
            while self.sent < self._documents and not self._ended.is_set():
                due = min(self._documents, 1 + int((time.monotonic() - began) * self._rate))
                portion = list(islice(self._records, due - self.sent))
                file.writelines(msgspec.json.encode(each) + b"\n" for each in portion)
                file.flush()
                self._send(portion)
                self.sent += len(portion)
                self._ended.wait(_TURN_SECONDS)

    def _send(self, portion: list[Sent]) -> None:
        while portion and not self._ended.is_set():
            try:
                self._transport = self._transport or open_transport(self._settings)
                self._producer = self._producer or self._transport.producer()
                for each in portion:
                    self._producer.send(outgoing(each))
                self._producer.flush()
            except TransportError:
                self.failures += 1
                self._close()
                self._ended.wait(_AGAIN_SECONDS)
            else:
                return

    def _close(self) -> None:
        """Let go of the log; what a broken producer still holds is lost, and sent again by another."""
        with suppress(TransportError):
            if self._producer is not None:
                self._producer.close()
        if self._transport is not None:
            self._transport.close()
        self._producer = self._transport = None


def outgoing(sent: Sent) -> OutgoingRecord:
    """Return a record as it goes into the log."""
    headers = ((NUMBER, str(sent.number).encode()),)
    return OutgoingRecord(topics.CRAWL.name, sent.url.encode(), sent.value, headers)


def read_fed(fed: Path) -> list[Sent]:
    """Return what a feeder wrote down."""
    return msgspec.json.Decoder(Sent).decode_lines(fed.read_bytes())
