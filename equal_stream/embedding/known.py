"""The documents as they will stand once all batches in work are stored.

Batches overlap: while one is encoded, the next is prepared. What the first will write is not in the store
yet, but the second must already know it. So each prepared batch is *expected* here until it is stored.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from equal_stream.embedding.documents import StoredDocument, stored_document
from equal_stream.embedding.fingerprint import Fingerprint, unpack_signature
from equal_stream.store.base import Store

_CANDIDATES = 32  # documents looked at for each text; pages of one template share bands without being alike


class KnownDocuments:
    """The `documents` collection with what is about to be written to it.

    Parameters
    ----------
    store
        The collection.
    similarity
        Estimated Jaccard similarity from which two texts count as the same.
    """

    def __init__(self, store: Store, similarity: float) -> None:
        self.store = store
        self._similarity = similarity
        self._expected: dict[str, StoredDocument] = {}

    def get(self, ids: Iterable[str]) -> dict[str, StoredDocument]:
        """Return the documents that are known, by id."""
        wanted = list(dict.fromkeys(ids))
        found = {id_: self._expected[id_] for id_ in wanted if id_ in self._expected}
        missing = [id_ for id_ in wanted if id_ not in found]
        if missing:
            points = self.store.get(missing)
            found |= {point.id: stored_document(point.payload) for point in points if point is not None}
        return found

    def near(self, prints: Sequence[Fingerprint]) -> list[list[StoredDocument]]:
        """Return, for each fingerprint, stored documents with nearly the same text, the nearest first."""
        if not prints:
            return []
        found = self.store.find([{"bands": print_.bands()} for print_ in prints], limit=_CANDIDATES)
        documents = [[stored_document(point.payload) for point in points] for points in found]
        return [
            self.alike(print_, [each for each in stored if each.doc_id not in self._expected])
            for print_, stored in zip(prints, documents, strict=True)
        ]

    def near_expected(self, print_: Fingerprint) -> list[StoredDocument]:
        """Return the expected documents with nearly the same text, the nearest first."""
        return self.alike(print_, self._expected.values())

    def alike(self, print_: Fingerprint, documents: Iterable[StoredDocument]) -> list[StoredDocument]:
        """Return which of some documents are embedded and have nearly the same text, the nearest first."""
        originals = [each for each in documents if each.state == "embedded" and each.signature]
        if not originals:
            return []
        signatures = np.stack([unpack_signature(each.signature) for each in originals])
        similarities = (signatures == print_.signature).mean(axis=1)
        order = np.argsort(-similarities, kind="stable")
        return [originals[place] for place in order if similarities[place] >= self._similarity]

    def expect(self, documents: Iterable[StoredDocument]) -> None:
        """Take note of what a batch will write."""
        self._expected |= {document.doc_id: document for document in documents}

    def settle(self, documents: Iterable[StoredDocument]) -> None:
        """Forget what has been written, unless a later batch will write over it."""
        for document in documents:
            if self._expected.get(document.doc_id) is document:
                del self._expected[document.doc_id]

    def expect_nothing(self) -> None:
        """Forget all batches in work: they were dropped."""
        self._expected.clear()
