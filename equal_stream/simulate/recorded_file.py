"""Recorded documents with their pairs, read from JSONL files."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec


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
    """Yield each line of a JSONL(.gz) file with the document that it holds; blank lines are skipped.

    Raises
    ------
    RecordedFileError
        The file is missing, not readable, empty, cut short, or a line is no object with `text` and `qa`.
    """
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            for line in lines:
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
