"""Opens both collections where the settings say: a Qdrant server, or the data directory's EdgeShards."""

from dataclasses import dataclass

from equal_stream.settings import Settings
from equal_stream.store.base import CollectionSpec, Store
from equal_stream.store.collections import DOCUMENTS, passages
from equal_stream.store.edge import EdgeStore
from equal_stream.store.qdrant import QdrantStore
from equal_stream.store.qdrant_server import open_client
from equal_stream.store.remote import RemoteStore


@dataclass(frozen=True)
class Stores:
    """The passages with their vectors, and the documents as fingerprints."""

    passages: Store
    documents: Store

    def close(self) -> None:
        """Close both."""
        try:
            self.passages.close()
        finally:
            self.documents.close()


def open_stores(settings: Settings, model: str, dimension: int) -> Stores:
    """Open both collections for one role among several.

    Without a server's URL the embedded store is reached through Ray, so the process must be connected
    (`ray_runtime.connect`).

    Parameters
    ----------
    settings
        `store`, and for the embedded store `data_dir` and `ray`.
    model
        The encoder and its precision.
    dimension
        Length of its vectors.

    Raises
    ------
    StoreUnavailable
        The server or the owning actor does not answer.
    ModelMismatch
        The passages there are those of another model.
    """
    first = _open(settings, passages(model, dimension))
    try:
        return Stores(first, _open(settings, DOCUMENTS))
    except BaseException:
        first.close()
        raise


def _open(settings: Settings, spec: CollectionSpec) -> Store:
    store = settings.store
    if not store.url:
        return RemoteStore(settings, spec)
    client = open_client(settings)
    try:
        return QdrantStore(client, spec, store.prefix, store.url, store.timeout_seconds)
    except BaseException:
        client.close()
        raise


def open_embedded(settings: Settings, model: str, dimension: int, wait_seconds: float = 0.0) -> Stores:
    """Open the EdgeShards under the data directory in this process, which then is the only one that may.

    Parameters
    ----------
    settings
        `data_dir` says where: ``store/passages`` and ``store/documents`` under it.
    model
        The encoder and its precision.
    dimension
        Length of its vectors.
    wait_seconds
        How long to wait for another process to let go of the files.
    """
    root = settings.data_dir / "store"
    spec = passages(model, dimension)
    first = EdgeStore(root / spec.name, spec, wait_seconds)
    try:
        return Stores(first, EdgeStore(root / DOCUMENTS.name, DOCUMENTS, wait_seconds))
    except BaseException:
        first.close()
        raise
