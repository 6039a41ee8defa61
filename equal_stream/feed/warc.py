"""WARC and WET files: each record becomes a document or a reason, by its kind."""

from collections.abc import Callable, Iterator

from equal_stream.feed.base import FeedItem, FeedOptions
from equal_stream.feed.source import Source
from equal_stream.feed.warc_container import WarcRecord, records
from equal_stream.feed.warc_page import problem, resource, response
from equal_stream.feed.wet import conversion

_READ: dict[str, Callable[[WarcRecord], FeedItem]] = {
    "response": response,
    "resource": resource,
    "conversion": conversion,
}
_PASSED_OVER = {
    "revisit": "it says that a page was the same as at an earlier visit, whose record has the page",
    "request": "a request carries no page",
    "metadata": "metadata carries no page",
    "warcinfo": "it describes the file",
    "continuation": "it continues a record that was cut into segments, which are not put together here",
}


class WarcFeed:
    """Crawl archives: pages in WARC files, texts in WET files; a file may mix them.

    Parameters
    ----------
    name, suffixes
        As in `Feed`: the two kinds of file differ in nothing else.
    """

    beginnings: tuple[bytes, ...] = (b"warc/", b"filedesc:")
    appendable = True

    def __init__(self, name: str, *suffixes: str) -> None:
        self.name = name
        self.suffixes = suffixes

    def read(self, source: Source, options: FeedOptions) -> Iterator[FeedItem]:  # noqa: ARG002 - the records say it all
        """Yield a document or a problem for each record."""
        for record in records(source):
            read = _READ.get(record.kind)
            if read:
                yield read(record)
            else:
                kind = record.kind[:40] or "nameless"
                sentence = _PASSED_OVER.get(kind, f"records of the kind {kind} are not read")
                yield problem(record, kind, sentence)
