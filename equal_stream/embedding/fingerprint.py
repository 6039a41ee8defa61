"""What two documents with the same content share: a hash, and a MinHash signature for nearly the same.

The hash is over the text with its white space folded. The signature estimates the Jaccard similarity of
two texts' shingles (three words in a row; five characters in scripts that do not part words) to a standard
error of .03 at .85. Some of its bands are keys under which a store finds candidates: texts that are alike to
.9 share one with probability .9999, to .85 with .997, to .5 with .17; the signature then decides. Keys are
most of what a document costs in memory (21 cost nearly twice as much), so there are no more than it takes.

Broder 1997, On the resemblance and containment of documents; Leskovec et al., Mining of Massive Datasets,
chapter 3.
"""

import base64
import hashlib
import re
from dataclasses import dataclass

import numpy as np
import xxhash
from numpy.typing import NDArray

_BANDS, _ROWS = 21, 6  # fixed for ever: stored signatures depend on it
_KEYS = 12  # of the bands, the first; documents of earlier releases are found under all
_VALUES = _BANDS * _ROWS
_WORDS_A_SHINGLE, _CHARACTERS_A_SHINGLE = 3, 5
_CHUNK = 8_192  # shingles hashed at once: 4 MB
_WORD = re.compile(r"\w+")
_UNPARTED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_RANDOM = np.random.default_rng(20_250_512)  # fixed for ever: stored signatures depend on it
_MULTIPLIERS = _RANDOM.integers(0, 2**32, (_VALUES, 1), dtype=np.uint32) | np.uint32(1)
_MASKS = _RANDOM.integers(0, 2**32, (_VALUES, 1), dtype=np.uint32)
_MIXERS = _RANDOM.integers(0, 2**63, _CHARACTERS_A_SHINGLE, dtype=np.uint64) | np.uint64(1)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Content hash and MinHash signature, uint16 of shape (126,), of one text."""

    content_hash: str
    signature: NDArray[np.uint16]

    def bands(self) -> list[str]:
        """Return the keys under which near duplicates are looked for."""
        rows = np.ascontiguousarray(self.signature.reshape(_BANDS, _ROWS))
        return [f"{band}:{xxhash.xxh64_hexdigest(row.tobytes())}" for band, row in enumerate(rows[:_KEYS])]

    def similarity(self, signature: NDArray[np.uint16]) -> float:
        """Return the estimated Jaccard similarity to another text's signature, 0 to 1."""
        return float(np.mean(self.signature == signature))

    def packed_signature(self) -> str:
        """Return the signature as base64 of 252 bytes."""
        return base64.b64encode(self.signature.astype("<u2").tobytes()).decode("ascii")


def unpack_signature(packed: str) -> NDArray[np.uint16]:
    """Return the signature that `Fingerprint.packed_signature` wrote."""
    return np.frombuffer(base64.b64decode(packed), dtype="<u2")


def fingerprint(text: str) -> Fingerprint:
    """Return the fingerprint of a text."""
    folded = " ".join(text.split())
    digest = hashlib.sha256(folded.encode("utf-8")).hexdigest()
    return Fingerprint(digest, _signature(_shingles(folded.casefold())))


def _shingles(text: str) -> NDArray[np.uint32]:
    """Return hashes of a text's distinct shingles; at least one."""
    if 3 * len(_UNPARTED.findall(text)) > len(text):
        units = np.frombuffer(text.replace(" ", "").encode("utf-32-le"), dtype="<u4").astype(np.uint64)
        size = _CHARACTERS_A_SHINGLE
    else:
        words = _WORD.findall(text) or [text]
        units = np.array([xxhash.xxh64_intdigest(word.encode()) for word in words], dtype=np.uint64)
        size = _WORDS_A_SHINGLE
    size = min(size, len(units))
    count = len(units) - size + 1
    mixed = np.zeros(count, dtype=np.uint64)
    for place in range(size):
        mixed = (mixed ^ units[place : place + count]) * _MIXERS[place]
        mixed ^= mixed >> np.uint64(29)
    return np.unique((mixed >> np.uint64(32)).astype(np.uint32))


def _signature(shingles: NDArray[np.uint32]) -> NDArray[np.uint16]:
    least = np.full(_VALUES, np.iinfo(np.uint32).max, dtype=np.uint32)
    for first in range(0, len(shingles), _CHUNK):
        hashed = shingles[None, first : first + _CHUNK] ^ _MASKS
        hashed *= _MULTIPLIERS
        np.minimum(least, hashed.min(axis=1), out=least)
    return ((least * np.uint32(0x9E3779B1)) >> np.uint32(16)).astype(np.uint16)
