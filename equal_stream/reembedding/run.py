"""One run of `equal-stream reembed`: fill, catch up, prune, and tell what came of it."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Protocol

import msgspec

from equal_stream.embedding.stage import TextEncoder
from equal_stream.errors import ConfigurationError
from equal_stream.reembedding.copying import Copying, only_there
from equal_stream.store.base import CollectionSpec, Store
from equal_stream.store.collections import DOCUMENTS, passages
from equal_stream.store.places import Place, passages_there

TELL_SECONDS = 10.0


class SizedEncoder(TextEncoder, Protocol):
    """An encoder that tells the length of its vectors."""

    dimension: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did, in passages.

    `source` and `into` are collections, `model` is the encoder of `into`. `passages` are in `into` at the
    end; `copied` of them this run encoded, and `there_already` it found. `left_out` are in `source` and
    listed by no document; `pruned` were in `into` and are not any more.
    """

    source: str
    into: str
    model: str
    passages: int
    copied: int
    there_already: int
    left_out: int
    pruned: int
    seconds: float


class Progress:
    """Tells, every so often, how far a pass has come."""

    def __init__(self, total: int, tell: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._total = total
        self._tell = tell
        self._clock = clock
        self._began = self._told = clock()

    def moved(self, looked_at: int) -> None:
        """Note how many passages have been looked at."""
        now = self._clock()
        if now - self._told < TELL_SECONDS:
            return
        self._told = now
        rate = looked_at / (now - self._began)
        left = max(0, self._total - looked_at) / rate if rate else 0.0
        self._tell(f"{looked_at:,} of {self._total:,} passages, {rate:.0f}/s, about {left / 60:.0f} min left")


def reembed(
    place: Place,
    source: str,
    into: str,
    encoder: SizedEncoder,
    *,
    tell: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> Summary:
    """Bring all passages of one collection into another, made when missing, under an encoder's vectors.

    1. Fill: each passage of the source that is current and not there yet is encoded.
    2. Catch up: once more through the source, for what came behind the first pass.
    3. Prune what left the crawl since it was copied.

    Parameters
    ----------
    place
        Where the collections are.
    source, into
        Names of collections.
    tell
        Takes a line now and then.

    Raises
    ------
    ConfigurationError
        There is no collection `source`, or it is `into`.
    ModelMismatch
        `into` is there and holds vectors of another encoder.
    StoreUnavailable
        The store went away; another run goes on from here.
    """
    began = clock()
    held = require_passages(place, source)
    if into == source:
        raise ConfigurationError(f"{source} cannot be filled from itself; name another collection")
    with ExitStack() as opened:
        documents, of, to = (
            _opened(place, spec, opened)
            for spec in (DOCUMENTS, held, passages(encoder.identity, encoder.dimension, into))
        )
        total = of.count()
        tell(f"{source} holds {total:,} passages of {held.model}; {into} is for {encoder.identity}")
        copying = Copying(of, to, documents, encoder)
        # 1. Fill.
        copying.moved = Progress(total, tell, clock).moved
        copying.fill()
        found = copying.counts.there_already
        # 2. Catch up.
        copying.moved = Progress(total, tell, clock).moved
        late = copying.fill()
        # 3. Prune.
        copying.prune()
        tell(f"caught up with {late:,} passages that came meanwhile, took out {copying.counts.pruned:,}")
        return Summary(
            source=source,
            into=into,
            model=encoder.identity,
            passages=to.count(),
            copied=copying.counts.copied,
            there_already=found,
            left_out=copying.counts.left_out,
            pruned=copying.counts.pruned,
            seconds=round(clock() - began, 3),
        )


def _opened(place: Place, spec: CollectionSpec, until: ExitStack) -> Store:
    store = place.open(spec)
    until.callback(store.close)
    return store


def require_passages(place: Place, name: str) -> CollectionSpec:
    """Return the collection of passages of that name; raises `ConfigurationError` when there is none."""
    held = passages_there(place, name)
    if held is None:
        names = ", ".join(each for each in place.names() if each != DOCUMENTS.name) or "none"
        raise ConfigurationError(
            f"there is no collection {name}; those of passages that are there: {names}. See store.passages, "
            "and --data-dir or store.url for where they are"
        )
    return held


def drop(place: Place, name: str, in_service: str, *, force: bool = False) -> int:
    """Delete a collection of passages; return how many it held.

    Parameters
    ----------
    in_service
        The collection that the settings name, which stays.
    force
        Drop it even where that is not there, or lacks passages that only this one has.

    Raises
    ------
    ConfigurationError
        It is in service, there is none such, or it is needed.
    """
    if name == in_service:
        raise ConfigurationError(f"{name} is the collection in service (store.passages); it is not dropped")
    old = place.open(require_passages(place, name))
    try:
        if not force:
            _require_replaced(place, old, name, in_service)
        count = old.count()
        old.drop()
    finally:
        old.close()
    return count


def _require_replaced(place: Place, old: Store, name: str, in_service: str) -> None:
    successor, documents = place.open(require_passages(place, in_service)), place.open(DOCUMENTS)
    try:
        missing = only_there(old, successor, documents)
    finally:
        successor.close()
        documents.close()
    if missing:
        raise ConfigurationError(
            f"{missing:,} passages of {name} are not in {in_service} yet: run equal-stream reembed --from "
            f"{name} --into {in_service} first, or drop it with --force"
        )
