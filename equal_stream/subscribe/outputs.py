"""Where a subscriber's pairs go: one JSON object a line, on a stream or at the end of a file."""

import json
import os
import select
from io import BufferedWriter
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from equal_stream.messages import QAPair

_PIECE = 1 << 16


class PairOutput(Protocol):
    """Takes pairs and withdrawals in the order in which they came."""

    def pair(self, pair: QAPair) -> None:
        """Take a pair; an earlier one of the same id is replaced by it."""
        ...

    def withdrawn(self, qa_id: str) -> None:
        """Take a withdrawal."""
        ...

    def flush(self) -> None:
        """Return when everything taken is where it belongs."""
        ...

    def gone(self) -> bool:
        """Tell whether nobody reads any more."""
        ...


class JsonlOutput:
    """Lines of JSON: a pair with all its fields, or ``{"qa_id": …, "withdrawn": true}``.

    Parameters
    ----------
    stream
        Takes the lines; a file is synced to disk when flushed.
    durable
        Whether it is a file.
    """

    def __init__(self, stream: BinaryIO | BufferedWriter, *, durable: bool = False) -> None:
        self._stream = stream
        self._durable = durable
        self._watch = None if durable else _watch(stream)

    def pair(self, pair: QAPair) -> None:
        """Write a pair."""
        self._stream.write(msgspec.json.encode(pair) + b"\n")

    def withdrawn(self, qa_id: str) -> None:
        """Write a withdrawal."""
        line = json.dumps({"qa_id": qa_id, "withdrawn": True}, ensure_ascii=False)
        self._stream.write(line.encode("utf-8", "replace") + b"\n")

    def flush(self) -> None:
        """Hand everything to the reader, or to the disk."""
        self._stream.flush()
        if self._durable:
            os.fsync(self._stream.fileno())

    def gone(self) -> bool:
        """Tell whether the other end of a pipe has been closed."""
        return self._watch is not None and any(
            event & (select.POLLERR | select.POLLNVAL) for _, event in self._watch.poll(0)
        )


def _watch(stream: BinaryIO | BufferedWriter) -> "select.poll | None":
    """Return what tells errors of a stream; None for one without a file descriptor."""
    try:
        descriptor = stream.fileno()
    except OSError:
        return None
    watch = select.poll()
    watch.register(descriptor, 0)  # errors are always told
    return watch


def open_to_append(path: Path) -> BinaryIO:
    """Open a file of lines at its end; half a line that a crash left there is cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("ab+")
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - _PIECE)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    file.truncate(end)
    file.seek(end)
    return file
