"""A service in one process whose encoder can be changed: embedder and clusterer on one log and store."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from equal_stream import topics
from equal_stream.clusterer.restoring import restored
from equal_stream.clusterer.space import Space
from equal_stream.clusterer.stage import ClusterStage
from equal_stream.embedding.stage import EmbeddingStage
from equal_stream.messages import AssignedPassage, ClusterEvent, DocumentOutcome
from equal_stream.reembedding.renewal import CollectionInService
from equal_stream.reembedding.run import reembed
from equal_stream.settings import ClusteringSettings, Settings, StoreSettings
from equal_stream.snapshots import SnapshotStore
from equal_stream.store.base import CollectionSpec, Store
from equal_stream.store.collections import DOCUMENTS, passages
from equal_stream.store.edge import EdgeStore
from equal_stream.store.identity import Identity
from equal_stream.transport.base import OutgoingRecord, Record
from equal_stream.transport.codec import decode
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport
from tests.embedding.world import URL, sentences
from tests.reembedding.encoders import NamedEncoder, ThemeEncoder

OLD, NEW = "passages", "passages-2"
THEMES = ("river", "engine", "violin", "glacier")
BEFORE = ThemeEncoder("old/fp32", 24)
SAME_LENGTH, OTHER_LENGTH = ThemeEncoder("new/fp32", 24), ThemeEncoder("longer/fp32", 40)


class Shelf:
    """A place whose collections stay open, so that all roles of one process share them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._stores: dict[str, EdgeStore] = {}

    def names(self) -> list[str]:
        """Return the names of the collections."""
        return sorted(self._stores)

    def identity(self, name: str) -> Identity | None:
        """Return whose vectors a collection holds."""
        store = self._stores.get(name)
        return None if store is None else Identity(store.spec.model, store.spec.dimension)

    def open(self, spec: CollectionSpec) -> Store:
        """Open a collection that closing leaves open."""
        if spec.name not in self._stores:
            self._stores[spec.name] = EdgeStore(self._root / spec.name, spec)
        self._stores[spec.name].require(spec)
        return StaysOpen(self._stores[spec.name])

    @contextmanager
    def entered(self) -> Iterator["Shelf"]:
        """Enter the place as a role does."""
        yield self

    def close(self) -> None:
        """Close all."""
        for store in self._stores.values():
            store.close()


class StaysOpen:
    """A store that others have open too."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def close(self) -> None:
        """Leave it open."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Switching:
    """The service on a directory, and on a broker where `more` settings name one."""

    def __init__(self, directory: Path, **more: Any) -> None:
        clustering = ClusteringSettings(max_clusters=12, seed=3)
        self.settings = Settings(data_dir=directory, clustering=clustering, **more)
        self.wait = 4.0 if self.settings.transport == "kafka" else 0.05  # until nothing more is expected
        self.transport = open_transport(self.settings)
        self.transport.create_topics(topic_specs(self.settings))
        self.place = Shelf(directory / "store")
        self.fed = 0
        self._feed = self.transport.producer()

    def crawl(self, name: str, text: str | None) -> None:
        """Publish a version of a page; None deletes it."""
        value = None if text is None else json.dumps({"url": URL + name, "text": text}).encode()
        self._feed.send(OutgoingRecord(topics.CRAWL.name, (URL + name).encode(), value))
        self._feed.flush()
        self.fed += 1

    def crawl_themes(self, numbers: Sequence[int], themes: Sequence[str] = THEMES) -> None:
        """Publish a page of each theme for each number."""
        for number in numbers:
            for theme in themes:
                self.crawl(f"{theme}{number}", page(theme, number))

    def store(self, name: str, encoder: NamedEncoder) -> Store:
        """Return a collection of passages."""
        return self.place.open(passages(encoder.identity, encoder.dimension, name))

    def documents(self) -> Store:
        """Return the fingerprints."""
        return self.place.open(DOCUMENTS)

    def embed(self, encoder: NamedEncoder, collection: str) -> int:
        """Run an embedder over what waits; return how many records that were."""
        stage = EmbeddingStage(
            encoder, self.store(collection, encoder), self.documents(), self.settings.passages
        )
        consumer = self.transport.member([topics.CRAWL.name], "embedder")
        producer = self.transport.producer("embedder")
        handled = 0
        try:
            while records := consumer.poll(200, self.wait):
                batch = stage.prepare(records)
                stage.encode(batch)
                stage.store(batch)
                stage.publish(batch, producer, consumer)
                handled += len(records)
        finally:
            consumer.close()
            producer.close()
        return handled

    def cluster(
        self, collection: str, stop: threading.Event | None = None, at_once: int = 200
    ) -> ClusterStage:
        """Start a clusterer on a collection and run it over what waits."""
        consumer = self.transport.reader([topics.EMBEDDED.name], "clusterer")
        producer = self.transport.producer("clusterer")
        snapshots = SnapshotStore(self.settings.data_dir / "state" / "clusterer")
        clusterer, model = restored(self.settings, consumer, snapshots, self.transport)
        space = Space(
            model,
            CollectionInService(self.place.entered(), collection),
            self.transport,
            stop or threading.Event(),
        )
        stage = ClusterStage(clusterer, consumer, producer, snapshots, space=space)
        try:
            while records := consumer.poll(at_once, self.wait):
                stage.handle(records)
        finally:
            consumer.close()
            producer.close()
        return stage

    def reembed(self, encoder: NamedEncoder, source: str = OLD, into: str = NEW) -> None:
        """Fill a collection."""
        reembed(self.place, source, into, encoder)

    def settings_on(self, collection: str) -> Settings:
        """Return settings that name a collection."""
        return self.settings.model_copy(update={"store": StoreSettings(passages=collection)})

    def assigned(self) -> list[AssignedPassage]:
        """Return all assignments."""
        return [decode(record, AssignedPassage) for record in self.records(topics.ASSIGNED.name)]

    def events(self) -> list[ClusterEvent]:
        """Return the lineage."""
        return [decode(record, ClusterEvent) for record in self.records(topics.CLUSTER_EVENTS.name)]

    def outcomes(self) -> list[DocumentOutcome]:
        """Return what became of the crawl."""
        return [decode(record, DocumentOutcome) for record in self.records(topics.DOCUMENT_OUTCOMES.name)]

    def listed(self) -> set[str]:
        """Return the current passages."""
        documents = self.documents().scroll(limit=10_000)
        return {each for document in documents for each in document.payload.get("passages", ())}

    def records(self, topic: str) -> list[Record]:
        """Return everything committed on a topic, in the order in which it was written."""
        consumer = self.transport.reader([topic])
        records: list[Record] = []
        while batch := consumer.poll(1000, self.wait):
            records.extend(batch)
        consumer.close()
        return sorted(records, key=lambda record: record.timestamp_ms)

    def close(self) -> None:
        """Free log and stores."""
        self._feed.close()
        self.place.close()
        self.transport.close()


def page(theme: str, number: int) -> str:
    """A text of one passage that begins with its theme."""
    seed = 1000 * (THEMES.index(theme) + 1 if theme in THEMES else 9) + number
    return f"{theme} {sentences(seed, 6)}"
