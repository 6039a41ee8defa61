"""The body of an HTTP response with its transfer and content encodings undone (RFC 9110, 9112)."""

import importlib
import zlib
from io import BytesIO
from typing import Any

from warcio.bufferedreaders import ChunkedDataReader

from equal_stream.feed.limits import MAX_CONTENT_BYTES

_NOTHING = {"", "identity", "none"}
_ZLIB_OR_GZIP = 32 + zlib.MAX_WBITS  # told apart by the first bytes
_BARE_DEFLATE = -zlib.MAX_WBITS  # what some servers send in place of zlib
_GZIP_MAGIC = b"\x1f\x8b"


class UnreadableBody(Exception):
    """A body cannot be decoded.

    Parameters
    ----------
    reason
        ``content-encoding`` or ``too-large``.
    sentence
        What is wrong with it.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


def decoded_body(data: bytes, transfer_encoding: str | None, content_encoding: str | None) -> bytes:
    """Return the content of a response, at most `MAX_CONTENT_BYTES`.

    Archives often hold bodies that were decoded already under headers that still name the encodings: what
    does not look chunked or gzipped is taken as it is.

    Raises
    ------
    UnreadableBody
        With reason ``content-encoding`` or ``too-large``.
    """
    if "chunked" in (transfer_encoding or "").lower():
        data = bytes(ChunkedDataReader(BytesIO(data)).read())
    for encoding in reversed((content_encoding or "").lower().split(",")):
        data = _undone(data, encoding.strip())
    if len(data) > MAX_CONTENT_BYTES:
        raise _too_large()
    return data


def _undone(data: bytes, encoding: str) -> bytes:
    try:
        if encoding in _NOTHING or not data:
            return data
        if encoding in {"gzip", "x-gzip"}:
            return _inflated(data, _ZLIB_OR_GZIP) if data.startswith(_GZIP_MAGIC) else data
        if encoding == "deflate":
            try:
                return _inflated(data, _ZLIB_OR_GZIP)
            except zlib.error:
                return _inflated(data, _BARE_DEFLATE)
        if encoding == "br":
            return _unbrotlied(data)
    except zlib.error as error:
        raise UnreadableBody("content-encoding", f"its {encoding} data is damaged: {error}") from error
    raise UnreadableBody("content-encoding", f"its content encoding {encoding[:40]} is not read")


def _inflated(data: bytes, window: int) -> bytes:
    content = zlib.decompressobj(window).decompress(data, MAX_CONTENT_BYTES + 1)
    if len(content) > MAX_CONTENT_BYTES:
        raise _too_large()
    return content


def _unbrotlied(data: bytes) -> bytes:
    brotli: Any = importlib.import_module("brotli")  # comes with resiliparse, has no types
    decompressor = brotli.Decompressor()
    content = bytearray()
    try:
        content += decompressor.process(data, output_buffer_limit=MAX_CONTENT_BYTES)
        while not decompressor.can_accept_more_data() and len(content) <= MAX_CONTENT_BYTES:
            content += decompressor.process(b"", output_buffer_limit=MAX_CONTENT_BYTES)
    except brotli.error as error:
        raise UnreadableBody("content-encoding", f"its br data is damaged: {error}") from error
    if len(content) > MAX_CONTENT_BYTES:
        raise _too_large()
    return bytes(content)


def _too_large() -> UnreadableBody:
    return UnreadableBody(
        "too-large", f"it has more than {MAX_CONTENT_BYTES:,} bytes when decoded, too many for one document"
    )
