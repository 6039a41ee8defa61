"""New vectors for what the log still carries under another encoder: from the collection in service.

A vector of another encoder is never used: where a passage is current and its new vector is not there yet,
whoever needs it waits, and `equal-stream reembed` brings it.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from equal_stream.embedding.current import is_id, standing
from equal_stream.errors import InvalidRecord
from equal_stream.store.base import Point, Store, StoreUnavailable
from equal_stream.store.collections import DOCUMENTS, passages_held
from equal_stream.store.identity import Identity
from equal_stream.transport.base import Record

if TYPE_CHECKING:
    from equal_stream.store.places import Place

_TOGETHER = 512


class _Named(msgspec.Struct):
    model: str = ""


_named = msgspec.json.Decoder(_Named)


def model_in(record: Record) -> str:
    """Return the encoder that a passage's record names; empty where it names none, or is no such record."""
    try:
        return _named.decode(record.value or b"").model
    except msgspec.MsgspecError:
        return ""


def other_model(model: str, where: str) -> InvalidRecord:
    """Return what is wrong with a passage of another encoder than `where` says, whom nobody knows."""
    return InvalidRecord(
        "other-model",
        "model",
        f'field model is "{model}" where {where}, and neither the store nor any document knows the passage',
    )


class NotReembedded(StoreUnavailable):
    """Passages that are current are not in the collection in service yet; they come with `reembed`."""


@dataclass
class Renewed:
    """What became of some passages.

    Attributes
    ----------
    vectors
        Unit vectors (d,) float32 of those that the collection has.
    gone
        Those that were superseded or deleted meanwhile: their documents do not list them any more.
    unknown
        Those that neither the collection nor any document knows.
    waiting
        Those that are current and not in the collection.
    """

    vectors: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)


class Renewal:
    """Looks passages up in the collection in service.

    Parameters
    ----------
    passages, documents
        The collections.
    collection
        The name of the passages' collection, for messages.
    """

    def __init__(self, passages: Store, documents: Store, collection: str) -> None:
        self._passages = passages
        self._documents = documents
        self.collection = collection

    def of(self, wanted: Sequence[tuple[str, str]]) -> Renewed:
        """Return what the collection has of passages, given by their own ids and their documents'."""
        renewed = Renewed()
        for first in range(0, len(wanted), _TOGETHER):
            self._look_up(dict(wanted[first : first + _TOGETHER]), renewed)
        return renewed

    def require(self, wanted: Sequence[tuple[str, str]], purpose: str) -> Renewed:
        """Return what `of` returns, once nothing waits.

        Raises
        ------
        NotReembedded
            Something waits; the sentence begins with the purpose.
        """
        renewed = self.of(wanted)
        if renewed.waiting:
            raise self.lacks(len(renewed.waiting), purpose)
        return renewed

    def superseded(self, points: Sequence[Point]) -> list[str]:
        """Return the ids of those points of the collection that their documents do not list any more."""
        if not points:
            return []
        return sorted(
            standing(
                self._documents, [(each.id, str(each.payload.get("doc_id", ""))) for each in points]
            ).gone
        )

    def lacks(self, count: int, purpose: str) -> NotReembedded:
        """Return what to raise, or to log, for as long as so many passages wait."""
        return NotReembedded(
            f"{purpose} waits for {count:,} passages that are not in collection {self.collection} yet: run "
            f"`equal-stream reembed --from OLD --into {self.collection}`; or, where another encoder is in "
            "service already, start this role with its embedding.model and store.passages."
        )

    def _look_up(self, wanted: dict[str, str], renewed: Renewed) -> None:
        ids = [each for each in wanted if is_id(each)]
        for point in self._passages.get(ids, vectors=True) if ids else []:
            if point is not None and point.vector is not None:
                renewed.vectors[point.id] = point.vector
        missing = [(each, doc_id) for each, doc_id in wanted.items() if each not in renewed.vectors]
        if missing:
            current, gone = standing(self._documents, missing)
            renewed.waiting |= current & set(ids)
            renewed.gone |= gone
            renewed.unknown |= {each for each, _ in missing} - gone - (current & set(ids))


class CollectionInService:
    """The collection of passages that the settings name, opened when it is first needed.

    Parameters
    ----------
    place
        Entered then, and left by `close`.
    name
        `store.passages`.
    """

    def __init__(self, place: "AbstractContextManager[Place]", name: str) -> None:
        self.name = name
        self._entering = place
        self._place: Place | None = None
        self._renewal: Renewal | None = None
        self._opened = ExitStack()

    def identity(self) -> Identity:
        """Return whose vectors the collection holds.

        Raises
        ------
        NotReembedded
            It is not there yet.
        StoreUnavailable
            The store does not answer.
        """
        if self._place is None:
            self._place = self._opened.enter_context(self._entering)
        held = self._place.identity(self.name)
        if held is None:
            raise NotReembedded(
                f"there is no collection {self.name} yet, for passages of another encoder: run "
                f"`equal-stream reembed --from OLD --into {self.name}`."
            )
        return held

    def renewal(self) -> Renewal:
        """Return what looks passages up in it; raises as `identity` does."""
        if self._renewal is None:
            spec = passages_held(self.identity(), self.name)
            assert self._place is not None
            passages = self._place.open(spec)
            self._opened.callback(passages.close)
            documents = self._place.open(DOCUMENTS)
            self._opened.callback(documents.close)
            self._renewal = Renewal(passages, documents, self.name)
        return self._renewal

    def close(self) -> None:
        """Close what was opened."""
        self._opened.close()
