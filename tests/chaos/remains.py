"""What the store holds once the service has stopped."""

from collections.abc import Iterator

import msgspec

from equal_stream import topics
from equal_stream.messages import EmbeddedPassage
from equal_stream.settings import Settings
from equal_stream.store.base import Point, Store
from equal_stream.store.factory import open_embedded, open_stores
from equal_stream.transport.base import Transport

_PAGE = 1_000
_PATIENCE_SECONDS = 30.0  # for the log to answer, and for a process that is ending to let go of the files
Points = list[Point]


def stored(settings: Settings, transport: Transport) -> tuple[Points, Points]:
    """Return every passage and every document of the store; the embedded one must not be in use."""
    first = _any_passage(transport)
    if first is None:
        return [], []
    model, dimension = first.model, len(first.vector) // 4
    if settings.store.url:
        opened = open_stores(settings, model, dimension)
    else:
        opened = open_embedded(settings, model, dimension, _PATIENCE_SECONDS)
    try:
        return list(_all(opened.passages)), list(_all(opened.documents))
    finally:
        opened.close()


def _any_passage(transport: Transport) -> EmbeddedPassage | None:
    """Return a passage of the log, which tells what the store was made for."""
    reader = transport.reader([topics.EMBEDDED.name])
    try:
        if not any(transport.end_positions([topics.EMBEDDED.name]).values()):
            return None
        records = reader.poll(1, _PATIENCE_SECONDS)
        return msgspec.json.decode(records[0].value or b"", type=EmbeddedPassage) if records else None
    finally:
        reader.close()


def _all(store: Store) -> Iterator[Point]:
    after: str | None = None
    while page := store.scroll(limit=_PAGE, after=after):
        yield from page
        after = page[-1].id
