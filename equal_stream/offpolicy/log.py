"""From the service's log to a history: everything in the order in which the allocator met it.

Topics have no common order, so records are put in that of their instants: inputs by when they were written,
money by when it moved. Calls for passages that the log has no more (`passages.assigned` is kept for a month)
are left out, since no policy could buy these here; what they brought counts as covered from the beginning.
So are passages with vectors of another encoder than that of the latest.

References are those in force, or taken back, as far as compaction left them: of one that was replaced only
the last version is known. Records that are not valid are passed over, as the live allocator does it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from equal_stream import topics
from equal_stream.allocator.reading import read_to_end
from equal_stream.allocator.replay import OWN_OUTPUTS, decode_own
from equal_stream.errors import ConfigurationError, InvalidRecord
from equal_stream.extraction.pairtext import pair_text
from equal_stream.messages import (
    AssignedPassage,
    ClusterEvent,
    DocumentOutcome,
    ExtractionOutcome,
    LedgerEntry,
    Message,
    QAPair,
    ReferencePair,
)
from equal_stream.offpolicy.history import Answer, Before, Event, History, Reference, ReferenceGone, Removal
from equal_stream.reference_key import ReferenceKey
from equal_stream.transport.base import Record, Transport
from equal_stream.transport.codec import decode

Encode = Callable[[Sequence[str]], NDArray[np.float32]]  # texts to unit vectors (n, d)

# In the order in which records of one instant are told: a reserve follows what it was chosen from.
_INPUTS = (topics.REFERENCES, topics.CLUSTER_EVENTS, topics.ASSIGNED, topics.DOCUMENT_OUTCOMES)


@dataclass(frozen=True)
class Read:
    """What a log holds.

    Attributes
    ----------
    history
        In order.
    left_out
        Billed calls for passages that the log has no more.
    """

    history: History
    left_out: int


@dataclass
class _Kept:
    """Records as they come, before pairs and references have vectors."""

    inputs: list[tuple[datetime, int, Message | ReferenceGone]] = field(default_factory=list)
    ledger: list[LedgerEntry] = field(default_factory=list)
    outcomes: dict[str, ExtractionOutcome] = field(default_factory=dict)
    pairs: dict[str, QAPair] = field(default_factory=dict)


def read_history(transport: Transport, encode: Encode) -> Read:
    """Return the history of a service.

    Parameters
    ----------
    encode
        The encoder in service.

    Raises
    ------
    ConfigurationError
        The encoder's vectors have another length than those of the passages.
    ForeignRecord
        A topic that only the allocator writes holds something else.
    TransportUnavailable
        The log gave nothing for a while though its end was not reached.
    """
    kept = _Kept()
    _keep_inputs(read_to_end(transport, [topic.name for topic in _INPUTS]), kept)
    _keep_outputs(read_to_end(transport, OWN_OUTPUTS), kept)
    _drop_other_encoders(kept)
    vectors = _vectors(kept, encode)
    present = {each.passage_id for _, _, each in kept.inputs if isinstance(each, AssignedPassage)}
    answers = {
        ticket_id: Answer(outcome, [])
        for ticket_id, outcome in kept.outcomes.items()
        if outcome.passage_id in present
    }
    before: list[Event] = []
    for pair in kept.pairs.values():
        vector = vectors[pair_text(pair.question, pair.answer)]
        if pair.ticket_id in answers:
            answers[pair.ticket_id].pairs.append((pair, vector))
        else:
            before.append(Before(pair, vector))
    gone = (Answer(outcome) for outcome in kept.outcomes.values() if outcome.passage_id not in present)
    history = History([*before, *_in_order(kept, present, vectors)], answers)
    _require_same_length(history.dimension, vectors)
    return Read(history, sum(answer.billed for answer in gone))


def _keep_inputs(records: Iterable[Record], kept: _Kept) -> None:
    rank = {topic.name: number for number, topic in enumerate(_INPUTS)}
    kinds = {topic.name: topic.message for topic in _INPUTS}
    for record in records:
        at = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
        if record.value is None:
            gone = ReferenceKey.read(record.key) if record.topic == topics.REFERENCES.name else None
            if gone is not None:
                kept.inputs.append((at, 0, ReferenceGone(*gone)))
            continue
        try:
            message = decode(record, kinds[record.topic])
        except InvalidRecord:
            continue
        if not isinstance(message, DocumentOutcome) or message.removed:
            kept.inputs.append((at, rank[record.topic], message))


def _keep_outputs(records: Iterable[Record], kept: _Kept) -> None:
    for record in records:
        if record.value is None:
            kept.pairs.pop((record.key or b"").decode("utf-8", "replace"), None)
            continue
        match decode_own(record, "name the prefix of the service's topics (topics.prefix)"):
            case LedgerEntry() as entry:
                kept.ledger.append(entry)
            case ExtractionOutcome() as outcome:
                kept.outcomes[outcome.ticket_id] = outcome
            case QAPair() as pair:
                kept.pairs[pair.qa_id] = pair


def _drop_other_encoders(kept: _Kept) -> None:
    passages = [(at, each) for at, _, each in kept.inputs if isinstance(each, AssignedPassage)]
    if passages:
        _, latest = max(passages, key=lambda found: found[0])
        kept.inputs = [
            (at, rank, each)
            for at, rank, each in kept.inputs
            if not isinstance(each, AssignedPassage) or each.model == latest.model
        ]


def _vectors(kept: _Kept, encode: Encode) -> dict[str, NDArray[np.float32]]:
    texts = [pair_text(pair.question, pair.answer) for pair in kept.pairs.values()]
    texts += [
        pair_text(each.question, each.answer) for _, _, each in kept.inputs if isinstance(each, ReferencePair)
    ]
    wanted = list(dict.fromkeys(texts))
    return dict(zip(wanted, encode(wanted), strict=True)) if wanted else {}


def _require_same_length(dimension: int, vectors: Mapping[str, NDArray[np.float32]]) -> None:
    given = {len(vector) for vector in vectors.values()}
    if dimension and given - {dimension}:
        raise ConfigurationError(
            f"the log's passages have vectors of length {dimension}, the encoder gives {max(given)}; set "
            "embedding.model to the one in service"
        )


def _in_order(kept: _Kept, present: set[str], vectors: dict[str, NDArray[np.float32]]) -> list[Event]:
    last = len(_INPUTS)
    events: list[tuple[datetime, int, Event]] = [
        (entry.at, last, entry) for entry in kept.ledger if entry.passage_id in present
    ]
    for at, rank, message in kept.inputs:
        match message:
            case ReferencePair():
                vector = vectors[pair_text(message.question, message.answer)]
                events.append((at, rank, Reference(message, vector)))
            case DocumentOutcome():
                events.append((at, rank, Removal(message.removed)))
            case AssignedPassage() | ClusterEvent() | ReferenceGone():
                events.append((at, rank, message))
    return [event for _, _, event in sorted(events, key=lambda each: each[:2])]
