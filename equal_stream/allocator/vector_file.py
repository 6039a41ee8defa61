"""The candidates' vectors in a file, so that a million of them take no memory of the process.

A record is the vector's scale (float32), its codes (int8) and a CRC-32 of both and the passage's id, at row ×
record size. It is read and written by position, never mapped: mapped pages would count as memory.

The file is no part of a snapshot and is not synchronised with it. After a restart each row that a snapshot
names is compared with its record; one that another passage has overwritten since, or that was torn or
lost, does not match, and its vector is fetched from the store (`lost_vectors`).

Who opens the file takes over a copy of it: an allocator that was replaced and does not know it yet goes on
writing into the one it had, where it does no harm.
"""

import contextlib
import os
import shutil
import weakref
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equal_stream.errors import EqualStreamError
from equal_stream.steps import Step, passed

_CHECKED_TOGETHER = 4096  # records


class VectorFileUnusable(EqualStreamError):
    """The file of candidate vectors cannot be opened or written: the allocator cannot go on without."""


class VectorFile:
    """Records of quantised vectors by row, as `VectorStorage` asks.

    Parameters
    ----------
    path
        Made when missing, with its directory.
    dimension
        Length of the vectors.

    Raises
    ------
    VectorFileUnusable
        See there; every method that writes raises it too.
    """

    def __init__(self, path: Path, dimension: int) -> None:
        self.path = path
        self._dimension = dimension
        self._record = np.dtype([("scale", "<f4"), ("codes", "i1", (dimension,)), ("check", "<u4")])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _take_over(path)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise self._unusable(error) from error
        self._file = file
        self._closing = weakref.finalize(self, os.close, file)

    def write(self, row: int, identity: bytes, codes: NDArray[np.int8], scale: float) -> None:
        """Put a vector (d,) at a row."""
        body = np.float32(scale).tobytes() + codes.tobytes()
        record = body + zlib.crc32(identity, zlib.crc32(body)).to_bytes(4, "little")
        try:
            written = os.pwrite(self._file, record, row * self._record.itemsize)
        except OSError as error:
            raise self._unusable(error) from error
        if written != len(record):
            raise VectorFileUnusable(f"{self.path} cannot be written: make room on its disk")

    def read(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        """Return codes (n, d) and scales (n,) of rows that were written."""
        records = self._records(rows)
        return records["codes"], records["scale"]

    def holds(self, rows: NDArray[np.intp], identities: list[bytes]) -> NDArray[np.bool_]:
        """Tell which rows (n,) hold, whole, the vectors of these passages."""
        found = np.zeros(len(rows), bool)
        for start in range(0, len(rows), _CHECKED_TOGETHER):
            part = self._records(rows[start : start + _CHECKED_TOGETHER])
            for at, record in enumerate(part, start):
                body = record.tobytes()[:-4]
                found[at] = zlib.crc32(identities[at], zlib.crc32(body)) == record["check"]
        return found

    def to_state(self, height: int) -> dict[str, Any]:
        """Return nothing: the file stays."""
        del height
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Do nothing: the file is what it is. Vectors that a state brings are not needed either."""
        del state

    def close(self) -> None:
        """Free the descriptor; the file stays."""
        self._closing()

    def _records(self, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Return the records of rows, neighbours read together; zeros where the file has ended."""
        size = self._record.itemsize
        ends = np.append(np.flatnonzero(np.diff(rows) != 1) + 1, len(rows)).tolist() if len(rows) else []
        parts, start = [], 0
        for end in ends:
            length = (end - start) * size
            data = os.pread(self._file, length, int(rows[start]) * size)
            parts.append(data.ljust(length, b"\0"))
            start = end
        return np.frombuffer(b"".join(parts), self._record)

    def _unusable(self, error: OSError) -> VectorFileUnusable:
        return VectorFileUnusable(
            f"{self.path} cannot be used ({error.strerror or error}): "
            "make room on its disk, or let this user write there"
        )


def _take_over(path: Path) -> None:
    """Put a copy in the place of a file that another process may still write to."""
    aside = path.with_suffix(".partial")
    with contextlib.suppress(FileNotFoundError):
        shutil.copyfile(path, aside)
        passed(Step.VECTORS_COPIED)
        aside.replace(path)
