"""The texts of passages by their ids: from the store, and from the log where the store cannot be asked.

The embedded store admits one process. While a service on this machine has it open, what the log still has
of `passages.embedded` is read instead; that topic is kept for days, the store for good.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

import msgspec

from equal_stream import topics
from equal_stream.allocator.reading import read_to_end
from equal_stream.errors import ConfigurationError
from equal_stream.ray_runtime import connect
from equal_stream.settings import Settings
from equal_stream.store.base import CollectionSpec, Store, StoreInUse
from equal_stream.store.collections import passages as passages_of
from equal_stream.store.edge import EdgeStore
from equal_stream.store.qdrant import QdrantStore
from equal_stream.store.qdrant_calls import QdrantCalls
from equal_stream.store.qdrant_server import open_client
from equal_stream.store.remote import RemoteStore
from equal_stream.transport.base import Transport

_AT_ONCE = 256


class _Text(msgspec.Struct):
    passage_id: str
    text: str


def passage_texts(
    settings: Settings, transport: Transport, wanted: Sequence[str], model: str, dimension: int
) -> dict[str, str]:
    """Return the texts of those passages that are still to be found.

    Parameters
    ----------
    settings
        Where the store is.
    transport
        The log.
    wanted
        Ids of passages.
    model, dimension
        The encoder in service, whose vectors the store must hold.

    Raises
    ------
    ModelMismatch
        The store holds vectors of another encoder.
    StoreUnavailable
        The store's server does not answer.
    """
    ids = [each for each in wanted if _is_id(each)]
    if not ids:
        return {}
    try:
        with _store(settings, model, dimension) as store:
            return _from_store(store, ids)
    except StoreInUse:
        return _from_log(transport, set(ids))


def _is_id(passage: str) -> bool:
    """Return whether a store could have a passage of this id: a record of somebody else may say anything."""
    try:
        UUID(passage)
    except ValueError:
        return False
    return True


def _from_store(store: Store, wanted: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for first in range(0, len(wanted), _AT_ONCE):
        points = store.get(wanted[first : first + _AT_ONCE])
        found.update((point.id, str(point.payload["text"])) for point in points if point is not None)
    return found


def _from_log(transport: Transport, wanted: set[str]) -> dict[str, str]:
    decoder = msgspec.json.Decoder(_Text)
    found: dict[str, str] = {}
    for record in read_to_end(transport, [topics.EMBEDDED.name]):
        if record.value is None or (record.key or b"").decode("utf-8", "replace") not in wanted:
            continue
        with contextlib.suppress(msgspec.DecodeError):
            passage = decoder.decode(record.value)
            found[passage.passage_id] = passage.text
    return found


@contextlib.contextmanager
def _store(settings: Settings, model: str, dimension: int) -> Iterator[Store]:
    """Open the passages for as long as they are read, as the settings say."""
    spec = passages_of(model, dimension, settings.store.passages)
    with contextlib.ExitStack() as stack:
        store: Store
        if settings.store.url:
            store = _on_server(settings, spec)
        elif settings.ray.address:
            stack.callback(connect(settings).stop)
            store = RemoteStore(settings, spec)
        else:
            store = EdgeStore(_present(settings.data_dir / "store" / spec.name), spec)
        stack.callback(store.close)
        yield store


def _on_server(settings: Settings, spec: CollectionSpec) -> QdrantStore:
    where = settings.store
    client = open_client(settings)
    name = where.prefix + spec.name
    if not QdrantCalls(where.url, where.timeout_seconds)(lambda: client.collection_exists(name)):
        client.close()
        raise ConfigurationError(
            f"the server at {where.url} has no collection {name}: see EQUAL_STREAM_STORE__PREFIX "
            "and EQUAL_STREAM_STORE__PASSAGES"
        )
    return QdrantStore(client, spec, where.prefix, where.url, where.timeout_seconds)


def _present(directory: Path) -> Path:
    """Return the directory of an embedded store that is there; opening it would make a new one."""
    if not directory.is_dir():
        raise ConfigurationError(
            f"there are no passages under {directory}, from which the texts would come; name the directory "
            "of the service with --data-dir"
        )
    return directory
