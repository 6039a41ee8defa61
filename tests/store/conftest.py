"""One opener a kind of store; every contract test runs for each."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import ray

from equal_stream import ray_runtime
from equal_stream.settings import Settings
from equal_stream.store.base import CollectionSpec, Store
from equal_stream.store.edge import EdgeStore
from equal_stream.store.remote import RemoteStore, owner_of

Open = Callable[[CollectionSpec], Store]


@pytest.fixture(scope="session")
def cluster() -> Iterator[ray_runtime.RayConnection]:
    """Ray on this machine, once for all tests."""
    connection = ray_runtime.start_local(Settings())
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


KINDS = {"edge": _edge, "remote": _remote}


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
