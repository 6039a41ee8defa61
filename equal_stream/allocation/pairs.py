"""The published pairs: which there are, whether a new one repeats one, and what leaves with a passage.

A question is asked once in the whole corpus: its normalised form is kept as a 64-bit hash. A pair whose
question and answer are almost those of a recent pair (cosine ≥ 0.97 among the last 4,096 published)
is a near-copy: coverage in the same batch would score it again for nothing. Vectors of all pairs are
kept quantised, because coverage has to be recounted when references change; credit uses the quantised
vector too, so what a pair gives back is what it brought. The instant of publication is kept where coverage
fades by it, and the target a pair was published for, so that the output can be audited.

Memory: at 384 dimensions some 900 bytes a pair, and 7 MB for the recent ones. Pairs cost money, so the
budget bounds their number.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.near_copies import NearCopies
from equal_stream.allocation.quantise import quantise, restore
from equal_stream.ids import normalise_question

NEAR_COPY = 0.97
_RECENT = 4096
_BLOCK = 4096
_FIRST = 256
_NOBODY = -1


def question_key(question: str) -> int:
    """Return the 64-bit hash of a question's normalised form."""
    digest = hashlib.blake2b(normalise_question(question).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "little", signed=True)


class PublishedPairs:
    """An index of pairs by id, passage, question and vector.

    Parameters
    ----------
    dimension
        Length of the vectors.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._rows: dict[str, int] = {}
        self._ids: list[str] = []
        self._passages: list[str] = []
        self._questions = np.zeros(_FIRST, np.int64)
        self._codes = np.zeros((_FIRST, dimension), np.int8)
        self._scales = np.zeros(_FIRST, np.float32)
        self._instants = np.zeros(_FIRST)
        self._owners = np.full(_FIRST, _NOBODY, np.int32)  # positions in `_held`
        self._held: dict[str, int] = {}  # by target, in the order they came: pairs held
        self._free: list[int] = []
        self._by_passage: dict[str, list[int]] = {}
        self._asked: dict[int, int] = {}
        self._recent = NearCopies(dimension, _RECENT, NEAR_COPY)
        self._recent_rows = np.full(_RECENT, -1, np.int64)
        self._next = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, qa_id: str) -> bool:
        return qa_id in self._rows

    def repeats(self, qa_id: str, question: str, vector: NDArray[np.float32]) -> str | None:
        """Return why a pair repeats a published one, or None: ``duplicate-question``, ``near-copy``."""
        if qa_id in self._rows or question_key(question) in self._asked:
            return "duplicate-question"
        return "near-copy" if self._recent.has(vector) else None

    def add(
        self, qa_id: str, passage_id: str, question: str, vector: NDArray[np.float32], instant: float
    ) -> NDArray[np.float32]:
        """Index a pair that is not there yet; return its vector (d,) as it will be credited.

        Parameters
        ----------
        instant
            When it was published, in seconds since 1970.
        """
        row = self._free.pop() if self._free else self._grow()
        codes, scales = quantise(vector[None])
        kept: NDArray[np.float32] = restore(codes, scales)[0]
        key = question_key(question)
        self._ids[row], self._passages[row], self._questions[row] = qa_id, passage_id, key
        self._codes[row], self._scales[row] = codes[0], scales[0]
        self._instants[row], self._owners[row] = instant, _NOBODY
        self._rows[qa_id] = row
        self._by_passage.setdefault(passage_id, []).append(row)
        self._asked.setdefault(key, row)
        self._recent.put(np.array([self._next]), kept[None])
        self._recent_rows[self._next] = row
        self._next = (self._next + 1) % _RECENT
        return kept

    def attribute(self, qa_id: str, target: str) -> None:
        """Note which target a pair was published for; once for each pair."""
        self._owners[self._rows[qa_id]] = self._place(target)
        self._held[target] += 1

    def held_for(self, target: str) -> int:
        """Return how many pairs published for a target are there."""
        return self._held.get(target, 0)

    def latest(self, target: str, count: int) -> NDArray[np.float32]:
        """Return unit vectors (≤ count, d) of the pairs last published for a target, in no order."""
        if target not in self._held:
            return np.zeros((0, self.dimension), np.float32)
        rows = np.flatnonzero(self._owners[: len(self._ids)] == self._place(target))
        if len(rows) > count:
            rows = rows[np.argpartition(self._instants[rows], len(rows) - count)[len(rows) - count :]]
        vectors = restore(self._codes[rows], self._scales[rows])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        lengths[lengths == 0] = 1
        vectors /= lengths
        return vectors

    def withdraw(self, passage_id: str) -> tuple[list[str], NDArray[np.float32], NDArray[np.float64]]:
        """Remove a passage's pairs; return their ids, vectors (n, d) and instants (n,)."""
        rows = list(self._by_passage.get(passage_id, []))
        ids = [self._ids[row] for row in rows]
        return ids, *self._take(rows)

    def withdraw_pair(self, qa_id: str) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Remove one pair; return its vector (1, d) and instant (1,), or (0, d) and (0,) for none."""
        return self._take([self._rows[qa_id]] if qa_id in self._rows else [])

    def blocks(self) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float64]]]:
        """Yield vectors and instants of all pairs, some thousands at a time; free rows are zeros."""
        for start in range(0, len(self._ids), _BLOCK):
            stop = min(start + _BLOCK, len(self._ids))
            yield restore(self._codes[start:stop], self._scales[start:stop]), self._instants[start:stop]

    def _take(self, rows: list[int]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        vectors, instants = restore(self._codes[rows], self._scales[rows]), self._instants[rows]
        for row in rows:
            self._remove(row)
        return vectors, instants

    def _place(self, target: str) -> int:
        if target not in self._held:
            self._held[target] = 0
        return list(self._held).index(target)

    def _remove(self, row: int) -> None:
        del self._rows[self._ids[row]]
        siblings = self._by_passage[self._passages[row]]
        siblings.remove(row)
        if not siblings:
            del self._by_passage[self._passages[row]]
        if self._asked.get(int(self._questions[row])) == row:
            del self._asked[int(self._questions[row])]
        recent = np.flatnonzero(self._recent_rows == row)
        self._recent.put(recent, np.zeros((len(recent), self.dimension), np.float32))
        self._recent_rows[recent] = -1
        if self._owners[row] != _NOBODY:
            self._held[list(self._held)[self._owners[row]]] -= 1
        self._ids[row] = self._passages[row] = ""
        self._scales[row], self._instants[row], self._owners[row] = 0.0, 0.0, _NOBODY
        self._free.append(row)

    def _grow(self) -> int:
        row = len(self._ids)
        self._ids.append("")
        self._passages.append("")
        if row >= len(self._scales):
            extra = max(_FIRST, row // 2)
            self._codes = np.concatenate([self._codes, np.zeros((extra, self.dimension), np.int8)])
            self._scales = np.concatenate([self._scales, np.zeros(extra, np.float32)])
            self._questions = np.concatenate([self._questions, np.zeros(extra, np.int64)])
            self._instants = np.concatenate([self._instants, np.zeros(extra)])
            self._owners = np.concatenate([self._owners, np.full(extra, _NOBODY, np.int32)])
        return row

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        n = len(self._ids)
        return {
            "ids": self._ids,
            "questions": self._questions[:n],
            "codes": self._codes[:n],
            "scales": self._scales[:n],
            "instants": self._instants[:n],
            "owners": self._owners[:n],
            "held": self._held,
            "free": self._free,
            "passages": self._passages,
            "asked": np.array(list(self._asked.values()), np.int64),
            "recent_rows": self._recent_rows,
            "next": self._next,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._ids, self._free = state["ids"], state["free"]
        self._questions, self._codes = state["questions"], state["codes"]
        self._scales, self._instants = state["scales"], state["instants"]
        self._owners, self._held = state["owners"], state["held"]
        self._rows = {qa_id: row for row, qa_id in enumerate(self._ids) if qa_id}
        self._passages = state["passages"]
        self._by_passage = {}
        for row, passage_id in enumerate(self._passages):
            if passage_id:
                self._by_passage.setdefault(passage_id, []).append(row)
        self._asked = {int(self._questions[row]): int(row) for row in state["asked"]}
        self._recent_rows, self._next = state["recent_rows"], state["next"]
        held = np.flatnonzero(self._recent_rows >= 0)
        rows = self._recent_rows[held]
        self._recent = NearCopies(self.dimension, _RECENT, NEAR_COPY)
        self._recent.put(held, restore(self._codes[rows], self._scales[rows]))
