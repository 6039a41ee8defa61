"""Any order of transactions, aborts, restarts and fencing leaves what a plain list would hold."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from equal_stream.transport.base import OutgoingRecord, TopicSpec
from equal_stream.transport.embedded import EmbeddedTransport
from equal_stream.transport.embedded.producer import EmbeddedProducer
from equal_stream.transport.exceptions import Fenced

BATCH = st.lists(st.binary(min_size=1, max_size=3), max_size=5)


class CrashError(Exception):
    """Stands for whatever goes wrong inside a transaction."""


class ConsumeTransformProduce(RuleBasedStateMachine):
    """Records of `in` are copied to `out`; the model is the list of what was put in."""

    producers = Bundle("producers")

    @initialize()
    def open(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.log = EmbeddedTransport(Path(self.directory.name))
        self.log.create_topics(
            [TopicSpec("in", 1, "delete", -1, 1000), TopicSpec("out", 1, "delete", -1, 1000)]
        )
        self.bulk = self.log.producer()
        self.reader = self.log.reader(["in"], "group")
        self.put: list[bytes] = []
        self.copied = 0
        self.newest: EmbeddedProducer | None = None

    @rule(values=BATCH)
    def put_in(self, values: list[bytes]) -> None:
        for value in values:
            self.bulk.send(OutgoingRecord("in", b"k", value))
        self.bulk.flush()
        self.put += values

    @rule(target=producers)
    def start_a_newer_instance(self) -> EmbeddedProducer:
        self.newest = self.log.producer("copier")
        return self.newest

    @rule(producer=producers, count=st.integers(1, 7), crash=st.booleans())
    def copy(self, producer: EmbeddedProducer, count: int, crash: bool) -> None:
        start = self.reader.positions()
        records = self.reader.poll(count, 0)
        try:
            with producer.transaction() as transaction:
                for each in records:
                    transaction.send(OutgoingRecord("out", b"k", each.value))
                transaction.commit_positions(self.reader, self.reader.positions())
                if crash:
                    raise CrashError
        except CrashError:
            self.reader.seek(start)
        except Fenced:
            assert producer is not self.newest
            self.reader.seek(start)
        else:
            assert producer is self.newest
            self.copied += len(records)

    @rule()
    def restart_the_reader(self) -> None:
        self.reader.close()
        self.reader = self.log.reader(["in"], "group")

    @invariant()
    def out_holds_what_was_copied_once_and_in_order(self) -> None:
        reader = self.log.reader(["out"])
        assert [each.value for each in reader.poll(1000, 0)] == self.put[: self.copied]
        reader.close()
        assert self.log.group_positions("group", ["in"]).get(("in", 0), 0) == self.copied
        assert self.log.end_positions(["in"]) == {("in", 0): len(self.put)}

    def teardown(self) -> None:
        self.log.close()
        self.directory.cleanup()


ConsumeTransformProduce.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestConsumeTransformProduce = pytest.mark.timeout(120)(ConsumeTransformProduce.TestCase)
