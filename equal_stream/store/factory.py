"""Opens both collections where the settings say: a Qdrant server, or EdgeShards under the data directory."""

from dataclasses import dataclass

from equal_stream.settings import Settings
from equal_stream.store.base import Store
from equal_stream.store.collections import DOCUMENTS, passages
from equal_stream.store.edge import EdgeStore


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
