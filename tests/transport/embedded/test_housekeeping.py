"""The embedded log ages: what is expired or superseded goes, and offsets stay as they were."""

import time
from pathlib import Path

import pytest

from equal_stream.observability import metrics
from equal_stream.transport.base import OutgoingRecord, Record, TopicSpec
from equal_stream.transport.embedded import EmbeddedTransport, housekeeping

HOUR_MS = 3_600_000


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "EVERY_RECORDS", 100)


@pytest.fixture
def log(tmp_path: Path) -> EmbeddedTransport:
    log = EmbeddedTransport(tmp_path)
    log.create_topics(
        [
            TopicSpec("short", 1, "delete", HOUR_MS, 1000),
            TopicSpec("kept", 1, "delete", -1, 1000),
            TopicSpec("compact", 1, "compact", -1, 1000),
            TopicSpec("both", 1, "compact,delete", HOUR_MS, 1000),
        ]
    )
    return log


def write(log: EmbeddedTransport, topic: str, keys: list[str], age_hours: float, value: bytes | None) -> None:
    producer = log.producer()
    at = time.time_ns() // 1_000_000 - int(age_hours * HOUR_MS)
    for key in keys:
        producer.send(OutgoingRecord(topic, key.encode(), value, timestamp_ms=at))
    producer.close()


def read(log: EmbeddedTransport, topic: str) -> list[Record]:
    reader = log.reader([topic])
    found: list[Record] = []
    while records := reader.poll(1000, 0):
        found += records
    assert reader.lag() == {(topic, 0): 0}
    reader.close()
    return found


def test_records_past_their_retention_go_and_the_rest_keep_their_offsets(log: EmbeddedTransport) -> None:
    write(log, "short", ["old"] * 150, 2, b"v")
    write(log, "short", ["new"] * 60, 0, b"v")
    found = read(log, "short")
    assert {each.key for each in found} == {b"new"}
    assert [each.offset for each in found] == list(range(150, 210))
    assert log.beginning_positions(["short"]) == {("short", 0): 150}
    assert log.end_positions(["short"]) == {("short", 0): 210}


def test_a_topic_without_retention_keeps_everything(log: EmbeddedTransport) -> None:
    write(log, "kept", ["old"] * 150, 1_000_000, b"v")
    assert len(read(log, "kept")) == 150


def test_an_emptied_partition_goes_on_where_it_ended(log: EmbeddedTransport) -> None:
    write(log, "short", ["old"] * 100, 2, b"v")
    assert read(log, "short") == []
    assert log.beginning_positions(["short"]) == log.end_positions(["short"]) == {("short", 0): 100}
    write(log, "short", ["new"], 0, b"v")
    assert [each.offset for each in read(log, "short")] == [100]


def test_a_compacted_topic_keeps_the_newest_of_each_key_in_order(log: EmbeddedTransport) -> None:
    write(log, "compact", [str(i % 7) for i in range(100)], 0, b"v")
    found = read(log, "compact")
    assert [each.offset for each in found] == list(range(93, 100))


def test_compaction_removes_tombstones_after_a_day_only(log: EmbeddedTransport) -> None:
    write(log, "compact", ["a", "b"], 30, b"v")
    write(log, "compact", ["a"], 30, None)
    write(log, "compact", ["b"], 1, None)
    write(log, "compact", ["c"] * 96, 0, b"v")
    assert [(each.key, each.value) for each in read(log, "compact")] == [(b"b", None), (b"c", b"v")]


def test_compaction_waits_until_as_much_is_new_as_was_kept(log: EmbeddedTransport) -> None:
    write(log, "compact", [str(i) for i in range(200)], 0, b"v")
    write(log, "compact", ["0"] * 100, 0, b"v")
    assert len(read(log, "compact")) == 300
    write(log, "compact", ["0"] * 100, 0, b"v")
    assert len(read(log, "compact")) == 200


def test_both_policies_work_together(log: EmbeddedTransport) -> None:
    write(log, "both", ["old"] * 50, 2, b"v")
    write(log, "both", ["a", "b"] * 25, 0, b"v")
    assert [each.key for each in read(log, "both")] == [b"a", b"b"]


def test_a_reader_that_is_behind_goes_on_after_the_gap(log: EmbeddedTransport) -> None:
    write(log, "compact", ["a"] * 50, 0, b"v")
    reader = log.reader(["compact"])
    assert len(reader.poll(10, 0)) == 10
    write(log, "compact", ["a"] * 50, 0, b"v")
    assert [each.offset for each in reader.poll(10, 0)] == [99]


def test_a_group_that_came_too_late_is_told_what_it_missed(
    log: EmbeddedTransport, caplog: pytest.LogCaptureFixture
) -> None:
    write(log, "short", ["old"] * 90, 2, b"v")  # they go when the next producer opens
    counted = metrics.RECORDS_EXPIRED.labels("short")
    before = counted._value.get()
    slow = log.reader(["short"], "slow")
    assert len(slow.poll(40, 0)) == 40
    write(log, "short", ["new"] * 60, 0, b"v")
    assert {each.key for each in slow.poll(1000, 0)} == {b"new"}
    assert counted._value.get() - before == 50
    assert "50 records of short, partition 0, from offset 40 on" in caplog.text
    assert slow.poll(1000, 0) == []
    assert counted._value.get() - before == 50


def test_gaps_of_a_compacted_topic_are_nothing_to_tell(
    log: EmbeddedTransport, caplog: pytest.LogCaptureFixture
) -> None:
    reader = log.reader(["compact"], "group")
    write(log, "compact", ["k"] * 250, 0, b"v")
    assert len(reader.poll(1000, 0)) < 250
    assert caplog.text == ""
