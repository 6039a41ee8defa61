"""HTML files: one file is one page; its URL is the file's (see `local_url`)."""

from collections.abc import Iterator

from equal_stream.feed.base import FeedItem, FeedOptions
from equal_stream.feed.charset import page_text
from equal_stream.feed.limits import MAX_CONTENT_BYTES
from equal_stream.feed.local_url import changed_at, url_of
from equal_stream.feed.plain import content_problem
from equal_stream.feed.source import Source
from equal_stream.messages import CrawledDocument


class HtmlFeed:
    """Saved or mirrored pages."""

    name = "html"
    suffixes: tuple[str, ...] = (".html", ".htm", ".xhtml")
    beginnings: tuple[bytes, ...] = (b"<!doctype html", b"<html", b"<head", b"<?xml")
    appendable = False

    def read(self, source: Source, options: FeedOptions) -> Iterator[FeedItem]:
        """Yield the file as one page; the embedder takes its text out of it."""
        data = source.read(MAX_CONTENT_BYTES + 1)
        problem = content_problem(data)
        yield problem or CrawledDocument(
            url=url_of(source.path, options),
            html=page_text(data),
            fetched_at=changed_at(source.path),
            content_type="text/html",
        )
