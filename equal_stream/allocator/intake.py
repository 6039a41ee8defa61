"""What the log says, told to the core: passages, lineage, removals and references.

A record that cannot be used becomes a dead letter and nothing else. References are read from the
beginning at every start (their topic is compacted), so `acknowledged` tells which of them were seen
before and need no second dead letter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from equal_stream import topics
from equal_stream.allocation.bounds import require_passage_id
from equal_stream.allocation.core import AllocatorCore
from equal_stream.allocator.workers import Workers
from equal_stream.errors import InvalidRecord
from equal_stream.extraction.pairtext import pair_text
from equal_stream.messages import (
    AssignedPassage,
    BudgetChange,
    ClusterEvent,
    DocumentOutcome,
    Message,
    ReferencePair,
)
from equal_stream.reembedding.renewal import Renewal, other_model
from equal_stream.reference_key import ReferenceKey
from equal_stream.store.base import Store
from equal_stream.transport.base import OutgoingRecord, Positions, Record
from equal_stream.transport.codec import decode
from equal_stream.transport.dead_letters import dead_letter

INPUTS = (
    topics.REFERENCES,
    topics.BUDGET,
    topics.CLUSTER_EVENTS,
    topics.ASSIGNED,
    topics.DOCUMENT_OUTCOMES,
)
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
    model
        The encoder in service; passages that name another one are refused. Empty: none is.
    renewal
        Knows which passages of the collection are current, where it may hold some that are not any more.
    """

    def __init__(
        self,
        core: AllocatorCore,
        workers: Workers,
        passages: Store,
        acknowledged: Positions,
        *,
        model: str = "",
        renewal: Renewal | None = None,
    ) -> None:
        self._model = model
        self._renewal = renewal
        self._core = core
        self._workers = workers
        self._passages = passages
        self._acknowledged = acknowledged
        self._waiting: dict[tuple[str, str], tuple[Record, ReferencePair]] = {}

    def take(self, records: Sequence[Record]) -> Taken:
        """Absorb the records in order; of the references that wait, embed some."""
        taken = Taken()
        for record in records:
            try:
                self._absorb(record, taken)
            except InvalidRecord as error:
                self._give_up(record, error, taken)
        self._embed(taken)
        return taken

    def _absorb(self, record: Record, taken: Taken) -> None:
        if record.value is None:
            self._tombstone(record)
            return
        match decode(record, _TYPES[record.topic]):
            case AssignedPassage() as passage:
                self._require_model(passage.model)
                self._core.add_passage(passage)
            case ClusterEvent() as event:
                self._core.apply_cluster_event(event)
            case DocumentOutcome() as outcome:
                taken.withdrawn.extend(self._remove(outcome.removed))
            case BudgetChange():
                pass  # heeded already, by `BudgetWatch`; what is none becomes a dead letter here
            case ReferencePair() as reference:
                if "/" in reference.target:
                    raise InvalidRecord(
                        "invalid-value", "target", "a target's name has no slash: its keys are target/ref_id"
                    )
                self._waiting[reference.target, reference.ref_id] = (record, reference)

    @property
    def waiting(self) -> int:
        """References that are read and not embedded yet."""
        return len(self._waiting)

    def _require_model(self, model: str) -> None:
        if self._model and model not in {"", self._model}:
            raise other_model(model, f"{self._model} is in service")

    def _give_up(self, record: Record, error: InvalidRecord, taken: Taken) -> None:
        if record.offset >= self._acknowledged.get((record.topic, record.partition), 0):
            taken.dead.append(dead_letter(record, error, stage=STAGE))

    def _remove(self, passage_ids: list[str]) -> list[str]:
        if not passage_ids:
            return []
        for passage_id in passage_ids:
            require_passage_id(passage_id, "removed")
        points = self._passages.get(passage_ids)
        gone = [each for each, point in zip(passage_ids, points, strict=True) if point is None]
        if self._renewal is not None:
            # An embedder that is still on the former collection does not delete in this one.
            gone += self._renewal.superseded([point for point in points if point is not None])
        return self._core.remove_passages(gone).qa_ids

    def _embed(self, taken: Taken) -> None:
        """Embed a few of the references that wait, so that a large target holds up no turn for long."""
        batch = [self._waiting.pop(key) for key in list(self._waiting)[:EMBEDDED_TOGETHER]]
        if not batch:
            return
        vectors = self._workers.encode([pair_text(each.question, each.answer) for _, each in batch])
        for (record, reference), vector in zip(batch, vectors, strict=True):
            try:
                self._core.set_reference(reference, vector)
            except InvalidRecord as error:
                self._give_up(record, error, taken)

    def _tombstone(self, record: Record) -> None:
        if record.topic != topics.REFERENCES.name:
            raise InvalidRecord("null-value", "", f"a null value has no meaning on topic {record.topic}")
        gone = ReferenceKey.read(record.key)
        if gone is None:
            raise InvalidRecord("invalid-key", "key", "the key of a reference is target/ref_id")
        self._waiting.pop(gone, None)
        self._core.remove_reference(gone.target, gone.ref_id)
