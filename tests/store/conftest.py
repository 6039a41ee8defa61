"""One opener a kind of store; every contract test runs for each."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from equal_stream.store.base import CollectionSpec, Store
from equal_stream.store.edge import EdgeStore

Open = Callable[[CollectionSpec], Store]


@pytest.fixture(params=["edge"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Open a collection; opening one again closes the earlier one of the same name first."""
    opened: dict[str, Store] = {}

    def edge(spec: CollectionSpec) -> Store:
        return EdgeStore(tmp_path / spec.name, spec)

    def open_(spec: CollectionSpec) -> Store:
        if spec.name in opened:
            opened.pop(spec.name).close()
        opened[spec.name] = {"edge": edge}[request.param](spec)
        return opened[spec.name]

    yield open_
    for store in opened.values():
        store.close()
