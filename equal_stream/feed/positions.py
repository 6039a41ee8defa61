"""How far a followed folder has been read, file by file, in a small SQLite file that survives crashes.

A position is written after the records before it are durable in the log. So nothing is ever lost; only
a crash between the two (no ordinary stop) publishes up to one batch of records again, which the embedder
recognises as unchanged.
"""

import hashlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from equal_stream.errors import ConfigurationError

_HEAD_BYTES = 1_024
_TABLE = """CREATE TABLE IF NOT EXISTS positions (
    path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, finished INTEGER, records INTEGER,
    offset INTEGER, lines INTEGER, head_bytes INTEGER, head BLOB) WITHOUT ROWID"""


@dataclass(frozen=True, slots=True)
class Version:
    """What tells two states of one file apart without reading it."""

    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class FilePosition:
    """How far one file has been read.

    Parameters
    ----------
    version
        The file as it was then.
    finished
        Whether everything that this version has was read.
    records
        Records dealt with, from the beginning.
    offset, lines
        Bytes and line ends dealt with, for a file that is read line by line as it grows.
    head_bytes, head
        Length and hash of its beginning: another beginning is another file under the same name.
    """

    version: Version
    finished: bool
    records: int = 0
    offset: int = 0
    lines: int = 0
    head_bytes: int = 0
    head: bytes = b""

    def same_file(self, path: Path) -> bool:
        """Tell whether a file still begins as it did."""
        return head_of(path, self.head_bytes) == (self.head_bytes, self.head)


def head_of(path: Path, length: int = _HEAD_BYTES) -> tuple[int, bytes]:
    """Return length and hash of a file's first bytes, at most `length`."""
    with path.open("rb") as file:
        data = file.read(length)
    return len(data), hashlib.sha256(data).digest()


class FeedPositions:
    """The positions of one followed folder; one process at a time has them.

    Parameters
    ----------
    directory
        Where the file lies, ``<data_dir>/feed``; made when missing.
    folder
        The folder that is followed.

    Raises
    ------
    ConfigurationError
        Another process follows the folder.
    """

    def __init__(self, directory: Path, folder: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(str(folder.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self._connection = sqlite3.connect(directory / f"{name}.sqlite3", timeout=0, isolation_level=None)
        try:
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("BEGIN EXCLUSIVE")  # in this mode the lock outlives the transaction
            self._connection.execute(_TABLE)
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self._connection.close()
            raise ConfigurationError(
                f"the positions of {folder} in {directory} cannot be used ({error}); another process may be "
                "following this folder: stop it first"
            ) from error

    def get(self, path: str) -> FilePosition | None:
        """Return the position in a file, by its path within the folder."""
        row = self._connection.execute("SELECT * FROM positions WHERE path = ?", (path,)).fetchone()
        if row is None:
            return None
        _, size, mtime_ns, finished, *rest = row
        return FilePosition(Version(size, mtime_ns), bool(finished), *rest)

    def put(self, path: str, at: FilePosition) -> None:
        """Write a position; it is durable on return."""
        values = (at.finished, at.records, at.offset, at.lines, at.head_bytes, at.head)
        self._connection.execute(
            "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (path, at.version.size, at.version.mtime_ns, *values),
        )

    def close(self) -> None:
        """Let another process follow the folder."""
        self._connection.close()
