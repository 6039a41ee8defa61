"""Opens the log's SQLite file and runs reads and writes on it as whole transactions.

WAL mode lets any number of readers work beside one writer. `synchronous=NORMAL` keeps every committed
transaction through the death of any process (kill -9 included). After a loss of power or a kernel crash
the file is sound, but the last few seconds may be gone: transactions are lost whole, from the end. Where
that is not acceptable, use Kafka.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from equal_stream.transport.exceptions import TransportUnavailable

BUSY_SECONDS = 60.0  # how long a writer waits for its turn; a transaction holds the file for milliseconds
_PAGE_BYTES = 16_384  # passages of a few kB fit several to a page: faster than SQLite's 4 kB
_WAL_BYTES = 64 << 20  # the write-ahead log shrinks back to this after a burst
_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE topics (
    name TEXT PRIMARY KEY, cleanup TEXT NOT NULL, retention_ms INTEGER NOT NULL,
    max_message_bytes INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE partitions (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL DEFAULT 0, compacted_to INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic, partition)
);
CREATE TABLE records (
    id INTEGER PRIMARY KEY, timestamp_ms INTEGER NOT NULL, key BLOB, headers BLOB NOT NULL, value BLOB
);
CREATE TABLE producers (transactional_id TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE groups (name TEXT PRIMARY KEY, generation INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE members (
    group_name TEXT NOT NULL, member TEXT NOT NULL, topics TEXT NOT NULL, seen REAL NOT NULL,
    PRIMARY KEY (group_name, member)
) WITHOUT ROWID;
CREATE TABLE owners (
    group_name TEXT NOT NULL, partition_id INTEGER NOT NULL, member TEXT NOT NULL,
    PRIMARY KEY (group_name, partition_id)
) WITHOUT ROWID;
CREATE TABLE positions (
    group_name TEXT NOT NULL, partition_id INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    PRIMARY KEY (group_name, partition_id)
) WITHOUT ROWID;
"""


class Database:
    """One connection to the log's file, which is made when missing.

    It may move between threads, but one thread at a time may use it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = self._open()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection on one consistent view of the log."""
        with self._explained(), self._transaction("BEGIN"):
            yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection with the right to write: all of it is kept when the block ends, or none."""
        with self._explained(), self._transaction("BEGIN IMMEDIATE"):
            yield self._connection

    def version(self) -> int:
        """Return a number that changes when another connection has committed anything."""
        with self._explained():
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self._connection.execute(begin)
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise TransportUnavailable(
                f"the embedded log {self.path} cannot be used ({error}): "
                "check that the directory is writable, that the disk has room and that the file is whole"
            ) from error

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
        self._enter_wal(connection)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA journal_size_limit={_WAL_BYTES}")
        if self._schema_version(connection) != _SCHEMA_VERSION:
            self._create(connection)
        return connection

    @staticmethod
    def _enter_wal(connection: sqlite3.Connection) -> None:
        """Switch the file to WAL; SQLite does not wait here when several processes do so at once."""
        give_up = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                    raise
                time.sleep(0.01)
            else:
                return

    @staticmethod
    def _schema_version(connection: sqlite3.Connection) -> int:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])

    def _create(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        found = self._schema_version(connection)
        if found == 0:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
        connection.execute("COMMIT")
        if found > _SCHEMA_VERSION:
            raise TransportUnavailable(
                f"the embedded log {self.path} was written by a newer equal-stream: "
                "use that version, or another data directory"
            )
