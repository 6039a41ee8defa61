"""Lines of a file, however long they are: one that is too long is passed over, not held."""

from collections.abc import Iterator
from dataclasses import dataclass

from equal_stream.feed.limits import MAX_LINE_BYTES
from equal_stream.feed.source import Source


@dataclass(frozen=True, slots=True)
class Line:
    """A line, counted from 1.

    Parameters
    ----------
    data
        Its bytes without the line end; None when there are too many.
    end
        Bytes of the source up to and including its line end.
    ended
        Whether it has a line end; only the last line of a file may lack one.
    """

    number: int
    data: bytes | None
    end: int
    ended: bool


def read_lines(source: Source, lines_before: int = 0) -> Iterator[Line]:
    """Yield the lines from here on; `lines_before` is how many lie before."""
    number = lines_before
    while piece := source.readline(MAX_LINE_BYTES + 1):
        number += 1
        data: bytes | None = piece.rstrip(b"\r\n")
        while len(piece) > MAX_LINE_BYTES and not piece.endswith(b"\n"):
            data = None
            piece = source.readline(MAX_LINE_BYTES + 1)
        yield Line(number, data, source.offset, piece.endswith(b"\n"))
