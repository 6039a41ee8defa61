"""The documents that passages are of: id and URL of each once, however many of its passages wait.

Entries lie in one stretch of memory and take whole blocks of it; the blocks of a document that is gone go
to the next that needs as many. Some 40 bytes a document besides its id and URL.
"""

import hashlib
from typing import Any

import numpy as np

from equal_stream.allocation.growth import grown
from equal_stream.allocation.id_index import IdIndex, packed, unpacked

_BLOCK = 16  # bytes; half a block of each entry is lost on average
_UUID = 1  # first byte of an entry whose id is a UUID: its 16 bytes follow, then the URL


class Documents:
    """Ids and URLs by number, counted by how many passages use them."""

    def __init__(self) -> None:
        self._numbers = IdIndex()
        self._memory = bytearray()
        self._starts = np.zeros(0, np.int32)  # in blocks
        self._uses = np.zeros(0, np.int32)
        self._height = 0
        self._free: list[int] = []
        self._vacant: dict[int, list[int]] = {}  # blocks → where as many are free

    def __len__(self) -> int:
        return len(self._numbers)

    def use(self, doc_id: str, url: str) -> int:
        """Return the number of a document, a new one if no passage uses it yet, and count one use."""
        entry = _encoded(doc_id, url)
        key = hashlib.blake2b(entry, digest_size=16).digest()
        number = self._numbers.find(key)
        if number is None:
            number = self._free.pop() if self._free else self._height
            self._height = max(self._height, number + 1)
            self._starts = grown(self._starts, number + 1)
            self._uses = grown(self._uses, number + 1)
            self._starts[number] = self._write(entry)
            self._numbers.add(key, number)
        self._uses[number] += 1
        return number

    def release(self, number: int) -> None:
        """Count one use less; with the last, the document goes."""
        self._uses[number] -= 1
        if self._uses[number] == 0:
            start = int(self._starts[number])
            self._vacant.setdefault(self._blocks(start), []).append(start)
            self._numbers.remove(number)
            self._free.append(number)

    def read(self, number: int) -> tuple[str, str]:
        """Return id and URL of a document."""
        at = _BLOCK * int(self._starts[number])
        size = int.from_bytes(self._memory[at : at + 4], "little")
        return _decoded(bytes(self._memory[at + 4 : at + 4 + size]))

    def _write(self, entry: bytes) -> int:
        blocks = _blocks_of(len(entry))
        vacant = self._vacant.get(blocks)
        start = vacant.pop() if vacant else len(self._memory) // _BLOCK
        at = _BLOCK * start
        filled = (len(entry).to_bytes(4, "little") + entry).ljust(_BLOCK * blocks, b"\0")
        self._memory[at : at + len(filled)] = filled
        return start

    def _blocks(self, start: int) -> int:
        at = _BLOCK * start
        return _blocks_of(int.from_bytes(self._memory[at : at + 4], "little"))

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        n = self._height
        return {
            "keys": self._numbers.to_state(),
            "memory": bytes(self._memory),
            "starts": self._starts[:n],
            "uses": self._uses[:n],
            "free": self._free,
            "vacant": [[blocks, starts] for blocks, starts in self._vacant.items()],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._memory = bytearray(state["memory"])
        self._starts, self._uses = state["starts"], state["uses"]
        self._height = len(self._uses)
        self._free = state["free"]
        self._vacant = {blocks: list(starts) for blocks, starts in state["vacant"]}
        self._numbers.load_state(state["keys"], np.flatnonzero(self._uses).astype(np.int32))


def _blocks_of(size: int) -> int:
    return -(-(size + 4) // _BLOCK)


def _encoded(doc_id: str, url: str) -> bytes:
    identity = packed(doc_id)
    text = url.encode("utf-8", "surrogatepass")
    if identity is not None:
        return bytes([_UUID]) + identity + text
    return b"\0" + doc_id.encode("utf-8", "surrogatepass").replace(b"\0", b"") + b"\0" + text


def _decoded(entry: bytes) -> tuple[str, str]:
    if entry[0] == _UUID:
        return unpacked(entry[1:17]), entry[17:].decode("utf-8", "surrogatepass")
    doc_id, _, url = entry[1:].partition(b"\0")
    return doc_id.decode("utf-8", "surrogatepass"), url.decode("utf-8", "surrogatepass")
