"""One opener a kind of store; every contract test runs for each."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import ray
from qdrant_client import QdrantClient

from equal_stream import ray_runtime
from equal_stream.settings import Settings
from equal_stream.store.base import CollectionSpec, Store
from equal_stream.store.edge import EdgeStore
from equal_stream.store.owner_calls import owner_of
from equal_stream.store.qdrant import QdrantStore
from equal_stream.store.remote import RemoteStore

Open = Callable[[CollectionSpec], Store]


@pytest.fixture(scope="session")
def cluster() -> Iterator[ray_runtime.RayConnection]:
    """Ray on this machine, once for all tests; one that is there already is used."""
    connection = ray_runtime.connect(Settings())
    yield connection
    connection.stop()


@pytest.fixture(scope="session")
def owned(cluster: ray_runtime.RayConnection, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings whose data directory one actor of the cluster owns, for all tests."""
    return Settings(data_dir=tmp_path_factory.mktemp("owned"))


def _edge(request: pytest.FixtureRequest) -> Open:
    directory: Path = request.getfixturevalue("tmp_path")
    return lambda spec: EdgeStore(directory / spec.name, spec)


def _remote(request: pytest.FixtureRequest) -> Open:
    settings: Settings = request.getfixturevalue("owned")
    opened: set[str] = set()

    def open_(spec: CollectionSpec) -> Store:
        own = replace(spec, name=f"{abs(hash(request.node.name)):x}-{spec.name}")
        if own.name in opened:  # what is asked of a second opening must not come from memory
            ray.kill(owner_of(settings), no_restart=False)
        opened.add(own.name)
        return RemoteStore(settings, own)

    return open_


class LocalServer:
    """qdrant-client's local mode as a server: made for threads by a lock, and there after a client closed."""

    def __init__(self) -> None:
        self._client = QdrantClient(":memory:")
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let the collections be."""

    def __getattr__(self, name: str) -> Callable[..., object]:
        method = getattr(self._client, name)

        def locked(*args: object, **options: object) -> object:
            with self._lock:
                return method(*args, **options)

        return locked


def _qdrant(request: pytest.FixtureRequest) -> Open:
    server = LocalServer()
    return lambda spec: QdrantStore(server, spec, "test-", where="http://qdrant:6333", seconds=1)


KINDS = {"edge": _edge, "remote": _remote, "qdrant": _qdrant}


@pytest.fixture(params=KINDS)
def open_store(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Open a collection; opening one again closes the earlier one of the same name first."""
    opened: dict[str, Store] = {}
    kind = KINDS[request.param](request)

    def open_(spec: CollectionSpec) -> Store:
        if spec.name in opened:
            opened.pop(spec.name).close()
        opened[spec.name] = kind(spec)
        return opened[spec.name]

    yield open_
    for store in opened.values():
        store.close()
