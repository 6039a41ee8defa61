"""A log, a store and an embedding stage in one directory, with an encoder that only counts."""

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from equal_stream.embedding.batch import Batch
from equal_stream.embedding.model_files import DEFAULT_MODEL, find_model
from equal_stream.embedding.stage import EmbeddingStage
from equal_stream.embedding.tokens import Tokens
from equal_stream.messages import DocumentOutcome, EmbeddedPassage
from equal_stream.settings import PassageSettings, Settings
from equal_stream.store.factory import open_embedded
from equal_stream.transport.base import OutgoingRecord, Record
from equal_stream.transport.codec import decode
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport

URL = "https://example.org/"
WORDS = [
    *("river", "mountain", "copper", "engine", "violin", "harbour", "glacier", "lantern", "orchard"),
    *("thunder", "marble", "compass", "meadow", "cotton", "furnace", "granite", "whistle", "canyon"),
    *("pepper", "saddle", "velvet", "anchor", "beacon", "cradle", "dagger", "ember", "falcon", "garnet"),
]


@lru_cache(maxsize=1)
def minilm_tokens() -> Tokens:
    """The default model's tokenizer, without its weights."""
    return Tokens(Tokenizer.from_file(str(Path(find_model(DEFAULT_MODEL).location) / "tokenizer.json")))


class CountingEncoder:
    """Gives each text a unit vector that follows from it, and counts what it was asked for."""

    identity = "counting/fp32"
    dimension = 8
    max_tokens = 256

    def __init__(self) -> None:
        self.tokens = minilm_tokens()
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.encoded += texts
        rows = [
            np.random.default_rng(int(hashlib.sha256(t.encode()).hexdigest()[:8], 16)).normal(size=8)
            for t in texts
        ]
        found = np.array(rows, dtype=np.float32).reshape(-1, self.dimension)
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def sentences(seed: int, count: int = 12) -> str:
    """English-looking prose that is the same for the same seed and unlike that of another."""
    random = np.random.default_rng(seed)
    return " ".join(
        "They think that {} {} which was {} {} should not have been {} {} of number {}.".format(
            *random.choice(WORDS, 6), random.integers(10**6)
        )
        for _ in range(count)
    )


class World:
    """One embedder's surroundings; `run` takes all waiting records through the stage in one batch."""

    def __init__(self, directory: Path, **passages: Any) -> None:
        self.settings = Settings(data_dir=directory, passages=PassageSettings(**passages))
        self.transport = open_transport(self.settings)
        self.transport.create_topics(topic_specs(self.settings))
        self.encoder = CountingEncoder()
        self.stores = open_embedded(self.settings, self.encoder.identity, self.encoder.dimension)
        self.stage = self.new_stage()
        self.consumer = self.transport.member(["crawl.documents"], "embedder")
        self.producer = self.transport.producer("embedder")
        self._feed = self.transport.producer()
        self._readers = {
            name: self.transport.reader([name])
            for name in ("documents.outcomes", "passages.embedded", "crawl.documents.dlq")
        }

    def new_stage(self) -> EmbeddingStage:
        """A stage that knows only what is stored: as after a restart."""
        return EmbeddingStage(
            self.encoder, self.stores.passages, self.stores.documents, self.settings.passages
        )

    def crawl(self, name: str, text: str | None = None, *, at: str | None = None, **more: Any) -> None:
        """Feed a version of the document at `URL + name`."""
        fields = {"url": URL + name, "text": text, "fetched_at": at, **more}
        self.crawl_raw(json.dumps({k: v for k, v in fields.items() if v is not None}).encode(), name)

    def crawl_raw(self, value: bytes | None, name: str = "raw", headers: Any = ()) -> None:
        """Feed bytes, or a null value."""
        self._feed.send(OutgoingRecord("crawl.documents", (URL + name).encode(), value, headers))
        self._feed.flush()

    def poll(self) -> list[Record]:
        """Everything that waits, in the order in which it was fed."""
        records: list[Record] = []
        while polled := self.consumer.poll(1000, 0.0):
            records += polled
        return sorted(records, key=lambda record: record.timestamp_ms)

    def run(self, records: Sequence[Record] | None = None) -> Batch:
        """Steps 1 to 9 for one batch."""
        batch = self.stored(self.poll() if records is None else records)
        self.stage.publish(batch, self.producer, self.consumer)
        return batch

    def stored(self, records: Sequence[Record]) -> Batch:
        """Steps 1 to 8: as far as an embedder comes that crashes before it publishes."""
        batch = self.stage.prepare(records)
        self.stage.encode(batch)
        self.stage.store(batch)
        return batch

    def outcomes(self) -> list[DocumentOutcome]:
        """Outcomes published since the last call."""
        found = self._readers["documents.outcomes"].poll(10_000, 0.0)
        return [decode(record, DocumentOutcome) for record in found]

    def outcome_of(self) -> dict[str, DocumentOutcome]:
        """Outcomes published since the last call, by what follows `URL`."""
        return {each.url.removeprefix(URL): each for each in self.outcomes()}

    def passages(self) -> list[EmbeddedPassage]:
        """Passages published since the last call."""
        found = self._readers["passages.embedded"].poll(10_000, 0.0)
        return [decode(record, EmbeddedPassage) for record in found]

    def dead(self) -> list[Record]:
        """Dead letters published since the last call."""
        return self._readers["crawl.documents.dlq"].poll(10_000, 0.0)

    def close(self) -> None:
        """Free log and store."""
        self.stores.close()
        self.transport.close()


def about(record: Record) -> dict[str, str]:
    """What a dead letter says of itself."""
    return {k.removeprefix("dlq_"): v.decode() for k, v in record.headers if k.startswith("dlq_")}
