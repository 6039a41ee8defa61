"""Replaying the allocator's own records into the core: money, outcomes, pairs and withdrawals."""

from collections.abc import Iterable, Mapping

from equal_stream import topics
from equal_stream.allocation.core import AllocatorCore
from equal_stream.allocator.progress import Progress
from equal_stream.allocator.workers import Workers
from equal_stream.errors import ConfigurationError, InvalidRecord
from equal_stream.extraction.pairtext import pair_text
from equal_stream.messages import ExtractionOutcome, LedgerEntry, Message, QAPair, ReferencePair
from equal_stream.transport.base import Record
from equal_stream.transport.codec import decode

OWN_OUTPUTS = (topics.LEDGER.name, topics.EXTRACTIONS.name, topics.PAIRS.name)
_TYPES: Mapping[str, type[Message]] = {
    topics.LEDGER.name: LedgerEntry,
    topics.EXTRACTIONS.name: ExtractionOutcome,
    topics.PAIRS.name: QAPair,
}
ENCODED_TOGETHER = 256


class ForeignRecord(ConfigurationError):
    """A topic that only the allocator writes holds something else."""


def replay(
    records: Iterable[Record], core: AllocatorCore, workers: Workers, progress: Progress | None = None
) -> int:
    """Tell the core what was published; every record may be told twice. Returns how many there were.

    Pairs come last, once it is known which were withdrawn, and are embedded in batches.

    Raises
    ------
    ForeignRecord
        A record of ours does not decode: the log is not ours, or of a later version. Nothing is spent.
    """
    count = 0
    pairs: dict[str, QAPair | None] = {}
    for record in records:
        count += 1
        if record.value is None:
            pairs[(record.key or b"").decode()] = None
            continue
        match decode_own(
            record, "give it topics of its own (topics.prefix), or the release that wrote these"
        ):
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
    told = (progress or Progress()).begin("embedding the pairs published since the snapshot")
    for start in range(0, len(kept), ENCODED_TOGETHER):
        batch = kept[start : start + ENCODED_TOGETHER]
        vectors = workers.encode([pair_text(pair.question, pair.answer) for pair in batch])
        for pair, vector in zip(batch, vectors, strict=True):
            core.replay_pair(pair, vector)
        told(start + len(batch), len(kept))
    return count


def forget_references(records: Iterable[Record], core: AllocatorCore) -> None:
    """Remove references that are in none of the log's records: tombstones too are compacted away."""
    named: set[tuple[str, str]] = set()
    for record in records:
        try:
            reference = decode(record, ReferencePair)
        except InvalidRecord:
            continue
        named.add((reference.target, reference.ref_id))
    for target, ref_id in core.references():
        if (target, ref_id) not in named:
            core.remove_reference(target, ref_id)


def decode_own(record: Record, remedy: str) -> Message:
    """Return the message in a record of the allocator's own topics.

    Raises
    ------
    ForeignRecord
        It is not the allocator's; the sentence ends with the remedy.
    """
    try:
        return decode(record, _TYPES[record.topic])
    except InvalidRecord as error:
        raise ForeignRecord(
            f"record {record.offset} in partition {record.partition} of {record.topic} is not "
            f"the allocator's ({error}); {remedy}"
        ) from error
