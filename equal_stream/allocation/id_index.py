"""Rows by id, in some 25 bytes an id: 16 for the id itself, the rest for finding it.

Open addressing with linear probing (Knuth, TAOCP volume 3, section 6.4): a table of row numbers, in which
a row lies at the place that its id hashes to or at the next that was free. Removing closes the gap, so no
search ever passes over what is not there any more. A dict of strings would take 250 bytes.
"""

from array import array
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_WIDTH = 16  # bytes of an id
_FULL = 2 / 3  # of the places, at most; a search then looks at two on average, at five if in vain
_GROWTH = 1.25
_FIRST = 64  # places
_MIX, _SPREAD = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93  # odd; ids of some versions begin alike
_WORD = 2**64 - 1


class IdIndex:
    """Ids of 16 bytes, each at a row of its owner's choice, and none at two."""

    def __init__(self) -> None:
        self._ids = bytearray()
        self._count = 0
        self._view = array("i")
        self._lay_out(_FIRST, np.zeros(0, np.int32))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        """Iterate over the rows that hold an id."""
        return iter(np.sort(self._rows()).tolist())

    def find(self, identity: bytes) -> int | None:
        """Return the row of an id, or None."""
        at = self._home(identity)
        while (row := self._view[at]) >= 0:
            if self._ids[_WIDTH * row : _WIDTH * row + _WIDTH] == identity:
                return row
            at = at + 1 if at + 1 < self._size else 0
        return None

    def at(self, row: int) -> bytes:
        """Return the id at a row."""
        return bytes(self._ids[_WIDTH * row : _WIDTH * row + _WIDTH])

    def add(self, identity: bytes, row: int) -> None:
        """Put an id that is not there at a free row."""
        if self._count + 1 > _FULL * self._size:
            self._lay_out(int(_GROWTH * self._size) + 1)
        end = _WIDTH * row + _WIDTH
        if end > len(self._ids):
            self._ids.extend(bytes(end - len(self._ids)))
        self._ids[end - _WIDTH : end] = identity
        at = self._home(identity)
        while self._view[at] >= 0:
            at = at + 1 if at + 1 < self._size else 0
        self._view[at] = row
        self._count += 1

    def remove(self, row: int) -> None:
        """Take the id at a row out."""
        view, size = self._view, self._size
        gap = self._home(self.at(row))
        while view[gap] != row:
            gap = gap + 1 if gap + 1 < size else 0
        at = gap
        while True:
            at = at + 1 if at + 1 < size else 0
            other = view[at]
            if other < 0:
                break
            if (at - self._home(self.at(other))) % size >= (at - gap) % size:
                view[gap] = other
                gap = at
        view[gap] = -1
        self._count -= 1

    def _rows(self) -> NDArray[np.int32]:
        places = np.frombuffer(self._view, np.int32)
        return places[places >= 0]

    def _home(self, identity: bytes) -> int:
        low, high = int.from_bytes(identity[:8], "little"), int.from_bytes(identity[8:], "little")
        mixed = ((low ^ (high * _MIX & _WORD)) * _SPREAD & _WORD) >> 32
        return mixed * self._size >> 32

    def _homes(self, rows: NDArray[np.int32]) -> NDArray[np.intp]:
        if len(rows) == 0:
            return np.zeros(0, np.intp)
        words = np.frombuffer(self._ids, np.uint64).reshape(-1, 2)[rows]
        mixed = ((words[:, 0] ^ (words[:, 1] * np.uint64(_MIX))) * np.uint64(_SPREAD)) >> np.uint64(32)
        return (mixed * np.uint64(self._size) >> np.uint64(32)).astype(np.intp)

    def _lay_out(self, size: int, rows: NDArray[np.int32] | None = None) -> None:
        """Begin a new table of so many places with these rows, or those of the old one."""
        if rows is None:
            rows = self._rows()
        self._size = size
        self._view = array("i", [-1]) * size
        places = np.frombuffer(self._view, np.int32)
        at = self._homes(rows)
        while len(rows):
            free = places[at] < 0
            places[at[free]] = rows[free]  # of several that want one place, one gets it
            lost = places[at] != rows
            rows, at = rows[lost], (at[lost] + 1) % size

    def to_state(self) -> bytes:
        """Return the ids, row after row; which rows hold one is their owner's to know."""
        return bytes(self._ids)

    def load_state(self, state: bytes, rows: NDArray[np.int32]) -> None:
        """Continue with the ids of `rows` (n,)."""
        self._ids = bytearray(state)
        self._count = len(rows)
        self._lay_out(max(_FIRST, int(len(rows) * _GROWTH / _FULL)), rows)


def packed(uuid: str) -> bytes | None:
    """Return the 16 bytes of a UUID, or None when the text is no UUID in its usual form."""
    try:
        identity = bytes.fromhex(uuid.replace("-", ""))
    except ValueError:
        return None
    return identity if len(identity) == _WIDTH and unpacked(identity) == uuid else None


def unpacked(identity: bytes) -> str:
    """Return the UUID of 16 bytes in its usual form (RFC 9562): lower case, with hyphens."""
    text = identity.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
