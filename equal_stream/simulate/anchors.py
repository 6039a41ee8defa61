"""Content-defined anchors: the few places by which a text recognises any other that shares a part with it.

Every 16 characters in a row (white space left out) have a hash; of every 32 hashes in a row the smallest
is kept as an anchor (winnowing: Schleimer, Wilkerson & Aiken, "Winnowing: local algorithms for document
fingerprinting", SIGMOD 2003). Two texts that share 47 characters therefore share an anchor, wherever
the shared part lies in either, which is what finds a chunk out of the middle of a long document.
"""

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint32]
Owners = npt.NDArray[np.int32]

_SHINGLE_DOUBLINGS = 4  # 2**4 characters: long enough to be rare, short enough for a command line
_SHINGLE = 1 << _SHINGLE_DOUBLINGS
_WINDOW_DOUBLINGS = 5  # 2**5 hashes: one anchor for every sixteen characters or so
_WINDOW = 1 << _WINDOW_DOUBLINGS
_NOTHING = np.uint32(0xFFFFFFFF)


def squeeze(text: str) -> str:
    """Return `text` without any white space, the form in which texts are compared."""
    return "".join(text.split())


def anchors(texts: list[str]) -> tuple[Hashes, Owners]:
    """Return the anchors of squeezed texts and, for each anchor, the position of its text in the list.

    Both arrays have the same length. A text of fewer than 16 characters has no anchor.
    """
    gap = "\0" * (_WINDOW + _SHINGLE)  # no window sees two texts
    codes = np.frombuffer(
        (gap + "".join(text + gap for text in texts)).encode("utf-32-le", "surrogatepass"), np.uint32
    )
    owners = _owners(np.array([len(text) for text in texts], np.int64), len(gap))
    hashes = _hash(codes)
    hashes[owners < 0] = _NOTHING
    kept = _is_smallest_of_a_window(hashes) & (owners >= 0)
    return hashes[kept], owners[kept]


def _owners(lengths: npt.NDArray[np.int64], gap: int) -> Owners:
    """For each position of the joined texts: whose shingle begins there, or -1 where none fits."""
    shingles = np.maximum(lengths - _SHINGLE + 1, 0)
    runs = np.empty(2 * len(lengths) + 1, np.int64)
    ids = np.full(2 * len(lengths) + 1, -1, np.int32)
    runs[0], runs[1::2], runs[2::2] = gap, shingles, lengths - shingles + gap
    ids[1::2] = np.arange(len(lengths))
    return np.repeat(ids, runs)


def _hash(codes: Hashes) -> Hashes:
    """Hash the 16 code points that begin at each position, by doubling; then mix, so that order is random."""
    hashes = codes * np.uint32(0x9E3779B1)
    hashes ^= hashes >> np.uint32(15)
    multiplier = 0x01000193
    for doubling in range(_SHINGLE_DOUBLINGS):
        step = 1 << doubling
        hashes[:-step] = hashes[:-step] * np.uint32(multiplier) + hashes[step:]
        multiplier = multiplier * multiplier & 0xFFFFFFFF
    hashes ^= hashes >> np.uint32(16)
    hashes *= np.uint32(0x85EBCA6B)
    hashes ^= hashes >> np.uint32(13)
    return hashes


def _is_smallest_of_a_window(hashes: Hashes) -> npt.NDArray[np.bool_]:
    """Mark what is the smallest of some 32 in a row: it equals the largest of its windows' minima."""
    minima = hashes
    for doubling in range(_WINDOW_DOUBLINGS):
        step = 1 << doubling
        minima = np.minimum(minima[:-step], minima[step:])
    edge = np.zeros(_WINDOW - 1, np.uint32)
    largest = np.concatenate([edge, minima, edge])
    for doubling in range(_WINDOW_DOUBLINGS):
        step = 1 << doubling
        largest = np.maximum(largest[:-step], largest[step:])
    smallest: npt.NDArray[np.bool_] = hashes == largest
    return smallest
