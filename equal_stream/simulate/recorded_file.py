"""Recorded documents with their pairs, read from JSONL files."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

_GZIP = b"\x1f\x8b"


class RecordedFileError(Exception):
    """A file of recorded pairs cannot be read; the message says which, where and why."""


class RecordedPair(msgspec.Struct, frozen=True):
    """A question and its answer, as recorded with a document."""

    question: str
    answer: str


class RecordedDocument(msgspec.Struct, frozen=True):
    """One line of a recorded file; further fields are ignored."""

    text: str
    qa: list[RecordedPair] = []


decode = msgspec.json.Decoder(RecordedDocument).decode


def read_lines(path: Path) -> Iterator[tuple[bytes, RecordedDocument]]:
    """Yield each line of a JSONL file with the document that it holds; blank lines are skipped.

    It is gzipped when its name or its first bytes say so.

    Raises
    ------
    RecordedFileError
        The file is missing, not readable, empty, cut short, or a line is no object with `text` and `qa`.
    """
    number = 0
    try:
        with path.open("rb") as plain:
            zipped = plain.read(2) == _GZIP or path.suffix == ".gz"
            plain.seek(0)
            for line in cast("BinaryIO", gzip.GzipFile(fileobj=plain)) if zipped else plain:
                number += 1
                if not line.isspace():
                    yield line, decode(line)
        if number == 0:
            raise RecordedFileError(f"{path} is empty; each line must be a document with its pairs")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordedFileError(
            f"{path}, line {number}: {error}; each line must be an object such as "
            '{"text": "...", "qa": [{"question": "...", "answer": "..."}]}'
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        where = f" after line {number}" if number else ""
        raise RecordedFileError(f"{path} cannot be read{where}: {reason}") from error
