"""Which passages belong to what the crawl says now: those that their document's fingerprint lists.

The fingerprints are shared by the collections of all encoders, and an embedder writes a document before its
passages and deletes passages after it. So whatever a collection of passages may hold meanwhile, this is
what it has to hold.
"""

from collections.abc import Iterable
from uuid import UUID

from equal_stream.store.base import Store


def current_passages(documents: Store, passages: Iterable[tuple[str, str]]) -> set[str]:
    """Return which of some passages, given with their documents' ids, their documents list.

    Raises
    ------
    StoreUnavailable
        See `Store`.
    """
    by_document: dict[str, list[str]] = {}
    for passage_id, doc_id in passages:
        if _is_id(doc_id):  # a record of somebody else may say anything
            by_document.setdefault(doc_id, []).append(passage_id)
    found: set[str] = set()
    for point in documents.get(list(by_document)):
        if point is not None:
            found.update(set(point.payload.get("passages") or ()).intersection(by_document[point.id]))
    return found


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
