"""Recorded extractions: documents with the pairs that a full extraction found in them, from JSONL files.

A line is one document: `text` and `qa`, a list of `question` and `answer`; `url`, `doc_id`, `title`,
`lang`, `source` and `fetched_at` are optional, further fields are ignored. A document whose text was read
before is left out, as the service leaves out duplicates.
"""

import gzip
import random
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from equal_stream.errors import ConfigurationError
from equal_stream.ids import doc_id

_GZIP = b"\x1f\x8b"


class RecordedPair(msgspec.Struct, frozen=True):
    """A question and its answer; an answer that is a number or a list is kept as it is written."""

    question: str
    answer: Any = ""

    @property
    def answer_text(self) -> str:
        """The answer as text."""
        return self.answer if isinstance(self.answer, str) else msgspec.json.encode(self.answer).decode()


class RecordedDocument(msgspec.Struct, frozen=True):
    """One line of a file of recorded extractions."""

    text: str
    qa: list[RecordedPair] = []
    url: str = ""
    doc_id: str = ""
    title: str = ""
    lang: str = ""
    source: str = ""
    fetched_at: datetime | None = None

    @property
    def identity(self) -> str:
        """The document's UUID: of its URL, else of its id, else of its text."""
        return doc_id(self.url or f"urn:document:{self.doc_id or self.text}")

    @property
    def address(self) -> str:
        """Its URL, or something that stands for it."""
        return self.url or f"urn:document:{self.doc_id or self.identity}"


_decode = msgspec.json.Decoder(RecordedDocument).decode


def read_documents(
    files: Sequence[Path], *, limit: int | None = None, seed: int = 0
) -> list[RecordedDocument]:
    """Return the documents of files, in their order.

    Parameters
    ----------
    files
        JSONL; gzipped when the first bytes say so.
    limit
        Keep a seeded sample of so many; their order stays.

    Raises
    ------
    ConfigurationError
        A file cannot be read, a line is no document, or there is none at all.
    """
    seen: dict[int, None] = {}
    documents: list[RecordedDocument] = []
    for path in files:
        for document in _documents(path):
            mark = hash(document.text)
            if document.text.strip() and mark not in seen:
                seen[mark] = None
                documents.append(document)
    if not documents:
        raise ConfigurationError(f"{', '.join(map(str, files))}: there is no document with text")
    if limit is not None and limit < len(documents):
        chosen = sorted(random.Random(seed).sample(range(len(documents)), limit))  # noqa: S311 - a sample
        documents = [documents[i] for i in chosen]
    return documents


def by_arrival(documents: list[RecordedDocument]) -> list[RecordedDocument]:
    """Return documents in the order of `fetched_at` when every one has it, else as they are."""
    times = [document.fetched_at for document in documents]
    if any(each is None for each in times):
        return documents
    order = sorted(range(len(documents)), key=lambda i: cast("datetime", times[i]).timestamp())
    return [documents[i] for i in order]


def _documents(path: Path) -> Iterator[RecordedDocument]:
    number = 0
    try:
        with path.open("rb") as plain:
            zipped = plain.read(2) == _GZIP
            plain.seek(0)
            lines = cast("BinaryIO", gzip.GzipFile(fileobj=plain)) if zipped else plain
            for line in lines:
                number += 1
                if not line.isspace():
                    yield _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path}, line {number}: {error}; each line must be an object such as "
            '{"text": "...", "qa": [{"question": "...", "answer": "..."}]}'
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigurationError(f"{path} cannot be read after line {number}: {reason}") from error
