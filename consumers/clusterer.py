"""The clusterer: passages.embedded in, passages.assigned and clusters.events out, one instance.

Its state is written to disk before the positions it stands at are committed, so that after a crash the
snapshot that matches the committed positions is always there (see `equal_stream.snapshots`). Read on:
`equal_stream.clusterer.stage` (a batch) and `.space` (another encoder).
"""

import gc
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from equal_stream import topics
from equal_stream.clusterer.restoring import restore, restored
from equal_stream.clusterer.space import Space, Stopped
from equal_stream.clusterer.stage import ClusterStage
from equal_stream.embedding.model_files import find_model, vector_length
from equal_stream.errors import ConfigurationError
from equal_stream.reembedding.renewal import CollectionInService
from equal_stream.roles import CLUSTERER
from equal_stream.settings import Settings
from equal_stream.snapshots import SnapshotStore
from equal_stream.transport.base import Record
from equal_stream.transport.factory import open_transport

if TYPE_CHECKING:
    from equal_stream.store.places import Place

__all__ = ["GROUP", "ClusterStage", "gather", "restore", "run_clusterer"]

GROUP = CLUSTERER.group
POLL_SECONDS = 0.25
SAVE_SECONDS = 0.5  # a trickle is gathered this long: each batch writes the whole state, some 14 MB
BATCH_BYTES = 64 << 20  # values held for one batch, however large the records are


class Polled(Protocol):
    """Whatever records can be polled from."""

    def poll(self, max_records: int, timeout: float) -> list[Record]:
        """Return up to `max_records` records, waiting at most `timeout` seconds for the first."""
        ...


def run_clusterer(settings: Settings, stop: threading.Event) -> None:
    """Run the clusterer until `stop` is set; returns once the batch in work is committed."""
    transport = open_transport(settings)
    collection = CollectionInService(_place(settings), settings.store.passages)
    try:
        producer = transport.producer(GROUP)
        consumer = transport.reader([topics.EMBEDDED.name], GROUP)
        snapshots = SnapshotStore(settings.data_dir / "state" / "clusterer")
        clusterer, model = restored(settings, consumer, snapshots, transport)
        space = Space(model, collection, transport, stop)
        dimension = vector_length(find_model(settings.embedding.model))
        stage = ClusterStage(clusterer, consumer, producer, snapshots, dimension=dimension, space=space)
        work(stage, consumer, settings.clustering.poll_records, stop)
        consumer.close()
        producer.close()
    finally:
        collection.close()
        transport.close()


@contextmanager
def _place(settings: Settings) -> "Iterator[Place]":
    """Return where collections are; the clusterer needs none of them until the encoder changes."""
    from equal_stream.store.places import place_of_roles  # noqa: PLC0415 - loads Ray and Qdrant's client

    if not settings.store.url and not settings.ray.address:
        raise ConfigurationError(
            "the encoder has changed, and the clusterer needs the store to go on: set store.url to the "
            "Qdrant server, or ray.address to the Ray cluster that owns the embedded store"
        )
    with place_of_roles(settings) as place:
        yield place


def work(stage: ClusterStage, consumer: Polled, most: int, stop: threading.Event) -> None:
    """Handle what comes, at most `most` records at once, until `stop` is set."""
    gc.freeze()  # a batch makes many objects: garbage need not be looked for in all older ones each time
    begun = 0.0
    while not stop.is_set():
        records = gather(consumer, most, begun + SAVE_SECONDS)
        if records:
            begun = time.monotonic()
            try:
                stage.handle(records)
            except Stopped:
                return


def gather(consumer: Polled, most: int, due: float) -> list[Record]:
    """Return records for one batch: all there are up to `most`, and until `due` (monotonic) what comes.

    Each batch saves the whole state. A trickle is therefore gathered for a moment, and a backlog is taken
    in large pieces; neither beyond `BATCH_BYTES`.
    """
    records = consumer.poll(most, POLL_SECONDS)
    size = bytes_of(records)
    while records and len(records) < most and size < BATCH_BYTES:
        wait = max(0.0, due - time.monotonic())
        more = consumer.poll(most - len(records), wait)
        if not more and not wait:
            break
        records += more
        size += bytes_of(more)
    return records


def bytes_of(records: Sequence[Record]) -> int:
    """Return how many bytes the values of records hold."""
    return sum(len(record.value or b"") for record in records)
