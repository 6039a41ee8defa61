"""Texts to vectors, each encoded once: a cache on disk by content, so that a second run takes seconds.

One SQLite file holds for every text its token count and its float32 vector, and for every document where
it is cut. Keys are hashes of the model's name, its precision and the text; nothing goes stale. The
encoder, and torch with it, is loaded only when something is missing.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from equal_stream.embedding.model_files import find_model
from equal_stream.embedding.passages import PassageCutter
from equal_stream.errors import ConfigurationError
from equal_stream.settings import Settings

if TYPE_CHECKING:
    from equal_stream.embedding.encoder import Encoder

_BATCH = 512  # texts encoded between commits: an interrupted run keeps what it paid for
_ASKED = 500  # keys in one query
_UNEVEN = 0.05  # of a unit vector's length: half precision errs by a thousandth
_TABLES = """
PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS texts (key BLOB PRIMARY KEY, tokens INTEGER, vector BLOB);
CREATE TABLE IF NOT EXISTS cuts (key BLOB PRIMARY KEY, spans BLOB);
"""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Vectors (n, d) float32 of unit length and token counts (n,) int64 of n texts."""

    vectors: NDArray[np.float32]
    tokens: NDArray[np.int64]


class CachedEncoder:
    """The service's encoder and passage cutter behind a cache; a context manager.

    Parameters
    ----------
    settings
        `embedding` and `passages` are read.
    directory
        Where the cache file lies; it is made.
    progress
        Called with texts encoded so far and in all, while texts are encoded.

    Raises
    ------
    ConfigurationError
        The cache file cannot be used, here or by any method: it is damaged, locked or not writable.
    """

    def __init__(
        self, settings: Settings, directory: Path, progress: Callable[[int, int], None] | None = None
    ) -> None:
        self._settings = settings
        self._progress = progress
        self._encoder: Encoder | None = None
        chosen = settings.embedding
        self.identity = f"{find_model(chosen.model).name}/{chosen.precision}"
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / "vectors.sqlite"
        with self._clear_errors():
            self._cache = sqlite3.connect(self._path)
            self._cache.executescript(_TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cache.close()

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Return vectors and token counts of texts, in their order."""
        keys = [self._key("text", text) for text in texts]
        known = self._known("SELECT key, tokens, vector FROM texts WHERE key IN", keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        todo = sorted(missing.items(), key=lambda item: len(item[1]))
        for start in range(0, len(todo), _BATCH):
            part = todo[start : start + _BATCH]
            vectors = self.encoder.encode([text for _, text in part])
            counts = self.encoder.count_tokens([text for _, text in part])
            rows = [
                (key, count, vector.tobytes())
                for (key, _), count, vector in zip(part, counts, vectors, strict=True)
            ]
            self._keep("INSERT OR REPLACE INTO texts VALUES (?, ?, ?)", rows)
            known.update((key, (tokens, data)) for key, tokens, data in rows)
            if self._progress is not None:
                self._progress(start + len(part), len(todo))
        if not keys:
            return Encoded(np.zeros((0, 0), np.float32), np.zeros(0, np.int64))
        with self._clear_errors():
            tokens = np.array([known[key][0] for key in keys], np.int64)
            vectors = np.stack([np.frombuffer(known[key][1], np.float32) for key in keys])
            _require_sound(vectors, tokens)
            return Encoded(vectors, tokens)

    def cut(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return where each document's passages begin and end, in characters."""
        how = self._settings.passages
        kind = f"cut {how.target_tokens} {how.max_tokens}"
        keys = [self._key(kind, text) for text in texts]
        known = self._known("SELECT key, spans FROM cuts WHERE key IN", keys)
        with self._clear_errors():
            spans = {key: _spans(row[0]) for key, row in known.items()}
            for key, text in zip(keys, texts, strict=True):
                _require_within(text, spans.get(key))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in spans}
        if missing:
            longest = min(how.max_tokens, self.encoder.max_tokens)
            cutter = PassageCutter(self.encoder.tokens, how.target_tokens, longest)
            for key, text in missing.items():
                spans[key] = [(passage.start, passage.end) for passage in cutter.cut(text)]
            rows = [(key, msgspec.json.encode(spans[key])) for key in missing]
            self._keep("INSERT OR REPLACE INTO cuts VALUES (?, ?)", rows)
        return [spans[key] for key in keys]

    @property
    def encoder(self) -> "Encoder":
        """The encoder, loaded when first asked for."""
        if self._encoder is None:
            from equal_stream.embedding.encoder import Encoder  # noqa: PLC0415 - loads torch: seconds

            self._encoder = Encoder(self._settings.embedding)
        return self._encoder

    def _key(self, kind: str, text: str) -> bytes:
        content = f"{self.identity}\0{kind}\0{text}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(content, digest_size=16).digest()

    def _known(self, query: str, keys: Sequence[bytes]) -> dict[bytes, tuple[Any, ...]]:
        found: dict[bytes, tuple[Any, ...]] = {}
        with self._clear_errors():
            for start in range(0, len(keys), _ASKED):
                part = keys[start : start + _ASKED]
                marks = ",".join("?" * len(part))
                for key, *rest in self._cache.execute(f"{query} ({marks})", part):
                    found[key] = tuple(rest)
        return found

    def _keep(self, query: str, rows: Sequence[tuple[Any, ...]]) -> None:
        with self._clear_errors(), self._cache:
            self._cache.executemany(query, rows)

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, msgspec.DecodeError, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"the cache of vectors {self._path} cannot be used ({error}): if no other backtest holds it, "
                "delete it, and everything is encoded anew"
            ) from error


def _require_sound(vectors: NDArray[np.float32], tokens: NDArray[np.int64]) -> None:
    """Require what every encoder gives; raises `ValueError`, since a damaged file may hold anything."""
    lengths = np.linalg.norm(vectors, axis=1)
    if not (np.abs(lengths - 1) < _UNEVEN).all():
        raise ValueError("a vector in it is not of unit length")
    if (tokens < 0).any():
        raise ValueError("a count of tokens in it is below nothing")


def _require_within(text: str, spans: list[tuple[int, int]] | None) -> None:
    """Require passages of this text, if there are any yet; raises `ValueError`, for the same reason."""
    if spans is not None and not all(0 <= start < end <= len(text) for start, end in spans):
        raise ValueError("a passage in it does not lie within its document")
    if spans == [] and text.strip():
        raise ValueError("a document in it has lost its passages")


def _spans(data: bytes) -> list[tuple[int, int]]:
    return msgspec.json.decode(data, type=list[tuple[int, int]])
