"""Fills a collection with the passages of another one, under vectors of another encoder.

The service may run meanwhile, on either collection: pages come, change and go. A passage belongs into a
collection if its document lists it (`embedding.current`), which is asked again after each write, until
what is there and what is listed agree. So a passage that is superseded while it is encoded does not come
back. What is there already is left as it is: whoever is interrupted begins again and finds most of it done.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from equal_stream.embedding.current import current_passages
from equal_stream.embedding.stage import TextEncoder
from equal_stream.store.base import Point, Store

_LOOKED_AT_TOGETHER = 256
_WRITTEN_TOGETHER = 64  # passages: a second or two of encoding, and all that an interruption repeats


@dataclass
class Counts:
    """What was done, in passages.

    Attributes
    ----------
    copied
        Encoded and written.
    there_already
        In the target, and listed, when the last pass came to them.
    left_out
        In the source, and listed by no document, when the last pass came to them.
    pruned
        Taken out of the target again, because no document lists them any more.
    """

    copied: int = 0
    there_already: int = 0
    left_out: int = 0
    pruned: int = 0


class Copying:
    """Brings one collection's passages into another.

    Parameters
    ----------
    source, target
        Collections of passages.
    documents
        The fingerprints.
    encoder
        The one whose vectors `target` holds.
    moved
        Called after each portion with how many passages of the source have been looked at in this pass.

    Attributes
    ----------
    counts
        What was done so far.
    """

    def __init__(
        self,
        source: Store,
        target: Store,
        documents: Store,
        encoder: TextEncoder,
        moved: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._source = source
        self._target = target
        self._documents = documents
        self._encoder = encoder
        self.moved = moved
        self.counts = Counts()

    def fill(self) -> int:
        """Go through the source once, in the order of ids; return how many passages were copied.

        1. Leave out what no document lists, and what the target has.
        2. Encode the rest.
        3. Write it, and take out again what was superseded meanwhile.
        """
        before = self.counts.copied
        self.counts.there_already = self.counts.left_out = looked_at = 0
        for points in portions(self._source):
            # 1. Leave out.
            listed = self._listed(points)
            current = [point for point in points if point.id in listed]
            missing = lacking(self._target, current)
            self.counts.left_out += len(points) - len(current)
            self.counts.there_already += len(current) - len(missing)
            for first in range(0, len(missing), _WRITTEN_TOGETHER):
                # 2. Encode.
                encoded = self._encoded(missing[first : first + _WRITTEN_TOGETHER])
                # 3. Write.
                self._target.insert_new(encoded)
                gone = self._settle(encoded)
                self.counts.copied += len(encoded) - gone
                self.moved(looked_at + len(points) - len(missing) + first + len(encoded))
            looked_at += len(points)
            self.moved(looked_at)
        return self.counts.copied - before

    def prune(self) -> int:
        """Take out of the target what no document lists; return how many passages that were."""
        before = self.counts.pruned
        for points in portions(self._target):
            listed = self._listed(points)
            suspects = [point.id for point in points if point.id not in listed]
            found = self._target.get(suspects, vectors=True) if suspects else []
            self.counts.pruned += self._settle([point for point in found if point is not None])
        return self.counts.pruned - before

    def _encoded(self, points: Sequence[Point]) -> list[Point]:
        vectors = self._encoder.encode([str(point.payload["text"]) for point in points])
        return [
            replace(point, vector=vector, payload={**point.payload, "model": self._encoder.identity})
            for point, vector in zip(points, vectors, strict=True)
        ]

    def _settle(self, points: Sequence[Point]) -> int:
        """Make the target hold those of some points that are listed; return how many are not."""
        while True:
            listed = self._listed(points)
            lacks = {point.id for point in lacking(self._target, points)}
            unlisted = [point.id for point in points if point.id not in listed and point.id not in lacks]
            lost = [point for point in points if point.id in listed and point.id in lacks]
            if not unlisted and not lost:
                return len(points) - len(listed)
            self._target.delete(unlisted)
            self._target.insert_new(lost)

    def _listed(self, points: Sequence[Point]) -> set[str]:
        return listed_of(self._documents, points)


def portions(store: Store) -> Iterator[list[Point]]:
    """Yield all points of a collection, without vectors, some hundred at a time, in the order of ids."""
    last: str | None = None
    while points := store.scroll(limit=_LOOKED_AT_TOGETHER, after=last):
        last = points[-1].id
        yield points


def listed_of(documents: Store, points: Sequence[Point]) -> set[str]:
    """Return the ids of those of some passages that their documents list."""
    return current_passages(documents, [(point.id, str(point.payload["doc_id"])) for point in points])


def lacking(store: Store, points: Sequence[Point]) -> list[Point]:
    """Return those of some points whose ids a collection does not have."""
    if not points:
        return []
    found = store.get([point.id for point in points])
    return [point for point, there in zip(points, found, strict=True) if there is None]


def only_there(source: Store, target: Store, documents: Store) -> int:
    """Return how many passages are current, in `source`, and not in `target`."""
    count = 0
    for points in portions(source):
        listed = listed_of(documents, points)
        count += len(lacking(target, [point for point in points if point.id in listed]))
    return count
