"""Recorded documents and their pairs, found again by any passage of theirs.

Lines stay as the bytes they were read as (a document is decoded when a passage of it arrives, and the
homes of its pairs are kept for a while), so memory is the files' own size plus one anchor for every
sixteen characters.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path

import numpy as np

from equal_stream.simulate.anchors import Hashes, Owners, anchors, squeeze
from equal_stream.simulate.grounding import GroundText, Home
from equal_stream.simulate.pairs import Pair
from equal_stream.simulate.recorded_file import RecordedDocument, RecordedPair, decode, read_lines
from equal_stream.simulate.sentences import trim

_BATCH_CHARACTERS = 1 << 18  # working arrays of a megabyte each: close to the processor
_BOILERPLATE = 200  # an anchor that occurs more often tells little about where a text is from
_CANDIDATES = 8  # documents looked into for one passage: copies of each other share everything
_RECOGNISED = 0.3  # share of a passage's anchors that tells its document where its exact text does not


class RecordedPairs:
    """The pairs that were recorded with the document a passage comes from.

    Parameters
    ----------
    files
        JSONL files, gzipped where the name ends in ``.gz``; each line has `text` and `qa`.

    Raises
    ------
    RecordedFileError
        A file is missing, broken, or holds something else than documents with pairs.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._lines: list[bytes] = []
        hashes: list[Hashes] = [np.empty(0, np.uint32)]
        owners: list[Owners] = [np.empty(0, np.int32)]
        for batch in _batches(chain.from_iterable(map(read_lines, files))):
            of_batch, positions = anchors([squeeze(document.text) for _, document in batch])
            hashes.append(of_batch)
            owners.append(positions + np.int32(len(self._lines)))
            self._lines += [line for line, _ in batch]
        everything = np.concatenate(hashes)
        order = np.argsort(everything)
        self._hashes, self._owners = everything[order], np.concatenate(owners)[order]
        self._homes = lru_cache(maxsize=256)(self._find_homes)

    def __len__(self) -> int:
        """Return the number of recorded documents."""
        return len(self._lines)

    def pairs_in(self, passage: str) -> list[Pair] | None:
        """Return the recorded pairs whose support lies in this passage; None where no document has it.

        A passage that several documents contain word for word gets the pairs of all of them, each
        question once. One that differs slightly from its document (cleaned or normalised text) is
        recognised by what they share and gets those pairs that it supports by itself.
        """
        candidates = self._candidates(passage)
        pairs: dict[str, Pair] = {}
        exact = False
        for document in candidates:
            text, homes = self._homes(document)
            start = text.find(passage)
            if start >= 0:
                exact = True
                for recorded, home in homes:
                    if start <= home.start and home.end <= start + len(passage):
                        pair = _quoted(recorded, home, passage, start)
                        pairs.setdefault(pair.question, pair)
        if exact:
            return list(pairs.values())
        return self._supported_by_itself(passage, candidates[0]) if candidates else None

    def _candidates(self, passage: str) -> list[int]:
        """Return the documents that share most anchors with the passage, the likeliest first."""
        wanted = np.unique(anchors([squeeze(passage)])[0])
        first = np.searchsorted(self._hashes, wanted)
        last = np.searchsorted(self._hashes, wanted, side="right")
        occurrences = last - first
        telling = (occurrences > 0) & (occurrences <= _BOILERPLATE)
        if telling.sum() < _RECOGNISED * len(wanted):
            telling = occurrences > 0  # the passage is boilerplate itself
        holders = [np.unique(self._owners[a:b]) for a, b in zip(first[telling], last[telling], strict=True)]
        if not holders:
            return []
        documents, votes = np.unique(np.concatenate(holders), return_counts=True)
        enough = votes >= _RECOGNISED * len(holders)
        documents, votes = documents[enough], votes[enough]
        likeliest = np.lexsort((documents, -votes))[:_CANDIDATES]
        return [int(document) for document in documents[likeliest]]

    def _find_homes(self, document: int) -> tuple[str, list[tuple[RecordedPair, Home]]]:
        recorded = decode(self._lines[document])
        ground = GroundText(recorded.text)
        homes = [(pair, ground.home(pair.question, pair.answer)) for pair in recorded.qa]
        return recorded.text, [(pair, home) for pair, home in homes if home is not None]

    def _supported_by_itself(self, passage: str, document: int) -> list[Pair]:
        ground = GroundText(passage)
        return [
            _quoted(pair, home, passage, 0)
            for pair in decode(self._lines[document]).qa
            if (home := ground.home(pair.question, pair.answer)) is not None
        ]


def _quoted(recorded: RecordedPair, home: Home, passage: str, passage_start: int) -> Pair:
    """Quote what of the home's quote lies in the passage."""
    start = max(home.quote_start - passage_start, 0)
    end = min(home.quote_end - passage_start, len(passage))
    start, end = trim(passage, start, end) or (start, end)
    return Pair(recorded.question, recorded.answer, passage[start:end])


def _batches(
    lines: Iterator[tuple[bytes, RecordedDocument]],
) -> Iterator[list[tuple[bytes, RecordedDocument]]]:
    """Cut the documents into batches of about the same number of characters."""
    batch: list[tuple[bytes, RecordedDocument]] = []
    characters = 0
    for line, document in lines:
        batch.append((line, document))
        characters += len(document.text)
        if characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
