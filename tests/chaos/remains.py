"""What the store holds once the service has stopped."""

import base64
from collections.abc import Iterator

from equal_stream.store.base import Point, Store
from equal_stream.store.factory import Stores, open_embedded, open_stores
from tests.service.deployment import Deployment

_PAGE = 1_000
_HANDOVER_SECONDS = 30.0


def stored(service: Deployment) -> tuple[list[Point], list[Point]]:
    """Return every passage and every document of the store, which nobody else may have open."""
    first = next(iter(service.books.embedded.values()), None)
    if first is None:
        return [], []
    dimension = len(base64.b64decode(first["vector"])) // 4  # of float32
    settings = service.settings
    opened: Stores = (
        open_stores(settings, first["model"], dimension)
        if settings.store.url
        else open_embedded(settings, first["model"], dimension, _HANDOVER_SECONDS)
    )
    try:
        return list(_all(opened.passages)), list(_all(opened.documents))
    finally:
        opened.close()


def _all(store: Store) -> Iterator[Point]:
    after: str | None = None
    while page := store.scroll(limit=_PAGE, after=after):
        yield from page
        after = page[-1].id
