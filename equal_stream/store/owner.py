"""The process that owns the embedded store for all roles: a Ray actor over the shards of one data directory.

An EdgeShard admits one process. This actor is that process; `remote.RemoteStore` is how everybody else
talks to it. It holds nothing that is not on disk: a shard is opened by the first call that names its
collection, after a restart as well.
"""

import threading
from pathlib import Path
from typing import Any

import ray

from equal_stream.orphans import end_with_parent
from equal_stream.store.base import CollectionSpec
from equal_stream.store.edge import IDENTITY_FILE, EdgeStore, names_in
from equal_stream.store.identity import Identity, read_identity

CONCURRENCY = {"read": 4, "write": 1}  # threads; a long write does not keep readers waiting
_HANDOVER_SECONDS = 20.0  # until a predecessor that is being killed has let go of the files


class StoreOwner:
    """Opens collections under one directory and carries out calls upon them.

    Parameters
    ----------
    root
        Absolute path, on the machine where the actor runs.
    """

    def __init__(self, root: str) -> None:
        end_with_parent()  # or the owner of the next cluster waits for the files
        self._root = Path(root)
        self._stores: dict[str, EdgeStore] = {}
        self._opening = threading.Lock()

    @ray.method(concurrency_group="read")
    def read(self, spec: CollectionSpec, method: str, *args: Any, **options: Any) -> Any:
        """Carry out a reading method of the store that `spec` names, beside a write if need be."""
        return getattr(self._store(spec), method)(*args, **options)

    @ray.method(concurrency_group="write")
    def write(self, spec: CollectionSpec, method: str, *args: Any, **options: Any) -> Any:
        """Carry out a writing method of the store that `spec` names, one after another."""
        return getattr(self._store(spec), method)(*args, **options)

    @ray.method(concurrency_group="read")
    def names(self) -> list[str]:
        """Return the names of the collections that are there."""
        return names_in(self._root)

    @ray.method(concurrency_group="read")
    def identity(self, name: str) -> Identity | None:
        """Return whose vectors a collection holds; None when there is none."""
        return read_identity(self._root / name / IDENTITY_FILE)

    @ray.method(concurrency_group="write")
    def drop(self, spec: CollectionSpec) -> None:
        """Delete a collection."""
        store = self._store(spec)
        with self._opening:
            del self._stores[spec.name]
            store.drop()

    def _store(self, spec: CollectionSpec) -> EdgeStore:
        with self._opening:
            store = self._stores.get(spec.name)
            if store is None:
                store = self._stores[spec.name] = EdgeStore(self._root / spec.name, spec, _HANDOVER_SECONDS)
            elif store.spec != spec:
                store.require(spec)
            return store
