"""Answers are durable in the log before anyone looks at them."""

import asyncio
import threading
from pathlib import Path

from equal_stream import topics
from equal_stream.extraction.journal import LogJournal
from equal_stream.messages import JournalEntry, now
from equal_stream.settings import Settings
from equal_stream.transport.base import OutgoingRecord, TopicSpec
from equal_stream.transport.codec import decode
from equal_stream.transport.exceptions import NotAllowed, TransportUnavailable
from equal_stream.transport.factory import open_transport
from tests.extraction.material import FakeClock


def entry(number: int) -> JournalEntry:
    return JournalEntry(
        request_id=f"request-{number}", ticket_id=f"ticket-{number}", passage_id="p", model="m",
        prompt_version="v", content='{"pairs": []}', finish_reason="stop", tokens_in=10, tokens_out=2,
        usage_known=True, cost_usd=0.001, at=now(),
    )  # fmt: skip


class CountingProducer:
    """Counts flushes; fails the first `failures` of them."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.sent: list[OutgoingRecord] = []
        self.flushed = 0
        self.durable: list[bytes] = []
        self.closed = False

    def send(self, record: OutgoingRecord) -> None:
        assert threading.current_thread() is not threading.main_thread()
        self.sent.append(record)

    def flush(self) -> None:
        self.flushed += 1
        if self.flushed <= self.failures:
            raise TransportUnavailable("the broker is away")
        self.durable = [record.key for record in self.sent]

    def transaction(self) -> None:
        raise AssertionError("the journal needs no transactions")

    def close(self) -> None:
        self.closed = True


async def test_an_entry_can_be_read_from_the_log_under_its_request_id(tmp_path: Path) -> None:
    transport = open_transport(Settings(data_dir=tmp_path))
    journal_topic = topics.JOURNAL
    transport.create_topics([TopicSpec(journal_topic.name, 2, "compact,delete", -1, 1_000_000)])
    journal = LogJournal(transport.producer())
    wanted = [entry(number) for number in range(5)]
    await asyncio.gather(*(journal.append(each) for each in wanted))
    reader = transport.reader([journal_topic.name])
    records = [record for _ in range(3) for record in reader.poll(100, 0.2)]
    assert {record.key: decode(record, JournalEntry) for record in records} == {
        each.request_id.encode(): each for each in wanted
    }
    assert {name for name, _ in records[0].headers} >= {"ce_id", "ce_type", "ce_source", "traceparent"}
    reader.close()
    await journal.close()
    transport.close()


async def test_an_entry_is_durable_when_append_returns() -> None:
    producer = CountingProducer()
    journal = LogJournal(producer)
    for number in range(3):
        await journal.append(entry(number))
        assert f"request-{number}".encode() in producer.durable


async def test_answers_that_end_together_share_a_flush() -> None:
    producer = CountingProducer()
    journal = LogJournal(producer)
    await asyncio.gather(*(journal.append(entry(number)) for number in range(50)))
    assert len(producer.durable) == 50
    assert producer.flushed <= 3


async def test_a_log_that_comes_back_gets_every_entry() -> None:
    producer, clock = CountingProducer(failures=3), FakeClock()
    journal = LogJournal(producer, clock.sleep)
    await journal.append(entry(1))
    assert b"request-1" in producer.durable
    assert clock.slept == [0.5, 1.0, 2.0]
    assert journal.unstored == 0


async def test_a_log_that_stays_away_does_not_hold_a_paid_answer_back_for_ever() -> None:
    producer, clock = CountingProducer(failures=1_000), FakeClock()
    journal = LogJournal(producer, clock.sleep)
    await journal.append(entry(1))
    assert journal.unstored == 1
    assert clock.now < 60


async def test_closing_closes_the_producer() -> None:
    producer = CountingProducer()
    await LogJournal(producer).close()
    assert producer.closed


class ForbiddingProducer(CountingProducer):
    """A broker whose ACLs forbid the writing while `forbids`."""

    forbids = True

    def flush(self) -> None:
        if self.forbids:
            raise NotAllowed("this user may not write to llm.responses")
        super().flush()


async def test_a_log_that_does_not_allow_it_is_not_asked_for_half_a_minute_and_the_refusal_is_told() -> None:
    clock, producer = FakeClock(), ForbiddingProducer()
    journal = LogJournal(producer, clock.sleep)
    assert await journal.refusal() == ""
    await asyncio.gather(*(journal.append(entry(number)) for number in range(3)))
    assert clock.slept == []
    assert await journal.refusal() == "this user may not write to llm.responses"


async def test_once_it_is_allowed_again_the_answers_that_were_refused_are_stored() -> None:
    producer = ForbiddingProducer()
    journal = LogJournal(producer)
    await journal.append(entry(1))
    await journal.append(entry(2))
    producer.forbids = False
    assert await journal.refusal() == ""
    assert set(producer.durable) == {b"request-1", b"request-2"}
    flushes = producer.flushed
    assert await journal.refusal() == ""
    assert producer.flushed == flushes
