"""The pairs in force: the last value of each id in `qa.pairs`, without those withdrawn.

They are folded in a temporary SQLite file, so that memory holds only a few however many there are, and
come out in the order of their ids: the same pairs make the same file whatever order they arrived in. Ids
are hashes, so neighbours are unrelated, as training wants them.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from types import TracebackType

import msgspec

from equal_stream.errors import InvalidRecord
from equal_stream.messages import QAPair
from equal_stream.transport.base import Record
from equal_stream.transport.codec import decode

_pair = msgspec.json.Decoder(QAPair).decode


class PairFold:
    """Folds records of `qa.pairs`; a context manager.

    Attributes
    ----------
    invalid
        Values that were no pair; they are passed over.
    """

    def __init__(self) -> None:
        self.invalid = 0
        self._connection = sqlite3.connect("", isolation_level=None)  # a file of its own, gone when closed
        self._connection.execute(
            "CREATE TABLE pairs (qa_id BLOB PRIMARY KEY, target TEXT, gain REAL, value BLOB) WITHOUT ROWID"
        )

    def __enter__(self) -> "PairFold":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def add(self, records: Iterable[Record]) -> None:
        """Fold records, in the order of the log."""
        self._connection.execute("BEGIN")
        for record in records:
            key = record.key or b""
            if record.value is None:
                self._connection.execute("DELETE FROM pairs WHERE qa_id = ?", (key,))
                continue
            try:
                pair = decode(record, QAPair)
            except InvalidRecord:
                self.invalid += 1
                continue
            row = (key, pair.target, pair.gain, record.value)
            self._connection.execute("INSERT OR REPLACE INTO pairs VALUES (?, ?, ?, ?)", row)
        self._connection.execute("COMMIT")

    def targets(self) -> dict[str, int]:
        """Return how many pairs each target has."""
        return dict(self._connection.execute("SELECT target, count(*) FROM pairs GROUP BY 1 ORDER BY 1"))

    def pairs(self, targets: Iterable[str] = (), min_gain: float | None = None) -> Iterator[QAPair]:
        """Yield the pairs in the order of their ids.

        Parameters
        ----------
        targets
            Only pairs for these; empty: for all.
        min_gain
            Only pairs with at least this gain.
        """
        wanted = set(targets)
        rows = self._connection.execute(
            "SELECT target, value FROM pairs WHERE ? IS NULL OR gain >= ? ORDER BY qa_id",
            (min_gain, min_gain),
        )
        for target, value in rows:
            if not wanted or target in wanted:
                yield _pair(value)
