"""Logs as the tests of ingest see them."""

import threading
from pathlib import Path

import msgspec

from equal_stream.allocator.reading import read_to_end
from equal_stream.embedding.urls import canonical_url
from equal_stream.messages import CrawledDocument
from equal_stream.settings import Settings
from equal_stream.topics import CRAWL
from equal_stream.transport.base import Transport
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport


def open_log(directory: Path) -> Transport:
    """Open an embedded log with its topics."""
    settings = Settings(data_dir=directory)
    transport = open_transport(settings)
    transport.create_topics(topic_specs(settings))
    return transport


def published(transport: Transport) -> list[CrawledDocument]:
    """Return every crawled document in the log; each lies under its canonical URL."""
    found = []
    for record in read_to_end(transport, [CRAWL.name]):
        document = msgspec.json.decode(record.value or b"", type=CrawledDocument)
        assert record.key == canonical_url(document.url).encode()
        assert dict(record.headers)["ce_type"] == b"equal-stream.crawled-document.v1"
        found.append(document)
    return found


def urls(transport: Transport) -> list[str]:
    """Return the URLs of the crawled documents, sorted, repetitions included."""
    return sorted(document.url for document in published(transport))


class StopAfter(threading.Event):
    """Says stop when it has been asked so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._left = times

    def is_set(self) -> bool:
        self._left -= 1
        return self._left < 0
