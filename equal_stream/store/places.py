"""Where collections are: a Qdrant server, behind the Ray actor that owns them, or in a directory of our own.

A place tells of a collection whose vectors it holds, and opens it for whoever asks for just these.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

from equal_stream.settings import Settings
from equal_stream.store.base import CollectionSpec, Store
from equal_stream.store.collections import passages_held
from equal_stream.store.edge import IDENTITY_FILE, EdgeStore, names_in
from equal_stream.store.identity import Identity, read_identity
from equal_stream.store.owner_calls import OwnerCalls
from equal_stream.store.qdrant import QdrantStore
from equal_stream.store.qdrant_calls import QdrantCalls
from equal_stream.store.qdrant_collection import identity_of
from equal_stream.store.qdrant_server import open_client
from equal_stream.store.remote import RemoteStore


class Place(Protocol):
    """Holds collections by name. All methods raise `StoreUnavailable`."""

    def names(self) -> list[str]:
        """Return the names of the collections that are there."""
        ...

    def identity(self, name: str) -> Identity | None:
        """Return whose vectors a collection holds; None when there is none of that name."""
        ...

    def open(self, spec: CollectionSpec) -> Store:
        """Open a collection, made when missing; raises `ModelMismatch` when it holds other vectors."""
        ...


class ServerPlace:
    """The Qdrant server at `store.url`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def names(self) -> list[str]:
        """Return the names of the collections under our prefix."""
        store = self._settings.store
        with closing(open_client(self._settings)) as client:
            found = QdrantCalls(store.url, store.timeout_seconds)(client.get_collections).collections
        names = [each.name for each in found if each.name.startswith(store.prefix)]
        return sorted(name.removeprefix(store.prefix) for name in names)

    def identity(self, name: str) -> Identity | None:
        """Return whose vectors a collection holds; None when there is none of that name."""
        store = self._settings.store
        with closing(open_client(self._settings)) as client:
            return identity_of(client, QdrantCalls(store.url, store.timeout_seconds), store.prefix + name)

    def open(self, spec: CollectionSpec) -> Store:
        """Open a collection, made when missing; raises `ModelMismatch` when it holds other vectors."""
        store = self._settings.store
        client = open_client(self._settings)
        try:
            return QdrantStore(client, spec, store.prefix, store.url, store.timeout_seconds)
        except BaseException:
            client.close()
            raise


class OwnedPlace:
    """The EdgeShards that an actor of the Ray cluster owns; the process must be connected to it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def names(self) -> list[str]:
        """Return the names of the collections that are there."""
        found: list[str]
        found, _ = OwnerCalls(self._settings).ask("names")
        return found

    def identity(self, name: str) -> Identity | None:
        """Return whose vectors a collection holds; None when there is none of that name."""
        held: Identity | None
        held, _ = OwnerCalls(self._settings).ask("identity", name)
        return held

    def open(self, spec: CollectionSpec) -> Store:
        """Open a collection, made when missing; raises `ModelMismatch` when it holds other vectors."""
        return RemoteStore(self._settings, spec)


class DirectoryPlace:
    """EdgeShards in this process, which then is the only one that may open them.

    Parameters
    ----------
    root
        The directory of the collections.
    wait_seconds
        How long to wait for another process to let go of one.
    """

    def __init__(self, root: Path, wait_seconds: float = 0.0) -> None:
        self._root = root
        self._wait_seconds = wait_seconds

    def names(self) -> list[str]:
        """Return the names of the collections that are there."""
        return names_in(self._root)

    def identity(self, name: str) -> Identity | None:
        """Return whose vectors a collection holds; None when there is none of that name."""
        return read_identity(self._root / name / IDENTITY_FILE)

    def open(self, spec: CollectionSpec) -> Store:
        """Open a collection, made when missing; raises `StoreInUse` and `ModelMismatch`."""
        return EdgeStore(self._root / spec.name, spec, self._wait_seconds)


def place_of(settings: Settings) -> Place:
    """Return the place that roles share: the server, or what the Ray cluster's actor owns."""
    return ServerPlace(settings) if settings.store.url else OwnedPlace(settings)


@contextmanager
def place_of_roles(settings: Settings) -> Iterator[Place]:
    """Return the place that roles share; where it takes a Ray cluster, for as long as the block runs."""
    from equal_stream.ray_runtime import connect  # noqa: PLC0415 - loads Ray, which a server does not need

    connection = None if settings.store.url else connect(settings)
    try:
        yield place_of(settings)
    finally:
        if connection is not None:
            connection.stop()


@contextmanager
def place_beside(settings: Settings) -> Iterator[Place]:
    """Return the place for a command beside a service, or on its own while none runs.

    The embedded store of a service on this machine is reached through its Ray cluster, which `up` has
    written down (`equal_stream.local.cluster_file`); while none runs, in this process.
    """
    if settings.store.url or settings.ray.address:
        with place_of_roles(settings) as place:
            yield place
        return
    yield DirectoryPlace(settings.data_dir / "store")


def passages_there(place: Place, name: str) -> CollectionSpec | None:
    """Return the collection of passages of that name as it is; None when there is none.

    Raises
    ------
    ConfigurationError
        It is no collection of passages.
    """
    held = place.identity(name)
    return None if held is None else passages_held(held, name)
