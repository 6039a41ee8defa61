"""Which passages belong to what the crawl says now: those that their document's fingerprint lists.

The fingerprints are shared by the collections of all encoders, and an embedder writes a document before its
passages and deletes passages after it. So whatever a collection of passages may hold meanwhile, this is
what it has to hold.
"""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from equal_stream.store.base import Store


class Standing(NamedTuple):
    """Passage ids: `current`, those that their documents list; `gone`, those that known ones do not list."""

    current: set[str]
    gone: set[str]


def standing(documents: Store, passages: Iterable[tuple[str, str]]) -> Standing:
    """Return how passages stand, given with their documents' ids; of unknown documents neither way.

    Raises
    ------
    StoreUnavailable
        See `Store`.
    """
    by_document: dict[str, set[str]] = {}
    for passage_id, doc_id in passages:
        if is_id(doc_id):  # a record of somebody else may say anything
            by_document.setdefault(doc_id, set()).add(passage_id)
    found = Standing(set(), set())
    for point in documents.get(list(by_document)):
        if point is not None:
            of = by_document[point.id]
            listed = of.intersection(point.payload.get("passages") or ())
            found.current.update(listed)
            found.gone.update(of - listed)
    return found


def current_passages(documents: Store, passages: Iterable[tuple[str, str]]) -> set[str]:
    """Return which of some passages, given with their documents' ids, their documents list."""
    return standing(documents, passages).current


def is_id(text: str) -> bool:
    """Return whether a store could have a point of this id: a UUID in its usual form."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
