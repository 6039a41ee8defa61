"""Recovery under another encoder: the saved state goes on, with vectors from the collection in service.

Nothing is bought meanwhile. What it takes is the reading of `qa.pairs`, the encoding of the pairs in force,
and one look into the store for each candidate; a crash in the middle of it begins again from the same
snapshot.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from equal_stream import topics
from equal_stream.allocation.background import CAPACITY
from equal_stream.allocation.core import AllocatorCore
from equal_stream.allocation.encoder_switch import SavedElsewhere, candidates, give_vectors
from equal_stream.allocator.reading import read_to_end
from equal_stream.allocator.replay import ENCODED_TOGETHER, decode_own
from equal_stream.allocator.workers import Workers
from equal_stream.extraction.pairtext import pair_text
from equal_stream.messages import QAPair
from equal_stream.reembedding.renewal import NotReembedded, Renewal
from equal_stream.store.base import Store
from equal_stream.transport.base import Record, Transport

LOOKED_UP_TOGETHER = 512
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
_LOG = logging.getLogger(__name__)
_Item = TypeVar("_Item")


def restore_elsewhere(
    core: AllocatorCore,
    data: bytes,
    *,
    transport: Transport,
    passages: Store,
    renewal: Renewal,
    workers: Workers,
    waits: Callable[[str], None] = lambda _: None,
) -> None:
    """Restore a core from a state that was saved under another encoder.

    1. Embed the pairs in force anew, from the log.
    2. Draw the background from the collection.
    3. Restore what is no vector.
    4. Give each candidate its vector from the collection; one that left the crawl leaves the table.

    Parameters
    ----------
    core
        A fresh one, for the new encoder.
    data
        The saved state.
    passages, renewal
        The collection in service, and what looks passages up in it.
    waits
        Told, in a sentence, what is being waited for, and nothing once it has come.
    """
    began = time.monotonic()
    state = SavedElsewhere(data)
    # 1. Pairs.
    texts = _texts(read_to_end(transport, [topics.PAIRS.name]), state.pairs())
    vectors: dict[str, NDArray[np.float32]] = {}
    for part in _parts(list(texts), ENCODED_TOGETHER):
        found = workers.encode([texts[qa_id] for qa_id in part])
        vectors.update(zip(part, found, strict=True))
    # 2. Background.
    crawl = _drawn(passages, core.dimension)
    # 3. What is no vector.
    core.restore(state.under(core.dimension, vectors, crawl))
    # 4. Candidates.
    known = candidates(core)
    gone = 0
    for some in _parts(known, LOOKED_UP_TOGETHER):
        renewed = _patiently(partial(renewal.require, some, "the switch of the allocator"), waits)
        give_vectors(core, renewed.vectors)
        lost = [passage_id for passage_id, _ in some if passage_id not in renewed.vectors]
        for passage_id in lost:
            core.forget_candidate(passage_id)
        gone += len(lost)
    _LOG.warning(
        "another encoder is in service: %d pairs and %d candidates have its vectors now, %d candidates were "
        "in the crawl no more; %.0f s",
        len(vectors),
        len(known) - gone,
        gone,
        time.monotonic() - began,
    )


def _texts(records: Iterable[Record], wanted: set[str]) -> dict[str, str]:
    """Return the texts of those pairs that are in force."""
    texts: dict[str, str] = {}
    for record in records:
        if record.value is None:
            texts.pop((record.key or b"").decode(), None)
            continue
        pair = decode_own(record, "give it topics of its own (topics.prefix)")
        if isinstance(pair, QAPair) and pair.qa_id in wanted:
            texts[pair.qa_id] = pair_text(pair.question, pair.answer)
    return texts


def _drawn(passages: Store, dimension: int) -> NDArray[np.float32]:
    """Return vectors (n, d) of ordinary passages: ids are hashes, so the first are drawn uniformly."""
    ids = [point.id for point in passages.scroll(limit=CAPACITY)]
    rows = [
        point.vector
        for part in _parts(ids, LOOKED_UP_TOGETHER)
        for point in passages.get(part, vectors=True)
        if point is not None and point.vector is not None
    ]
    return np.stack(rows) if rows else np.zeros((0, dimension), np.float32)


def _patiently(work: Callable[[], _Item], waits: Callable[[str], None]) -> _Item:
    """Do something for which an operator may have to be waited for."""
    pause = FIRST_PAUSE
    while True:
        try:
            done = work()
        except NotReembedded as error:
            waits(str(error))
            _LOG.warning("%s Trying again in %.1f s.", error, pause)
        else:
            waits("")
            return done
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _parts(items: Sequence[_Item], size: int) -> Iterator[list[_Item]]:
    return (list(items[start : start + size]) for start in range(0, len(items), size))
