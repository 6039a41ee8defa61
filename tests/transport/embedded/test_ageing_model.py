"""However a log is written, aged, crashed and read, only what is due goes, and what is left is as it was."""

import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from equal_stream.transport.base import OutgoingRecord, Record, TopicSpec
from equal_stream.transport.embedded import EmbeddedTransport, housekeeping

HOUR_MS = 3_600_000
TOPICS = ("kept", "short", "compact")
RECORDS = st.lists(
    st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.none() | st.binary(max_size=2), st.booleans()),
    max_size=6,
)


class CrashError(Exception):
    """The process that was writing is gone."""


class AgeingLog(RuleBasedStateMachine):
    """Each record is young, or older than `short` keeps and than a tombstone of `compact` stays.

    The model is the list of all committed records of each topic; a record's place in it is its offset.
    """

    @initialize()
    def open(self) -> None:
        self.patched = pytest.MonkeyPatch()
        self.patched.setattr(housekeeping, "EVERY_RECORDS", 4)
        self.directory = tempfile.TemporaryDirectory()
        self.log = EmbeddedTransport(Path(self.directory.name))
        policies = {"kept": ("delete", -1), "short": ("delete", HOUR_MS), "compact": ("compact", -1)}
        self.log.create_topics(
            [TopicSpec(name, 1, cleanup, keep, 1000) for name, (cleanup, keep) in policies.items()]
        )
        self.bulk = self.log.producer()
        self.transactional = self.log.producer("writer")
        self.reader = self.log.reader(["kept"], "group")
        self.written: dict[str, list[tuple[OutgoingRecord, bool]]] = {name: [] for name in TOPICS}
        self.processed: list[int] = []

    def outgoing(self, topic: str, records: list) -> list[tuple[OutgoingRecord, bool]]:
        now = time.time_ns() // 1_000_000
        return [
            (OutgoingRecord(topic, key, value, (), now - 30 * HOUR_MS if old else now), old)
            for key, value, old in records
        ]

    @rule(topic=st.sampled_from(TOPICS), records=RECORDS)
    def write_in_bulk(self, topic: str, records: list) -> None:
        new = self.outgoing(topic, records)
        for record, _ in new:
            self.bulk.send(record)
        self.bulk.flush()
        self.written[topic] += new

    @rule(first=RECORDS, second=RECORDS, crash=st.booleans())
    def write_to_two_topics_in_one_transaction(self, first: list, second: list, crash: bool) -> None:
        new = {"short": self.outgoing("short", first), "compact": self.outgoing("compact", second)}
        try:
            with self.transactional.transaction() as transaction:
                for record, _ in [*new["short"], *new["compact"]]:
                    transaction.send(record)
                if crash:
                    raise CrashError
        except CrashError:
            return
        for topic, records in new.items():
            self.written[topic] += records

    @rule(count=st.integers(1, 5), crash=st.booleans())
    def read_and_commit(self, count: int, crash: bool) -> None:
        records = self.reader.poll(count, 0)
        try:
            with self.transactional.transaction() as transaction:
                transaction.commit_positions(self.reader, self.reader.positions())
                if crash:
                    raise CrashError
        except CrashError:
            self.restart_the_reader()
        else:
            self.processed += [record.offset for record in records]

    @rule()
    def restart_the_reader(self) -> None:
        self.reader.close()
        self.reader = self.log.reader(["kept"], "group")

    @rule()
    def restart_the_writers(self) -> None:
        self.bulk.close()
        self.bulk = self.log.producer()
        self.transactional = self.log.producer("writer")

    def found(self, topic: str) -> list[Record]:
        reader = self.log.reader([topic])
        records: list[Record] = []
        while batch := reader.poll(7, 0):
            records += batch
        reader.close()
        return records

    @invariant()
    def what_is_left_is_as_it_was_written(self) -> None:
        for topic, written in self.written.items():
            assert self.log.end_positions([topic]) == {(topic, 0): len(written)}
            offsets = []
            for record in self.found(topic):
                original, _ = written[record.offset]
                assert (record.key, record.value) == (original.key, original.value)
                assert record.timestamp_ms == original.timestamp_ms
                offsets.append(record.offset)
            assert offsets == sorted(set(offsets))

    @invariant()
    def only_what_is_due_is_gone(self) -> None:
        left = {topic: {record.offset for record in self.found(topic)} for topic in TOPICS}
        assert left["kept"] == set(range(len(self.written["kept"])))
        young = {offset for offset, (_, old) in enumerate(self.written["short"]) if not old}
        assert young <= left["short"]
        newest = {record.key: (offset, record, old) for offset, (record, old) in
                  enumerate(self.written["compact"])}  # fmt: skip
        due = {offset for offset, record, old in newest.values() if record.value is None and old}
        assert {offset for offset, _, _ in newest.values()} - due <= left["compact"]

    @invariant()
    def every_record_is_processed_once_and_in_order(self) -> None:
        assert self.processed == list(range(len(self.processed)))
        committed = self.log.group_positions("group", ["kept"]).get(("kept", 0), 0)
        assert committed == len(self.processed)

    def teardown(self) -> None:
        self.log.close()
        self.directory.cleanup()
        self.patched.undo()


AgeingLog.TestCase.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
TestAgeingLog = pytest.mark.timeout(180)(AgeingLog.TestCase)
