"""From a file to `crawl.documents`: every record is published under its URL, or counted with its reason."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from equal_stream.embedding.urls import canonical_url
from equal_stream.errors import InvalidRecord
from equal_stream.feed.base import BrokenFile, Feed, FeedItem, FeedOptions, FeedProblem
from equal_stream.feed.registry import feed_of
from equal_stream.feed.report import IngestReport
from equal_stream.feed.source import Source, open_source
from equal_stream.topics import CRAWL
from equal_stream.transport.base import Producer
from equal_stream.transport.codec import encode
from equal_stream.transport.exceptions import RecordTooLarge

SOURCE = "ingest"
CHECKPOINT_ITEMS = 500  # published and made durable together


class Stop(Protocol):
    """Tells whether to stop."""

    def is_set(self) -> bool:
        """Return whether to stop."""
        ...


class DocumentIngest:
    """Reads files and publishes what they hold.

    Parameters
    ----------
    producer
        Writes to the log; idempotent, so that a retry of its own repeats nothing.
    report
        Gets every record.
    options
        What the operator says about the files.
    stop
        Ends the reading between two records.
    feed
        Reads every file; None: each by its name or its content.
    limit
        Documents to publish at most.
    """

    def __init__(
        self,
        producer: Producer,
        report: IngestReport,
        options: FeedOptions,
        stop: Stop,
        *,
        feed: Feed | None = None,
        limit: int | None = None,
    ) -> None:
        self.report = report
        self.options = options
        self.stop = stop
        self.feed = feed
        self._producer = producer
        self._limit = limit

    @property
    def done(self) -> bool:
        """Whether to stop: told to, or as many documents are published as were asked for."""
        return self.stop.is_set() or (self._limit is not None and self.report.published >= self._limit)

    def file(self, path: Path) -> None:
        """Publish a file; when it breaks, what came before is published and the report says so."""
        self.report.files += 1
        try:
            with open_source(path) as source:
                if self.records(source, self.feed or feed_of(source)) == 0 and not self.done:
                    self.report.add_problem(
                        path, FeedProblem("the file", "empty-file", "holds no record", fault=True)
                    )
        except BrokenFile as error:
            self.report.add_broken(str(error))

    def records(
        self,
        source: Source,
        feed: Feed,
        skip: int = 0,
        checkpoint: Callable[[int], None] = lambda _: None,
    ) -> int:
        """Publish the records of an open file and return how many of them have been read by now.

        Parameters
        ----------
        skip
            Records that an earlier reading has dealt with.
        checkpoint
            Called with the count each time that everything counted is durable, at the end at the latest.

        Raises
        ------
        BrokenFile
            The file cannot be read any further.
        """
        count = 0

        def durable() -> None:
            self.flush()
            checkpoint(count)

        try:
            for count, item in enumerate(feed.read(source, self.options), start=1):
                if count <= skip:
                    continue
                self.take(source.path, item)
                if (count - skip) % CHECKPOINT_ITEMS == 0:
                    durable()
                if self.done:
                    break
        except BrokenFile:
            durable()
            raise
        durable()
        return count

    def take(self, path: Path, item: FeedItem) -> None:
        """Publish a document, or count a problem."""
        if isinstance(item, FeedProblem):
            self.report.add_problem(path, item)
            return
        try:
            self._producer.send(encode(item, topic=CRAWL.name, key=_key(item.url), source=SOURCE))
        except RecordTooLarge as error:
            self.report.add_problem(path, FeedProblem(item.url[:200], "too-large", str(error), fault=True))
        else:
            self.report.published += 1

    def flush(self) -> None:
        """Make everything published so far durable."""
        self._producer.flush()


def _key(url: str) -> str:
    """Return the canonical URL, so that all spellings of one page go to one partition, in order."""
    try:
        return canonical_url(url)
    except InvalidRecord:
        return url  # the embedder says what is wrong with it
