"""Pages in WARC records: HTTP responses with status 200, and resources, that are HTML or plain text."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from warcio.statusandheaders import StatusAndHeadersParser

from equal_stream.feed.base import FeedItem, FeedProblem
from equal_stream.feed.charset import charset_of, page_text
from equal_stream.feed.http_body import UnreadableBody, decoded_body
from equal_stream.feed.limits import MAX_CONTENT_BYTES
from equal_stream.feed.media_type import is_html, is_page, looks_like_html, media_type
from equal_stream.feed.warc_container import BoundedHeader, HeaderTooLong, WarcRecord
from equal_stream.messages import CrawledDocument


@dataclass(frozen=True)
class _Content:
    """What describes a record's content: the fields that HTTP, or the record itself, has for it."""

    content_type: str
    transfer_encoding: str | None = None
    content_encoding: str | None = None


def response(record: WarcRecord) -> FeedItem:
    """Return the page of a response, or why it has none."""
    if media_type(record.header("Content-Type")) not in {"application/http", ""}:
        return resource(record)  # such as dns:, which answers without HTTP
    try:
        headers = StatusAndHeadersParser([], verify=False).parse(BoundedHeader(record.content))
    except HeaderTooLong:
        return problem(record, "bad-http", "its HTTP header does not end", fault=True)
    except EOFError:
        return problem(record, "no-text", "it is empty")
    if not headers.protocol.upper().startswith("HTTP/"):
        return problem(record, "bad-http", "it does not begin with an HTTP status line", fault=True)
    status = headers.get_statuscode()
    if status != "200":
        return problem(record, "http-status", f"its HTTP status is {status[:20]}; only 200 is read")
    return _page(record, _content_of(headers))


def resource(record: WarcRecord) -> FeedItem:
    """Return a record whose content is the page itself, or why it is none."""
    return _page(record, _Content(record.header("Content-Type") or ""))


def problem(record: WarcRecord, reason: str, sentence: str, *, fault: bool = False) -> FeedProblem:
    """Return what is the matter with a record."""
    uri = record.header("WARC-Target-URI")
    return FeedProblem(record.where, reason, f"{sentence} ({uri})" if uri else sentence, fault)


def unusable(record: WarcRecord) -> FeedProblem | None:
    """Return why a record cannot become a document, whatever its content."""
    if not target(record):
        return problem(record, "missing-url", "it has no WARC-Target-URI", fault=True)
    if record.length > MAX_CONTENT_BYTES:
        sentence = f"it has {record.length:,} bytes; at most {MAX_CONTENT_BYTES:,} are read"
        return problem(record, "too-large", sentence)
    return None


def target(record: WarcRecord) -> str:
    """Return the URL of a record; some writers put it between angle brackets."""
    return (record.header("WARC-Target-URI") or "").strip().removeprefix("<").removesuffix(">")


def fetched_at(record: WarcRecord) -> datetime | None:
    """Return the date of a record, None where it has none that can be read."""
    try:
        found = datetime.fromisoformat(record.header("WARC-Date") or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def origin(record: WarcRecord) -> dict[str, str]:
    """Return where a document comes from, for its metadata."""
    name = record.source.path.name.encode("utf-8", "replace").decode()
    found = {"warc_file": name, "warc_record_id": record.header("WARC-Record-ID")}
    return {name: value for name, value in found.items() if value} | _truncation(record)


def _truncation(record: WarcRecord) -> dict[str, str]:
    """Say that the crawler kept only the beginning of a page, as large crawls do."""
    why = record.header("WARC-Truncated")
    return {"warc_truncated": why} if why else {}


def _content_of(headers: Any) -> _Content:
    return _Content(
        headers.get_header("Content-Type") or "",
        headers.get_header("Transfer-Encoding"),
        headers.get_header("Content-Encoding"),
    )


def _page(record: WarcRecord, content: _Content) -> FeedItem:
    kind = media_type(content.content_type)
    obstacle = _obstacle(record, kind)
    if obstacle:
        return obstacle
    try:
        data = decoded_body(record.body(), content.transfer_encoding, content.content_encoding)
    except UnreadableBody as error:
        return problem(record, error.reason, error.sentence, fault=True)
    if not data.strip():
        return problem(record, "no-text", "it is empty")
    html = is_html(kind) or (not kind and looks_like_html(data))
    if not kind and not html:
        return problem(record, "not-a-page", "it names no type and does not begin as HTML does")
    text = page_text(data, charset_of(content.content_type))
    return CrawledDocument(
        url=target(record),
        text=None if html else text,
        html=text if html else None,
        fetched_at=fetched_at(record),
        content_type=kind or "text/html",
        metadata=origin(record),
    )


def _obstacle(record: WarcRecord, kind: str) -> FeedProblem | None:
    """Return why a record is no page, as far as its header tells."""
    if not is_page(kind):
        return problem(record, "not-a-page", f"its type {kind[:80]} is neither HTML nor plain text")
    return unusable(record)
