"""What the log says, told to the core: passages, lineage, removals and references.

A record that cannot be used becomes a dead letter and nothing else. References are read from the
beginning at every start (their topic is compacted), so `acknowledged` tells which of them were seen
before and need no second dead letter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from equal_stream import topics
from equal_stream.allocation.core import AllocatorCore
from equal_stream.allocator.workers import Workers
from equal_stream.errors import InvalidRecord
from equal_stream.extraction.pairtext import pair_text
from equal_stream.messages import AssignedPassage, ClusterEvent, DocumentOutcome, Message, ReferencePair
from equal_stream.store.base import Store
from equal_stream.transport.base import OutgoingRecord, Positions, Record
from equal_stream.transport.codec import decode
from equal_stream.transport.dead_letters import dead_letter

INPUTS = (topics.REFERENCES, topics.CLUSTER_EVENTS, topics.ASSIGNED, topics.DOCUMENT_OUTCOMES)
_TYPES: Mapping[str, type[Message]] = {topic.name: topic.message for topic in INPUTS}
STAGE = "allocator"
EMBEDDED_TOGETHER = 128  # references a turn: a second or two on one core


@dataclass
class Taken:
    """What one batch of records leaves to publish: pairs to withdraw by qa_id, and dead letters."""

    withdrawn: list[str] = field(default_factory=list)
    dead: list[OutgoingRecord] = field(default_factory=list)


class Intake:
    """Tells the core what a batch of records says.

    Parameters
    ----------
    passages
        The passages' collection: a passage that came back meanwhile is not removed.
    acknowledged
        Positions committed before this start: dead letters of earlier records were written then.
    """

    def __init__(
        self, core: AllocatorCore, workers: Workers, passages: Store, acknowledged: Positions
    ) -> None:
        self._core = core
        self._workers = workers
        self._passages = passages
        self._acknowledged = acknowledged
        self._waiting: dict[tuple[str, str], ReferencePair] = {}

    def take(self, records: Sequence[Record]) -> Taken:
        """Absorb the records in order; of the references that wait, embed some."""
        taken = Taken()
        for record in records:
            try:
                if record.value is None:
                    self._tombstone(record)
                    continue
                message = decode(record, _TYPES[record.topic])
            except InvalidRecord as error:
                if record.offset >= self._acknowledged.get((record.topic, record.partition), 0):
                    taken.dead.append(dead_letter(record, error, stage=STAGE))
                continue
            match message:
                case AssignedPassage():
                    self._core.add_passage(message)
                case ClusterEvent():
                    self._core.apply_cluster_event(message)
                case DocumentOutcome():
                    taken.withdrawn.extend(self._remove(message.removed))
                case ReferencePair():
                    self._waiting[message.target, message.ref_id] = message
        self._embed()
        return taken

    def _remove(self, passage_ids: list[str]) -> list[str]:
        if not passage_ids:
            return []
        points = self._passages.get(passage_ids)
        gone = [each for each, point in zip(passage_ids, points, strict=True) if point is None]
        return self._core.remove_passages(gone).qa_ids

    def _embed(self) -> None:
        """Embed a few of the references that wait, so that a large target holds up no turn for long."""
        batch = [self._waiting.pop(key) for key in list(self._waiting)[:EMBEDDED_TOGETHER]]
        if not batch:
            return
        vectors = self._workers.encode([pair_text(each.question, each.answer) for each in batch])
        for reference, vector in zip(batch, vectors, strict=True):
            self._core.set_reference(reference, vector)

    def _tombstone(self, record: Record) -> None:
        if record.topic != topics.REFERENCES.name:
            raise InvalidRecord("null-value", "", f"a null value has no meaning on topic {record.topic}")
        target, slash, ref_id = (record.key or b"").decode("utf-8", "replace").partition("/")
        if not slash:
            raise InvalidRecord("invalid-key", "key", "the key of a reference is target/ref_id")
        self._waiting.pop((target, ref_id), None)
        self._core.remove_reference(target, ref_id)
