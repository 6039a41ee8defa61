"""The records of a WARC file (ISO 28500), one at a time and within bounds, whatever kind they are.

warcio parses headers; the walk is our own, because warcio's iterator takes damaged gzip data for the end
of the file, reads lines of any length, and refuses files that are one gzip member.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from warcio.limitreader import LimitReader
from warcio.statusandheaders import StatusAndHeadersParser

from equal_stream.feed.base import BrokenFile
from equal_stream.feed.limits import MAX_HEADER_BYTES
from equal_stream.feed.source import Source

_PIECE = 65_536
_RECORD = b"WARC/"
_ARC = b"filedesc:"
_BLANK = b"\r\n"


class HeaderTooLong(Exception):
    """A header goes on beyond what is read of one."""


class _Lines(Protocol):
    def readline(self, size: int) -> bytes: ...


class BoundedHeader:
    """Hands the lines of one header to a parser, and no more than `MAX_HEADER_BYTES`."""

    def __init__(self, lines: _Lines) -> None:
        self._lines = lines
        self._left = MAX_HEADER_BYTES

    def readline(self) -> bytes:
        """Return the next line; raises `HeaderTooLong`."""
        line = self._lines.readline(self._left)
        self._left -= len(line)
        if self._left <= 0:
            raise HeaderTooLong
        return line


@dataclass(frozen=True)
class WarcRecord:
    """One record.

    Parameters
    ----------
    number
        Counted from 1.
    offset
        Byte of the decompressed file at which it begins.
    length
        Bytes of its content.
    headers
        The WARC header.
    content
        What follows, up to `length` bytes.
    """

    source: Source
    number: int
    offset: int
    length: int
    headers: Any
    content: Any

    @property
    def kind(self) -> str:
        """``response``, ``conversion`` and so on."""
        return (self.header("WARC-Type") or "").lower()

    @property
    def where(self) -> str:
        """Where it lies in the file, for problems."""
        return f"record {self.number:,} (byte {self.offset:,})"

    def header(self, name: str) -> str | None:
        """Return a field of the WARC header."""
        value: str | None = self.headers.get_header(name)
        return value

    def body(self) -> bytes:
        """Return the content that has not been read yet; raises `BrokenFile` when some is missing."""
        data = bytes(self.content.read(self.content.limit)) if self.content.limit else b""
        self._require_whole()
        return data

    def pass_over(self) -> None:
        """Read past the content; raises `BrokenFile` when some is missing."""
        while self.content.read(_PIECE):
            pass
        self._require_whole()

    def _require_whole(self) -> None:
        if self.content.limit > 0:
            raise self.source.broken(
                f"record {self.number:,} lacks its last {self.content.limit:,} bytes, so fetch the file again"
            )


def records(source: Source) -> Iterator[WarcRecord]:
    """Yield the records of a source; each is read past before the next one.

    Raises
    ------
    BrokenFile
        The file is no WARC file, or ends or breaks within a record.
    """
    number = 0
    while line := _next_line(source):
        number += 1
        offset = source.offset - len(line)
        record = _record(source, line, number, offset)
        yield record
        record.pass_over()
        source.after = f"record {number:,}"


def _record(source: Source, line: bytes, number: int, offset: int) -> WarcRecord:
    if not line.startswith(_RECORD):
        raise _not_a_record(source, line, number)
    try:
        headers = StatusAndHeadersParser([], verify=False).parse(BoundedHeader(source), line)
    except HeaderTooLong:
        raise source.broken(
            f"the header of record {number:,} does not end, so fetch the file again"
        ) from None
    length = headers.get_header("Content-Length") or ""
    if not (length.isascii() and length.isdigit()):
        raise source.broken(f"record {number:,} has no Content-Length, so where it ends is not known")
    return WarcRecord(source, number, offset, int(length), headers, LimitReader(source, int(length)))


def _next_line(source: Source) -> bytes:
    """Return the next line that is not blank; nothing at the end of the file."""
    while line := source.readline(MAX_HEADER_BYTES):
        if line.strip(_BLANK):
            return line
    return b""


def _not_a_record(source: Source, line: bytes, number: int) -> BrokenFile:
    if number > 1:
        return source.broken("no WARC record follows; the Content-Length of the last one may be wrong")
    if line.startswith(_ARC):
        return source.broken(
            "this is an ARC file, older than WARC; convert it: warcio recompress OLD.arc.gz NEW.warc.gz"
        )
    return source.broken("this is no WARC file: it does not begin with WARC/; name its format with --format")
