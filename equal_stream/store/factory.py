"""Opens both collections where the settings say: a Qdrant server, or the data directory's EdgeShards."""

from dataclasses import dataclass

from equal_stream.settings import Settings
from equal_stream.store.base import Store
from equal_stream.store.collections import DOCUMENTS, passages
from equal_stream.store.places import DirectoryPlace, Place, place_of


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
    return _both(place_of(settings), settings, model, dimension)


def open_embedded(settings: Settings, model: str, dimension: int, wait_seconds: float = 0.0) -> Stores:
    """Open the EdgeShards under the data directory in this process, which then is the only one that may.

    Parameters
    ----------
    settings
        `data_dir` says where: `store.passages` and ``documents`` under ``store`` in it.
    model
        The encoder and its precision.
    dimension
        Length of its vectors.
    wait_seconds
        How long to wait for another process to let go of the files.
    """
    return _both(DirectoryPlace(settings.data_dir / "store", wait_seconds), settings, model, dimension)


def _both(place: Place, settings: Settings, model: str, dimension: int) -> Stores:
    first = place.open(passages(model, dimension, settings.store.passages))
    try:
        return Stores(first, place.open(DOCUMENTS))
    except BaseException:
        first.close()
        raise
