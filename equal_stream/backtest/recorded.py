"""Recorded extractions: documents with the pairs that a full extraction found in them, from JSONL files.

A line is one document: `text` and `qa`, a list of `question` and `answer`; `url`, `doc_id`, `title`,
`lang`, `source` and `fetched_at` are optional or null, further fields are ignored. A document whose text was
read before is left out, as the service leaves out duplicates, and so is one without any text.
"""

import gzip
import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from equal_stream.errors import ConfigurationError
from equal_stream.ids import doc_id

_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_EXAMPLE = '{"text": "...", "qa": [{"question": "...", "answer": "..."}]}'


class RecordedPair(msgspec.Struct, frozen=True):
    """A question and its answer; an answer that is a number or a list is kept as it is written."""

    question: str
    answer: Any = ""

    @property
    def answer_text(self) -> str:
        """The answer as text; null is none."""
        if self.answer is None:
            return ""
        return self.answer if isinstance(self.answer, str) else msgspec.json.encode(self.answer).decode()


class RecordedDocument(msgspec.Struct, frozen=True):
    """One line of a file of recorded extractions."""

    text: str
    qa: list[RecordedPair] | None = None
    url: str | None = None
    doc_id: str | int | None = None
    title: str | None = None
    lang: str | None = None
    source: str | None = None
    fetched_at: datetime | None = None

    @property
    def identity(self) -> str:
        """The document's UUID: of its URL, else of its id, else of its text. Versions of one URL share it."""
        return doc_id(self.url or f"urn:document:{self.doc_id or self.text}")

    @property
    def address(self) -> str:
        """Its URL, or something that stands for it."""
        return self.url or f"urn:document:{self.doc_id or self.identity}"


_decode = msgspec.json.Decoder(RecordedDocument).decode


def read_documents(
    files: Sequence[Path],
    *,
    limit: int | None = None,
    seed: int = 0,
    warn: Callable[[str], None] | None = None,
) -> list[RecordedDocument]:
    """Return the documents of files, in their order.

    Parameters
    ----------
    files
        JSONL; gzipped when the first bytes say so.
    limit
        Keep a seeded sample of so many; their order stays.
    warn
        Told in a sentence how many documents were left out, and why.

    Raises
    ------
    ConfigurationError
        A file cannot be read, a line is no document, or there is none at all.
    """
    seen: set[int] = set()  # hashes: the texts of documents that are sampled away need not be kept
    documents: list[RecordedDocument] = []
    blank = repeated = 0
    for path in files:
        for document in _documents(path):
            mark = hash(document.text)
            if not document.text.strip():
                blank += 1
            elif mark in seen:
                repeated += 1
            else:
                seen.add(mark)
                documents.append(document)
    if warn is not None and repeated:
        warn(f"documents left out because their text came before: {repeated:,}")
    if warn is not None and blank:
        warn(f"documents left out because they have no text: {blank:,}")
    if not documents:
        raise ConfigurationError(f"{', '.join(map(str, files))}: there is no document with text")
    if limit is not None and limit < len(documents):
        chosen = sorted(random.Random(seed).sample(range(len(documents)), limit))  # noqa: S311 - a sample
        documents = [documents[i] for i in chosen]
    return documents


def by_arrival(documents: list[RecordedDocument]) -> list[RecordedDocument]:
    """Return documents in the order of `fetched_at` when every one has it, else as they are.

    A time without an offset is taken as UTC.
    """
    if any(document.fetched_at is None for document in documents):
        return documents
    return sorted(documents, key=_instant)


def _instant(document: RecordedDocument) -> datetime:
    at = cast("datetime", document.fetched_at)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _documents(path: Path) -> Iterator[RecordedDocument]:
    number = 0
    try:
        with path.open("rb") as plain:
            zipped = plain.read(2) == _GZIP
            plain.seek(0)
            lines = cast("BinaryIO", gzip.GzipFile(fileobj=plain)) if zipped else plain
            for line in lines:
                number += 1
                entry = line.removeprefix(_BOM).strip()
                if entry:
                    yield _decode(entry)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(
            f"{path}, line {number}: {error}; each line must be an object such as {_EXAMPLE}"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        where = f" after line {number}" if number else ""
        raise ConfigurationError(f"{path} cannot be read{where}: {reason}") from error
