"""What every transport promises, whichever log lies beneath."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Timer

import msgspec
import pytest

from equal_stream.settings import Settings, TopicSettings
from equal_stream.transport.base import Consumer, OutgoingRecord, Record, TopicSpec, Transport
from equal_stream.transport.exceptions import (
    Fenced,
    PositionsLost,
    RecordTooLarge,
    TransportError,
    UnknownTopic,
)
from equal_stream.transport.factory import open_transport

from .conftest import OpenLog
from .waiting import PATIENCE, poll_until

HOLD_EVERYTHING = """
import sys, time, msgspec
from equal_stream.settings import Settings, TopicSettings
from equal_stream.transport.factory import open_transport

member = open_transport(Settings(**msgspec.json.decode(sys.argv[1]))).member(["four"], "group")
found = 0
while found < 100:
    found += len(member.poll(1000, 0.2))
print("has everything", flush=True)
time.sleep(60)
"""
FOUR = TopicSpec("four", 4, "delete", -1, 1_048_588)
ONE = TopicSpec("one", 1, "delete", -1, 1_048_588)
COMPACT = TopicSpec("compact", 1, "compact", -1, 1_048_588)
BIG = TopicSpec("big", 1, "delete", -1, 10_485_760)


@pytest.fixture(autouse=True)
def topics(transport: Transport) -> None:
    transport.create_topics([FOUR, ONE, COMPACT, BIG])


def record(value: object, key: str = "k", topic: str = "one") -> OutgoingRecord:
    return OutgoingRecord(topic, key.encode(), str(value).encode())


def write(transport: Transport, records: Iterable[OutgoingRecord]) -> None:
    producer = transport.producer()
    for each in records:
        producer.send(each)
    producer.flush()
    producer.close()


def take(consumer: Consumer, count: int) -> list[Record]:
    """Poll until `count` records have come."""
    found: list[Record] = []
    give_up = time.monotonic() + PATIENCE
    while len(found) < count and time.monotonic() < give_up:
        found += consumer.poll(1000, 0.2)
    assert len(found) == count
    return found


def nothing_more(consumer: Consumer) -> bool:
    return all(not consumer.poll(100, 0.2) for _ in range(3))


def values(records: Iterable[Record]) -> list[str]:
    return [(each.value or b"").decode() for each in records]


class TestTopics:
    def test_are_created_once_and_then_left_as_they_are(self, transport: Transport) -> None:
        assert transport.create_topics([FOUR, TopicSpec("new", 2, "compact", -1, 5000)]) == ["new"]
        assert transport.create_topics([TopicSpec("new", 7, "delete", -1, 5000)]) == []
        assert transport.topics() == {"four": 4, "one": 1, "compact": 1, "big": 1, "new": 2}

    def test_topics_groups_and_ids_with_another_prefix_are_somebody_elses(
        self, transport: Transport, settings: Settings
    ) -> None:
        write(transport, [record(1)])
        producer, reader = transport.producer("id"), transport.reader(["one"], "group")
        reader.commit({("one", 0): 1})
        theirs = settings.model_copy(update={"topics": TopicSettings(prefix=settings.topics.prefix + "x.")})
        other = open_transport(theirs)
        other.create_topics([ONE])
        assert other.topics() == {"one": 1}
        assert other.end_positions(["one"]) == {("one", 0): 0}
        assert other.group_positions("group", ["one"]) == {}
        other.producer("id")
        with producer.transaction() as transaction:
            transaction.send(record(2))
        other.close()

    @pytest.mark.parametrize(
        "use",
        [
            lambda log: log.reader(["absent"]),
            lambda log: log.member(["absent"], "group"),
            lambda log: log.producer().send(record(1, topic="absent")),
            lambda log: log.end_positions(["absent"]),
            lambda log: log.group_positions("group", ["absent"]),
        ],
        ids=["reader", "member", "producer", "end_positions", "group_positions"],
    )
    def test_a_topic_that_does_not_exist_is_named(
        self, transport: Transport, use: Callable[[Transport], object]
    ) -> None:
        with pytest.raises(UnknownTopic, match=r"absent.*topics create"):
            use(transport)


class TestRecords:
    def test_come_back_as_they_were_written(self, transport: Transport) -> None:
        sent = OutgoingRecord(
            "one", b"\x00key\xff", b"\x00value\xff", (("a", b"1"), ("a", b"2"), ("ü", b"")), 1_700_000_000_000
        )
        write(transport, [sent])
        (found,) = take(transport.reader(["one"]), 1)
        assert found == Record("one", 0, 0, sent.key, sent.value, sent.headers, 1_700_000_000_000)

    def test_carry_the_time_of_sending_by_default(self, transport: Transport) -> None:
        before = time.time_ns() // 1_000_000
        write(transport, [record(1)])
        (found,) = take(transport.reader(["one"]), 1)
        assert before <= found.timestamp_ms <= time.time_ns() // 1_000_000

    def test_of_one_key_stay_in_order_in_one_partition(self, transport: Transport) -> None:
        write(transport, (record(i, key=f"key {i % 17}", topic="four") for i in range(2000)))
        found = take(transport.reader(["four"]), 2000)
        by_key: dict[bytes | None, list[Record]] = {}
        for each in found:
            by_key.setdefault(each.key, []).append(each)
        assert len({each.partition for each in found}) > 1
        for mine in by_key.values():
            assert len({each.partition for each in mine}) == 1
            assert values(mine) == sorted(values(mine), key=int)

    def test_without_a_value_are_tombstones(self, transport: Transport) -> None:
        write(transport, [OutgoingRecord("compact", b"gone", None)])
        (found,) = take(transport.reader(["compact"]), 1)
        assert (found.key, found.value) == (b"gone", None)

    def test_may_have_no_key(self, transport: Transport) -> None:
        write(transport, [OutgoingRecord("four", None, b"dead letter")])
        (found,) = take(transport.reader(["four"]), 1)
        assert (found.key, found.value) == (None, b"dead letter")

    def test_of_nine_megabytes_pass_where_the_topic_takes_them(self, transport: Transport) -> None:
        large = bytes(9_000_000)
        write(transport, [OutgoingRecord("big", b"k", large)])
        (found,) = take(transport.reader(["big"]), 1)
        assert found.value == large

    @pytest.mark.parametrize(("topic", "size"), [("one", 1_100_000), ("big", 10_600_000)])
    def test_larger_than_the_topic_takes_are_refused_at_once(
        self, transport: Transport, topic: str, size: int
    ) -> None:
        producer = transport.producer()
        with pytest.raises(RecordTooLarge, match=topic):
            producer.send(OutgoingRecord(topic, b"k", bytes(size)))
        producer.send(record("small"))
        producer.flush()
        assert values(take(transport.reader(["one"]), 1)) == ["small"]

    def test_handed_over_by_many_threads_all_arrive(self, transport: Transport) -> None:
        producer = transport.producer()
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda i: producer.send(record(i, key=str(i))), range(500)))
        producer.flush()
        assert sorted(values(take(transport.reader(["one"]), 500)), key=int) == [str(i) for i in range(500)]


class TestReader:
    def test_owns_every_partition_from_the_beginning(self, transport: Transport) -> None:
        write(transport, (record(i, key=str(i), topic="four") for i in range(40)))
        reader = transport.reader(["four", "one"])
        assert reader.assignment() == {("four", p) for p in range(4)} | {("one", 0)}
        take(reader, 40)
        assert sum(reader.positions().values()) == 40
        assert set(reader.lag().values()) == {0}

    def test_polls_no_more_than_asked_for(self, transport: Transport) -> None:
        write(transport, (record(i) for i in range(50)))
        reader = transport.reader(["one"])
        assert values(take(reader, 0) or reader.poll(7, 10)) == [str(i) for i in range(7)]
        assert reader.positions() == {("one", 0): 7}
        assert reader.lag() == {("one", 0): 43}

    def test_returns_empty_handed_after_its_timeout(self, transport: Transport) -> None:
        assert transport.reader(["one"]).poll(10, 0.1) == []

    def test_may_start_at_the_end(self, transport: Transport) -> None:
        write(transport, [record("old")])
        reader = transport.reader(["one"], from_end=True)
        assert reader.positions() == {("one", 0): 1}
        write(transport, [record("new")])
        assert values(take(reader, 1)) == ["new"]

    def test_sees_what_is_written_while_it_waits(self, transport: Transport, open_log: OpenLog) -> None:
        reader = transport.reader(["one"])
        later = Timer(0.3, write, (open_log(), [record("late")]))
        later.start()
        assert values(reader.poll(10, PATIENCE)) == ["late"]
        later.join()

    def test_seeks_anywhere_and_reads_again(self, transport: Transport) -> None:
        write(transport, (record(i) for i in range(10)))
        reader = transport.reader(["one"])
        first = take(reader, 10)
        reader.seek({("one", 0): 4, ("four", 0): 9})
        assert reader.positions() == {("one", 0): 4}
        assert take(reader, 6) == first[4:]

    def test_begins_again_when_it_is_sent_beyond_the_log(self, transport: Transport) -> None:
        write(transport, (record(i) for i in range(3)))
        reader = transport.reader(["one"])
        reader.seek({("one", 0): 1_000_000})
        assert values(take(reader, 3)) == ["0", "1", "2"]

    def test_goes_on_where_its_group_has_committed(self, transport: Transport, open_log: OpenLog) -> None:
        write(transport, (record(i) for i in range(10)))
        reader = transport.reader(["one"], "group")
        take(reader, 10)
        reader.commit({("one", 0): 6})
        assert reader.committed() == {("one", 0): 6}
        reader.close()
        again = open_log().reader(["one", "four"], "group", from_end=True)
        assert again.committed() == {("one", 0): 6}
        assert values(take(again, 4)) == ["6", "7", "8", "9"]

    def test_cannot_commit_without_a_group(self, transport: Transport) -> None:
        reader = transport.reader(["one"])
        assert reader.committed() == {}
        with pytest.raises(TransportError, match="group"):
            reader.commit({("one", 0): 0})


class TestPositions:
    def test_of_the_log_span_what_is_committed(self, transport: Transport) -> None:
        assert transport.end_positions(["one"]) == {("one", 0): 0}
        write(transport, (record(i) for i in range(5)))
        assert transport.beginning_positions(["one"]) == {("one", 0): 0}
        assert transport.end_positions(["one"]) == {("one", 0): 5}
        assert transport.end_positions(["four"]) == {("four", p): 0 for p in range(4)}

    def test_of_a_group_are_told_to_others(self, transport: Transport, open_log: OpenLog) -> None:
        write(transport, (record(i) for i in range(5)))
        assert transport.group_positions("group", ["one"]) == {}
        member = transport.member(["one", "four"], "group")
        take(member, 5)
        member.commit({("one", 0): 5})
        assert open_log().group_positions("group", ["one", "four"]) == {("one", 0): 5}
        assert open_log().group_positions("other", ["one"]) == {}

    def test_reach_the_end_after_transactions_too(self, transport: Transport) -> None:
        producer = transport.producer("id")
        for i in range(3):
            with producer.transaction() as transaction:
                transaction.send(record(i))
        reader = transport.reader(["one"])
        take(reader, 3)
        end = transport.end_positions(["one"])
        poll_until(lambda: reader.positions() == end, reader)
        assert reader.lag() == {("one", 0): 0}


class TestTransaction:
    def test_shows_records_and_positions_together(self, transport: Transport, open_log: OpenLog) -> None:
        write(transport, (record(i) for i in range(4)))
        other = open_log()
        watcher = other.reader(["four"])
        member = transport.member(["one"], "group")
        records = take(member, 4)
        with transport.producer("id").transaction() as transaction:
            for each in records:
                transaction.send(record(f"out {(each.value or b'').decode()}", topic="four"))
            transaction.commit_positions(member, member.positions())
            assert nothing_more(watcher)
            assert other.group_positions("group", ["one"]) == {}
        assert values(take(watcher, 4)) == ["out 0", "out 1", "out 2", "out 3"]
        assert other.group_positions("group", ["one"]) == {("one", 0): 4}

    def test_that_raises_leaves_nothing(self, transport: Transport) -> None:
        write(transport, [record("in")])
        reader = transport.reader(["one"], "group")
        start = reader.positions()
        take(reader, 1)
        producer = transport.producer("id")

        def fail() -> None:
            with producer.transaction() as transaction:
                transaction.send(record("never", topic="four"))
                transaction.commit_positions(reader, reader.positions())
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert transport.group_positions("group", ["one"]) == {}
        reader.seek(start)
        assert values(take(reader, 1)) == ["in"]
        with producer.transaction() as transaction:
            transaction.send(record("second attempt", topic="four"))
            transaction.commit_positions(reader, reader.positions())
        assert values(take(transport.reader(["four"]), 1)) == ["second attempt"]
        assert transport.group_positions("group", ["one"]) == {("one", 0): 1}

    def test_with_nothing_in_it_is_fine(self, transport: Transport) -> None:
        producer = transport.producer("id")
        with producer.transaction():
            pass
        with producer.transaction() as transaction:
            transaction.send(record("x"))
        assert values(take(transport.reader(["one"]), 1)) == ["x"]

    def test_a_record_too_large_spoils_only_its_own(self, transport: Transport) -> None:
        producer = transport.producer("id")

        def fail() -> None:
            with producer.transaction() as transaction:
                transaction.send(record("fits"))
                transaction.send(OutgoingRecord("one", b"k", bytes(2_000_000)))

        with pytest.raises(RecordTooLarge):
            fail()
        with producer.transaction() as transaction:
            transaction.send(record("next"))
        reader = transport.reader(["one"])
        assert values(take(reader, 1)) == ["next"]
        assert nothing_more(reader)

    def test_needs_an_id_and_takes_all_sending(self, transport: Transport) -> None:
        with pytest.raises(TransportError, match="transactional id"), transport.producer().transaction():
            pass
        producer = transport.producer("id")
        with pytest.raises(TransportError, match="transaction"):
            producer.send(record(1))

    def test_one_at_a_time(self, transport: Transport) -> None:
        producer = transport.producer("id")
        with producer.transaction() as transaction:
            with pytest.raises(TransportError, match="one transaction"), producer.transaction():
                pass
            transaction.send(record("kept"))
        with pytest.raises(TransportError, match="ended"):
            transaction.send(record("late"))
        assert values(take(transport.reader(["one"]), 1)) == ["kept"]

    def test_commits_positions_of_several_groups(self, transport: Transport) -> None:
        write(transport, [record(1), record(2, topic="compact")])
        first, second = transport.reader(["one"], "first"), transport.reader(["compact"], "second")
        take(first, 1)
        take(second, 1)
        with transport.producer("id").transaction() as transaction:
            transaction.commit_positions(first, first.positions())
            transaction.commit_positions(second, second.positions())
        assert transport.group_positions("first", ["one"]) == {("one", 0): 1}
        assert transport.group_positions("second", ["compact"]) == {("compact", 0): 1}


class TestFencing:
    def test_a_newer_instance_shuts_the_older_out(self, transport: Transport, open_log: OpenLog) -> None:
        older = transport.producer("id")
        with older.transaction() as transaction:
            transaction.send(record("old"))
        newer = open_log().producer("id")
        with pytest.raises(Fenced, match="id"), older.transaction() as transaction:
            transaction.send(record("zombie"))
        with pytest.raises(Fenced), older.transaction() as transaction:
            transaction.send(record("zombie again"))
        with newer.transaction() as transaction:
            transaction.send(record("new"))
        reader = transport.reader(["one"])
        assert values(take(reader, 2)) == ["old", "new"]
        assert nothing_more(reader)

    def test_an_open_transaction_of_the_older_never_appears(
        self, transport: Transport, open_log: OpenLog
    ) -> None:
        older = transport.producer("id")

        def be_overtaken() -> None:
            with older.transaction() as transaction:
                transaction.send(record("half"))
                with open_log().producer("id").transaction() as other:
                    other.send(record("whole"))

        with pytest.raises(Fenced):
            be_overtaken()
        reader = transport.reader(["one"])
        assert values(take(reader, 1)) == ["whole"]
        assert nothing_more(reader)

    def test_other_ids_go_on(self, transport: Transport) -> None:
        first, second = transport.producer("first"), transport.producer("second")
        with first.transaction() as transaction:
            transaction.send(record(1))
        with second.transaction() as transaction:
            transaction.send(record(2))
        assert sorted(values(take(transport.reader(["one"]), 2))) == ["1", "2"]


class TestMembers:
    def test_one_alone_has_everything(self, transport: Transport) -> None:
        write(transport, (record(i, key=str(i), topic="four") for i in range(20)))
        member = transport.member(["four"], "group")
        take(member, 20)
        assert len(member.assignment()) == 4

    def test_share_the_partitions(self, transport: Transport, open_log: OpenLog) -> None:
        first, second = transport.member(["four"], "group"), open_log().member(["four"], "group")
        poll_until(lambda: len(first.assignment()) == len(second.assignment()) == 2, first, second)
        assert not first.assignment() & second.assignment()
        write(transport, (record(i, key=str(i), topic="four") for i in range(100)))
        found = poll_until(lambda: not any([*first.lag().values(), *second.lag().values()]), first, second)
        assert sorted(values(found), key=int) == [str(i) for i in range(100)]

    def test_take_over_what_one_that_leaves_has_not_committed(
        self, transport: Transport, open_log: OpenLog
    ) -> None:
        write(transport, (record(i, key=str(i), topic="four") for i in range(100)))
        first, second = transport.member(["four"], "group"), open_log().member(["four"], "group")
        poll_until(lambda: len(first.assignment()) == len(second.assignment()) == 2, first, second)
        poll_until(lambda: not any([*first.lag().values(), *second.lag().values()]), first, second)
        first.commit(first.positions())
        theirs = second.positions()
        second.close()
        again = poll_until(lambda: len(first.assignment()) == 4 and not any(first.lag().values()), first)
        assert {(each.topic, each.partition) for each in again} == {at for at, end in theirs.items() if end}
        assert len(again) == sum(theirs.values())

    def test_take_over_from_one_that_is_killed(self, transport: Transport, settings: Settings) -> None:
        write(transport, (record(i, key=str(i), topic="four") for i in range(100)))
        victim = subprocess.Popen(
            [sys.executable, "-c", HOLD_EVERYTHING, msgspec.json.encode(settings.model_dump(mode="json"))],
            stdout=subprocess.PIPE,
        )
        try:
            assert victim.stdout is not None
            assert victim.stdout.readline() == b"has everything\n"
        finally:
            victim.kill()
            victim.wait()
            victim.stdout.close()
        heir = transport.member(["four"], "group")
        assert (
            len(poll_until(lambda: len(heir.assignment()) == 4 and not any(heir.lag().values()), heir)) == 100
        )

    def test_a_commit_for_partitions_that_were_taken_away_is_refused(
        self, transport: Transport, open_log: OpenLog
    ) -> None:
        write(transport, (record(i, key=str(i), topic="four") for i in range(100)))
        first = transport.member(["four"], "group")
        take(first, 100)
        before = first.positions()
        second = open_log().member(["four"], "group")
        poll_until(lambda: len(second.assignment()) == 2, first, second)
        with pytest.raises(PositionsLost):
            first.commit(before)
        assert transport.group_positions("group", ["four"]) == {}

    def test_work_that_was_lost_is_read_again_by_whoever_has_the_partition(
        self, transport: Transport, open_log: OpenLog
    ) -> None:
        write(transport, (record(i, key=str(i), topic="four") for i in range(100)))
        first = transport.member(["four"], "group")
        records = take(first, 100)
        before = first.positions()
        second = open_log().member(["four"], "group")
        moved = poll_until(lambda: len(second.assignment()) == 2, first, second)
        producer = transport.producer("id")

        def commit_too_late() -> None:
            with producer.transaction() as transaction:
                transaction.send(record("never"))
                transaction.commit_positions(first, before)

        with pytest.raises(PositionsLost):
            commit_too_late()
        again = poll_until(lambda: not any([*first.lag().values(), *second.lag().values()]), first, second)
        assert {each.value for each in moved + again} == {each.value for each in records}
        with producer.transaction() as transaction:
            transaction.send(record("kept"))
            transaction.commit_positions(first, first.positions())
        assert transport.group_positions("group", ["four"]) == first.positions()
        assert values(take(transport.reader(["one"]), 1)) == ["kept"]

    def test_seek_back_after_an_abort_passes_over_lost_partitions(
        self, transport: Transport, open_log: OpenLog
    ) -> None:
        first = transport.member(["four"], "group")
        poll_until(lambda: len(first.assignment()) == 4, first)
        start = first.positions()
        second = open_log().member(["four"], "group")
        poll_until(lambda: len(second.assignment()) == 2, first, second)
        first.seek(start)
        assert len(first.positions()) == 2

    def test_of_different_groups_each_get_everything(self, transport: Transport) -> None:
        write(transport, (record(i) for i in range(5)))
        first, second = transport.member(["one"], "first"), transport.member(["one"], "second")
        assert values(take(first, 5)) == values(take(second, 5))
