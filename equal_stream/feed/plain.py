"""Plain text: one file is one document; its URL is the file's (see `local_url`)."""

from collections.abc import Iterator

from equal_stream.feed.base import FeedItem, FeedOptions, FeedProblem
from equal_stream.feed.charset import page_text
from equal_stream.feed.limits import MAX_CONTENT_BYTES
from equal_stream.feed.local_url import changed_at, url_of
from equal_stream.feed.source import Source
from equal_stream.messages import CrawledDocument


class PlainTextFeed:
    """Text files, Markdown and reStructuredText among them."""

    name = "text"
    suffixes: tuple[str, ...] = (".txt", ".text", ".md", ".rst")
    beginnings: tuple[bytes, ...] = ()
    appendable = False

    def read(self, source: Source, options: FeedOptions) -> Iterator[FeedItem]:
        """Yield the file as one document."""
        data = source.read(MAX_CONTENT_BYTES + 1)
        problem = content_problem(data)
        yield problem or CrawledDocument(
            url=url_of(source.path, options),
            text=page_text(data),
            fetched_at=changed_at(source.path),
            content_type="text/plain",
        )


def content_problem(data: bytes) -> FeedProblem | None:
    """Return what is wrong with the content of a file that is one document."""
    if len(data) > MAX_CONTENT_BYTES:
        return FeedProblem(
            "the file", "too-large", f"has more than {MAX_CONTENT_BYTES:,} bytes, too many for one document"
        )
    if not data.strip():
        return FeedProblem("the file", "no-text", "is empty")
    return None
