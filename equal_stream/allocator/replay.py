"""Replaying the allocator's own records into the core: money, outcomes, pairs and withdrawals."""

from collections.abc import Iterable, Mapping

from equal_stream import topics
from equal_stream.allocation.core import AllocatorCore
from equal_stream.allocator.workers import Workers
from equal_stream.extraction.pairtext import pair_text
from equal_stream.messages import ExtractionOutcome, LedgerEntry, Message, QAPair
from equal_stream.transport.base import Record
from equal_stream.transport.codec import decode

OWN_OUTPUTS = (topics.LEDGER.name, topics.EXTRACTIONS.name, topics.PAIRS.name)
_TYPES: Mapping[str, type[Message]] = {
    topics.LEDGER.name: LedgerEntry,
    topics.EXTRACTIONS.name: ExtractionOutcome,
    topics.PAIRS.name: QAPair,
}
ENCODED_TOGETHER = 256


def replay(records: Iterable[Record], core: AllocatorCore, workers: Workers) -> int:
    """Tell the core what was published; every record may be told twice. Returns how many there were.

    Pairs come last, once it is known which were withdrawn, and are embedded in batches.

    Raises
    ------
    InvalidRecord
        A record of ours does not decode: the log is not ours, or of a later version. Nothing is spent.
    """
    count = 0
    pairs: dict[str, QAPair | None] = {}
    for record in records:
        count += 1
        if record.value is None:
            pairs[(record.key or b"").decode()] = None
            continue
        match decode(record, _TYPES[record.topic]):
            case LedgerEntry() as entry:
                core.replay_ledger(entry)
            case ExtractionOutcome() as outcome:
                core.replay_outcome(outcome)
            case QAPair() as pair:
                pairs[pair.qa_id] = pair
    for qa_id, known in pairs.items():
        if known is None:
            core.replay_withdrawal(qa_id)
    kept = [pair for pair in pairs.values() if pair is not None]
    for start in range(0, len(kept), ENCODED_TOGETHER):
        batch = kept[start : start + ENCODED_TOGETHER]
        vectors = workers.encode([pair_text(pair.question, pair.answer) for pair in batch])
        for pair, vector in zip(batch, vectors, strict=True):
            core.replay_pair(pair, vector)
    return count
