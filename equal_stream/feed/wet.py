"""WET: the texts that a crawl archive has already taken out of its pages (`conversion` records)."""

from equal_stream.feed.base import FeedItem
from equal_stream.feed.charset import charset_of, page_text
from equal_stream.feed.media_type import media_type
from equal_stream.feed.warc_container import WarcRecord
from equal_stream.feed.warc_page import fetched_at, origin, problem, target, unusable
from equal_stream.messages import CrawledDocument


def conversion(record: WarcRecord) -> FeedItem:
    """Return the text of a conversion record, or why it has none."""
    content_type = record.header("Content-Type") or "text/plain"
    if media_type(content_type) != "text/plain":
        return problem(record, "not-a-page", f"its type {content_type[:80]} is not plain text")
    obstacle = unusable(record)
    if obstacle:
        return obstacle
    data = record.body()
    if not data.strip():
        return problem(record, "no-text", "it is empty")
    return CrawledDocument(
        url=target(record),
        text=page_text(data, charset_of(content_type)),
        fetched_at=fetched_at(record),
        content_type="text/plain",
        metadata=origin(record),
    )
