"""The steps of every commit path, by name, and a place between any two where a test may end the process.

"A crash at any instant is a normal event" is proved by crashing at each of them (`tests/crashes`). A step
costs a look at a variable that is None: no setting, environment variable or message can arm it, only code
of the same process that calls `arm`. A new step of a commit path is one line here and one `passed` where it
ends; the walk then stops there too, and fails when it is never reached.
"""

from collections.abc import Callable
from enum import StrEnum


class Step(StrEnum):
    """What has just been done; a process may end before the next thing is."""

    # Any transaction, and any writing in bulk (both transports).
    TRANSACTION_BEGUN = "transaction begun"
    TRANSACTION_WRITTEN = "transaction's records written"
    TRANSACTION_POSITIONED = "transaction's positions joined"
    TRANSACTION_COMMITTED = "transaction committed"
    BULK_WRITTEN = "bulk written"
    BULK_DURABLE = "bulk durable"
    # Any snapshot.
    SNAPSHOT_SYNCED = "snapshot synced beside its place"
    SNAPSHOT_IN_PLACE = "snapshot in place"
    SNAPSHOT_ALONE = "older snapshots dropped"
    # Embedder.
    CLAIMS_TAKEN_OVER = "void claims taken over"
    CLAIMS_MADE = "claims made"
    BATCH_PREPARED = "batch prepared"
    BATCH_ENCODED = "batch encoded"
    DOCUMENTS_STORED = "documents stored"
    PASSAGES_STORED = "passages stored"
    PASSAGES_DELETED = "passages deleted"
    CLAIMS_RELEASED = "claims released"
    # Clusterer.
    PASSAGES_DECODED = "passages decoded"
    PASSAGES_ASSIGNED = "passages assigned"
    CLUSTERS_SAVED = "clusters saved"
    # Allocator: its turn, its snapshot, its recovery.
    RECORDS_TAKEN_IN = "records taken in"
    CALLS_SETTLED = "calls settled"
    TICKETS_CHOSEN = "tickets chosen"
    CALL_SENT = "call sent"
    SNAPSHOT_CONFIRMED = "allocator confirmed before its snapshot"
    VECTORS_COPIED = "vector file copied beside its place"
    EARLIER_FENCED = "earlier allocators fenced"
    SNAPSHOT_LOADED = "snapshot loaded"
    OUTPUTS_REPLAYED = "own outputs replayed"
    INPUTS_FOUND = "inputs positioned"
    OPEN_TICKETS_ENDED = "open tickets ended"
    # Extraction.
    CALL_BEGUN = "call begun"
    CALL_ANSWERED = "call answered"
    ANSWER_JOURNALED = "answer journaled"
    ANSWER_JUDGED = "answer judged"


_stop: Callable[[Step], None] | None = None


def passed(step: Step) -> None:
    """Say that a step is done."""
    if _stop is not None:
        _stop(step)


def arm(stop: Callable[[Step], None] | None) -> None:
    """Have `stop` called after each step of this process, in the thread that made it; None disarms."""
    global _stop  # noqa: PLW0603 - one process, one test
    _stop = stop
