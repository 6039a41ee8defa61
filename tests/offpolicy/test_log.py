"""From the service's log back to the history that it is of."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from equal_stream import topics
from equal_stream.allocator.replay import ForeignRecord
from equal_stream.errors import ConfigurationError
from equal_stream.messages import AssignedPassage, DocumentOutcome, LedgerEntry, SourcePosition
from equal_stream.offpolicy.history import Before, Event, History, Reference, ReferenceGone, Removal
from equal_stream.offpolicy.log import read_history
from equal_stream.settings import Settings
from equal_stream.transport.base import OutgoingRecord, Transport
from equal_stream.transport.codec import tombstone
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport
from tests.offpolicy.books import Books
from tests.offpolicy.crawl import START, Crawl, make_log, setup


@pytest.fixture
def transport(tmp_path: Path) -> Iterator[Transport]:
    settings = Settings(data_dir=tmp_path)
    opened = open_transport(settings)
    opened.create_topics(topic_specs(settings))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def history() -> History:
    return make_log(Crawl(passages=120), setup(), tickets=30)


def plain(event: Event) -> object:
    """An event without its arrays, which have no equality."""
    return (event.pair, event.vector.tobytes()) if isinstance(event, Reference | Before) else event


def test_what_was_written_is_read(transport: Transport, history: History) -> None:
    books = Books(history)
    books.write(transport)
    read = read_history(transport, books.encode)
    assert read.left_out == 0
    # Partitions have no common order, so inputs of one instant may come in any; money must not.
    assert set(map(plain, read.history.events)) == set(map(plain, history.events))
    assert read.history.moments() == history.moments()
    for ticket_id, answer in history.answers.items():
        found = read.history.answers[ticket_id]
        assert found.outcome == answer.outcome
        assert found.complete
        assert {pair.qa_id for pair, _ in found.pairs} == {pair.qa_id for pair, _ in answer.pairs}


def test_inputs_come_before_the_tickets_that_they_led_to(transport: Transport, history: History) -> None:
    books = Books(history)
    late = history.passages()[next(iter(history.answers.values())).outcome.passage_id]
    other = msgspec.structs.replace(late, passage_id="00000000-0000-0000-0000-000000000001")
    books.add(topics.ASSIGNED, other.passage_id, other)
    after = START + timedelta(seconds=25)
    books.records[-1] = replace(books.records[-1], timestamp_ms=int(after.timestamp() * 1000))
    books.write(transport)
    events = read_history(transport, books.encode).history.events
    place = events.index(other)
    assert not any(isinstance(event, AssignedPassage) for event in events[place + 1 :])
    money = [event.at for event in events[:place] if isinstance(event, LedgerEntry)]
    assert money
    assert max(money) < after
    assert all(event.at >= after for event in events[place + 1 :] if isinstance(event, LedgerEntry))


def test_removals_and_references_taken_back_are_events(transport: Transport, history: History) -> None:
    books = Books(history)
    gone = next(iter(history.passages()))
    outcome = DocumentOutcome(
        url="https://example.org/0",
        doc_id=gone,
        outcome="deleted",
        source=SourcePosition(topic="crawl.documents", partition=0, offset=0),
        at=START,
        removed=[gone],
    )
    books.add(topics.DOCUMENT_OUTCOMES, outcome.url, outcome)
    books.write(transport)
    send(transport, tombstone(topic=topics.REFERENCES.name, key="t/0", source="test"))
    events = read_history(transport, books.encode).history.events
    assert Removal([gone]) in events
    assert ReferenceGone("t", "0") in events


def test_calls_for_passages_that_are_gone_are_left_out_and_what_they_brought_is_covered(
    transport: Transport, history: History
) -> None:
    bought = next(answer for answer in history.answers.values() if answer.pairs).outcome.passage_id
    kept = [e for e in history.events if not (isinstance(e, AssignedPassage) and e.passage_id == bought)]
    books = Books(History(kept, history.answers))
    books.write(transport)
    read = read_history(transport, books.encode)
    assert read.left_out == 1
    assert all(answer.outcome.passage_id != bought for answer in read.history.billed())
    before = [event for event in read.history.events if isinstance(event, Before)]
    assert before
    assert {event.pair.passage_id for event in before} == {bought}


def test_a_pair_that_was_withdrawn_leaves_its_call_incomplete(transport: Transport, history: History) -> None:
    books = Books(history)
    books.write(transport)
    answer = next(answer for answer in history.answers.values() if answer.pairs)
    send(transport, tombstone(topic=topics.PAIRS.name, key=answer.pairs[0][0].qa_id, source="test"))
    found = read_history(transport, books.encode).history.answers[answer.outcome.ticket_id]
    assert not found.complete
    assert found.billed


def test_passages_of_an_encoder_that_was_replaced_are_left_out(
    transport: Transport, history: History
) -> None:
    passages = list(history.passages().values())
    older = [msgspec.structs.replace(passage, model="older") for passage in passages[:10]]
    others = [event for event in history.events if not isinstance(event, AssignedPassage)]
    books = Books(History([*older, *passages[10:], *others], history.answers))
    last = books.records[len(passages) - 1]
    books.records[len(passages) - 1] = replace(last, timestamp_ms=(last.timestamp_ms or 0) + 1000)
    books.write(transport)
    assert set(read_history(transport, books.encode).history.passages()) == {
        passage.passage_id for passage in passages[10:]
    }


def test_another_encoder_than_that_in_service_is_refused(transport: Transport, history: History) -> None:
    books = Books(history)
    books.write(transport)
    with pytest.raises(ConfigurationError, match="vectors of length 16, the encoder gives 8"):
        read_history(transport, lambda texts: np.ones((len(texts), 8), np.float32))


def test_a_ledger_of_somebody_else_is_refused(transport: Transport, history: History) -> None:
    send(transport, OutgoingRecord(topics.LEDGER.name, b"x", b'{"weather": "fine"}'))
    with pytest.raises(ForeignRecord, match=r"allocation\.ledger"):
        read_history(transport, Books(history).encode)


def test_an_input_that_is_not_valid_is_passed_over(transport: Transport, history: History) -> None:
    books = Books(history)
    books.write(transport)
    send(transport, OutgoingRecord(topics.ASSIGNED.name, b"x", b"{"))
    assert len(read_history(transport, books.encode).history.events) == len(history.events)


def send(transport: Transport, record: OutgoingRecord) -> None:
    producer = transport.producer()
    producer.send(record)
    producer.close()
