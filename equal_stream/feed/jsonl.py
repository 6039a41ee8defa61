"""JSONL: one document a line, in the fields of `CrawledDocument`; other fields are passed over.

A line without a URL but with a `doc_id` (or `id`), as corpora have, gets one under the reserved domain
`.invalid` (RFC 2606): ``https://<source>.invalid/<doc_id>``, where `source` is the line's field of that
name, else the file's name. The same line always gets the same URL, and none of them can ever be fetched.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from equal_stream.errors import InvalidRecord
from equal_stream.feed.base import FeedItem, FeedOptions, FeedProblem
from equal_stream.feed.limits import MAX_LINE_BYTES
from equal_stream.feed.lines import Line, read_lines
from equal_stream.feed.source import Source
from equal_stream.messages import CrawledDocument
from equal_stream.transport.diagnosis import diagnose

_TAKEN_AS_THEY_ARE = ("html", "title", "lang", "fetched_at", "content_type")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NOT_A_HOST = re.compile(r"[^a-z0-9._-]+")


class JsonlFeed:
    """Lines of JSON."""

    name = "jsonl"
    suffixes: tuple[str, ...] = (".jsonl", ".ndjson", ".jsonlines")
    beginnings: tuple[bytes, ...] = (b"{",)
    appendable = True

    def read(self, source: Source, options: FeedOptions) -> Iterator[FeedItem]:
        """Yield a document or a problem for each line that is not blank."""
        for line in read_lines(source):
            item = document_of(line, source.path, options)
            source.after = f"line {line.number:,}"
            if item is not None:
                yield item


def document_of(line: Line, path: Path, options: FeedOptions) -> FeedItem | None:
    """Return what a line of `path` holds; None when it is blank."""
    if line.data is None:
        return _fault(line, "too-large", f"has more than {MAX_LINE_BYTES:,} bytes, too many to be read")
    data = line.data.removeprefix(_BYTE_ORDER_MARK) if line.number == 1 else line.data
    if not data.strip():
        return None
    try:
        entry = msgspec.json.decode(data)
        if isinstance(entry, dict):
            return _document(entry, line, path, options)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    found = diagnose(data, CrawledDocument)
    return _fault(line, found.reason, f"cannot be used: {found}")


def _document(entry: dict[str, Any], line: Line, path: Path, options: FeedOptions) -> FeedItem:
    url = _field(entry, options.url_field)
    if url is None or url == "":
        url = _stand_in_url(entry, path)
    if url is None:
        return _fault(line, "missing-url", f"has no {options.url_field}, and no doc_id to make one from")
    text = _field(entry, options.text_field)
    if not text and not entry.get("html"):
        return _fault(line, "no-text", f"has neither {options.text_field} nor html")
    fields = {name: entry[name] for name in _TAKEN_AS_THEY_ARE if entry.get(name) is not None}
    fields |= {"url": url, "text": text, "metadata": _metadata(entry.get("metadata"))}
    try:
        return msgspec.convert(fields, CrawledDocument)
    except msgspec.ValidationError:
        found: InvalidRecord = diagnose(msgspec.json.encode(fields), CrawledDocument)
        return _fault(line, found.reason, f"cannot be used: {found}")


def _field(entry: Mapping[str, Any], name: str) -> Any:
    """Return the field of that name, or what lies under a path such as ``metadata.url``."""
    if name in entry:
        return entry[name]
    first, dot, rest = name.partition(".")
    inner = entry.get(first)
    return _field(inner, rest) if dot and isinstance(inner, dict) else None


def _stand_in_url(entry: Mapping[str, Any], path: Path) -> str | None:
    given = next((entry[name] for name in ("doc_id", "id") if entry.get(name) not in {None, ""}), None)
    if not isinstance(given, str | int):
        return None
    source = entry.get("source")
    host = source if isinstance(source, str) and source else path.name.partition(".")[0]
    host = _NOT_A_HOST.sub("-", host.lower()).strip(".-") or "file"
    return f"https://{host}.invalid/{quote(str(given), safe='/:')}"


def _metadata(found: Any) -> dict[str, str]:
    """Return the texts, numbers and truth values of an object as texts; the rest has no place there."""
    if not isinstance(found, dict):
        return {}
    plain = {str(name): value for name, value in found.items() if isinstance(value, str | int | float)}
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in plain.items()
    }


def _fault(line: Line, reason: str, sentence: str) -> FeedProblem:
    return FeedProblem(f"line {line.number:,}", reason, sentence, fault=True)
