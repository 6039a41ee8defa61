"""Archives made for the tests with warcio's writer; every page in them was written for this purpose."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

DATE = "2026-03-04T05:06:07Z"
PAGE = "<html><head><title>Tides</title></head><body><p>The tide turns twice a day.</p></body></html>"


@dataclass
class Entry:
    """A record to write: by default a response with status 200 and an HTML page."""

    uri: str | None = "http://tides.example/"
    body: bytes = PAGE.encode()
    kind: str = "response"
    status: str = "200 OK"
    http: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/html; charset=utf-8"})
    warc: dict[str, str] = field(default_factory=dict)
    content_type: str | None = None


def write_warc(path: Path, entries: Iterable[Entry]) -> Path:
    """Write records, each its own gzip member where the name ends in .gz."""
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=path.suffix == ".gz")
        for entry in entries:
            headers = None
            if entry.kind in {"response", "revisit", "request"} and entry.content_type is None:
                protocol = "GET / HTTP/1.1" if entry.kind == "request" else entry.status
                headers = StatusAndHeaders(
                    protocol, list(entry.http.items()), protocol="" if entry.kind == "request" else "HTTP/1.1"
                )
            record = writer.create_warc_record(
                entry.uri,
                entry.kind,
                payload=BytesIO(entry.body),
                http_headers=headers,
                warc_content_type=entry.content_type or "",
                warc_headers_dict={"WARC-Date": DATE, **entry.warc},
            )
            writer.write_record(record)
    return path


def write_wet(path: Path, texts: dict[str, str]) -> Path:
    """Write a WET file: the description of the file, then one conversion record a text."""
    description = Entry(
        uri=None, kind="warcinfo", body=b"software: a test\r\n", content_type="application/warc-fields"
    )
    conversions = (
        Entry(uri=uri, kind="conversion", body=text.encode(), content_type="text/plain")
        for uri, text in texts.items()
    )
    return write_warc(path, [description, *conversions])
