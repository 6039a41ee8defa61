"""After a restart: vectors that are not in the candidates' file come back from the store.

A row that was overwritten after the snapshot belonged to a passage that had left the table by then; replay
will take most of these out again. All are fetched nevertheless, so that nothing depends on it, and so
that a file that was lost costs time and nothing else.
"""

import logging

from equal_stream.allocation.core import AllocatorCore
from equal_stream.store.base import Store

FETCHED_TOGETHER = 512
_LOG = logging.getLogger(__name__)


def fetch_lost_vectors(core: AllocatorCore, passages: Store) -> int:
    """Give a restored core the vectors that it lacks; return how many candidates lacked theirs.

    One that the store does not have either is no candidate any more.
    """
    lost = core.without_vectors()
    gone = 0
    for start in range(0, len(lost), FETCHED_TOGETHER):
        part = lost[start : start + FETCHED_TOGETHER]
        for passage_id, point in zip(part, passages.get(part, vectors=True), strict=True):
            if point is None or point.vector is None:
                core.forget_candidate(passage_id)
                gone += 1
            else:
                core.give_vector(passage_id, point.vector)
    if lost:
        _LOG.info("%d vectors of candidates were fetched anew, %d are in the store no more", len(lost), gone)
    return len(lost)
