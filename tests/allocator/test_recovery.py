"""Restarts under conditions that a lucky test never sees: zombies, clocks put back, a slow or foreign log."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from equal_stream import topics
from equal_stream.allocator import reading
from equal_stream.allocator.intake import INPUTS
from equal_stream.allocator.progress import Progress
from equal_stream.allocator.reading import read_to_end
from equal_stream.allocator.replay import OWN_OUTPUTS
from equal_stream.errors import ConfigurationError
from equal_stream.messages import JournalEntry, now
from equal_stream.roles import ALLOCATOR
from equal_stream.transport.base import OutgoingRecord
from equal_stream.transport.exceptions import Fenced, TransportUnavailable
from equal_stream.transport.factory import open_transport
from tests.allocator.world import PromptWorkers, World, run


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def answered(world: World, passage: str) -> None:
    """Journal an answer to the one ticket that is open."""
    (reserved,) = world.values(topics.LEDGER.name)
    entry = JournalEntry(
        request_id=str(reserved["request_id"]),
        ticket_id=str(reserved["ticket_id"]),
        passage_id=passage,
        model="m",
        prompt_version="1",
        content="{}",
        finish_reason="stop",
        tokens_in=300,
        tokens_out=50,
        usage_known=True,
        cost_usd=0.0004,
        at=now(),
    )
    world.publish(entry, topics.JOURNAL.name, entry.request_id)


def test_an_allocator_replaced_while_idle_leaves_no_snapshot_that_hides_spending(
    world: World,
) -> None:
    world.reference("t", "1", "apples")
    old = world.service(PromptWorkers())
    old.recover()
    run(old, turns=5)
    new = world.service(PromptWorkers())
    new.recover()
    for number in range(3):
        world.passage("apples", number)
    run(new)
    spent = new.core.status(world.tick()).budget.usd_spent
    with pytest.raises(Fenced):
        old.snapshot()
    workers = PromptWorkers()
    third = world.service(workers)
    third.recover()
    run(third)
    assert third.core.status(world.tick()).budget.usd_spent == spent > 0
    assert workers.sent == []


def test_a_snapshot_that_is_ahead_of_its_log_hides_no_spending(world: World) -> None:
    """After a loss of power, a log put back from a copy, or other topics under the old data directory."""
    world.reference("t", "1", "apples")
    copy = copied(world)
    for number in range(6):
        world.passage("apples", number)
    first = world.service(PromptWorkers())
    first.recover()
    run(first)
    first.snapshot()
    first.close()
    put_back(world, copy)
    for number in range(10, 13):  # fewer than there were
        world.passage("apples", number)
    second = world.service(PromptWorkers())
    second.recover()
    run(second)
    assert len(world.values(topics.PAIRS.name)) == 3
    spent = second.core.status(world.tick()).budget.usd_spent
    second.close()  # without a snapshot, as after kill -9
    third = world.service(PromptWorkers())
    third.recover()
    assert third.core.status(world.tick()).budget.usd_spent == spent > 0
    third.close()


def copied(world: World) -> Path:
    """Return a copy of the log."""
    log = world.settings.data_dir / "log.sqlite3"
    copy = log.with_name("copy")
    with closing(sqlite3.connect(log)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def put_back(world: World, copy: Path) -> None:
    """Put a copy of the log in the place of the log."""
    world.producer.close()
    world.transport.close()
    for file in world.settings.data_dir.glob("log.sqlite3*"):
        file.unlink()
    copy.rename(world.settings.data_dir / "log.sqlite3")
    world.transport = open_transport(world.settings)
    world.producer = world.transport.producer()


def test_an_answer_journaled_before_the_clock_was_put_back_is_found(world: World) -> None:
    world.reference("t", "1", "apples")
    passage = world.passage("apples", 1)
    workers = PromptWorkers()
    workers.silent = True
    first = world.service(workers)
    first.recover()
    run(first, turns=3)
    answered(world, passage)
    world.clock -= timedelta(hours=1)
    first.snapshot()
    first.snapshot()
    second = world.service(PromptWorkers(capacity=0))
    second.recover()
    assert [entry["entry"] for entry in world.values(topics.LEDGER.name)] == ["reserve", "settle"]


def test_a_disk_that_takes_no_snapshot_stops_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    world.reference("t", "1", "apples")
    service = world.service(PromptWorkers())
    service.recover()
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        service.snapshot()
    world.passage("apples", 1)
    run(service)
    assert len(world.values(topics.PAIRS.name)) == 1


def test_a_log_that_stalls_before_its_end_is_an_error_and_not_a_short_ledger(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.reference("t", "1", "apples")
    opened = world.transport.reader

    def stalled(*arguments: object, **options: object) -> object:
        consumer = opened(*arguments, **options)
        consumer.poll = lambda *_: []
        return consumer

    monkeypatch.setattr(reading, "PATIENCE", 0.01)
    monkeypatch.setattr(world.transport, "reader", stalled)
    with pytest.raises(TransportUnavailable, match="references"):
        list(read_to_end(world.transport, [topics.REFERENCES.name]))


def test_a_reference_whose_removal_was_compacted_away_meanwhile_is_gone_after_a_restart(world: World) -> None:
    world.reference("t", "1", "apples")
    world.reference("t", "2", "pears")
    first = world.service(PromptWorkers())
    first.recover()
    run(first, turns=5)
    first.snapshot()
    (removed,) = [record for record in world.records(topics.REFERENCES.name) if record.key == b"t/2"]
    opened = world.transport.reader

    def compacted(*arguments: object, **options: object) -> object:
        consumer = opened(*arguments, **options)
        poll = consumer.poll
        consumer.poll = lambda *limits: [each for each in poll(*limits) if each.key != removed.key]
        return consumer

    world.transport.reader = compacted
    second = world.service(PromptWorkers())
    second.recover()
    assert second.core.references() == [("t", "1")]
    second.close()


def test_positions_that_were_committed_never_go_back_while_old_records_are_read_again(world: World) -> None:
    world.reference("t", "1", "apples")
    world.producer.send(OutgoingRecord(topics.REFERENCES.name, b"t/2", b"{not json"))
    world.producer.flush()
    world.passage("apples", 1)
    workers = PromptWorkers()
    workers.silent = True
    first = world.service(workers)
    first.recover()
    run(first, turns=3)
    inputs = [topic.name for topic in INPUTS]
    committed = world.transport.group_positions(ALLOCATOR.group, inputs)
    second = world.service(PromptWorkers(capacity=0))
    second.recover()  # ends the open ticket, in a transaction, with the references still to be read again
    assert world.transport.group_positions(ALLOCATOR.group, inputs) == committed
    third = world.service(PromptWorkers(capacity=0))
    third.recover()
    run(third, turns=3)
    assert len(world.records(topics.dead_letter(topics.REFERENCES.name))) == 1


def test_a_ledger_that_holds_something_else_is_a_mistake_to_report_and_not_to_repeat(world: World) -> None:
    world.producer.send(OutgoingRecord(topics.LEDGER.name, b"k", b'{"what": "is this"}'))
    world.producer.flush()
    with pytest.raises(ConfigurationError, match=r"record 0 in partition 0 of allocation\.ledger"):
        world.service(PromptWorkers()).recover()


def test_an_answer_that_no_worker_can_judge_is_failed_at_its_bill_and_ends_nothing(world: World) -> None:
    class Poisoned(PromptWorkers):
        def recover(self, *_):
            raise RecursionError("deep")

    world.reference("t", "1", "apples")
    passage = world.passage("apples", 1)
    workers = PromptWorkers()
    workers.silent = True
    first = world.service(workers)
    first.recover()
    run(first, turns=3)
    answered(world, passage)
    second = world.service(Poisoned(capacity=0))
    second.recover()
    ended = world.values(topics.LEDGER.name)[-1]
    assert (ended["entry"], ended["tokens"], ended["usd"]) == ("settle", 350, 0.0004)


def test_an_answer_is_kept_for_later_when_the_workers_themselves_are_broken(world: World) -> None:
    class Broken(PromptWorkers):
        def recover(self, *_):
            raise OSError("no model")

        def encode(self, texts):
            raise OSError("no model")

    world.reference("t", "1", "apples")
    passage = world.passage("apples", 1)
    workers = PromptWorkers()
    workers.silent = True
    first = world.service(workers)
    first.recover()
    run(first, turns=3)
    answered(world, passage)
    with pytest.raises(OSError, match="no model"):
        world.service(Broken(capacity=0)).recover()
    assert [entry["entry"] for entry in world.values(topics.LEDGER.name)] == ["reserve"]


def test_a_recovery_says_how_far_it_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.reference("t", "1", "apples")
    for number in range(3):
        world.passage("apples", number)
    first = world.service(PromptWorkers())
    first.recover()
    run(first)
    published = sum(len(world.records(name)) for name in OWN_OUTPUTS)
    pairs = len(world.values(topics.PAIRS.name))
    assert pairs > 0

    said: list[str] = []

    class Noted(Progress):
        def __setattr__(self, name: str, value: str) -> None:
            super().__setattr__(name, value)
            said.append(value)

    monkeypatch.setattr(reading, "BATCH", 2)
    second = world.service(PromptWorkers())
    second.progress = Noted()
    second.recover()
    replaying = [each for each in said if each.startswith("replaying what was published")]
    assert len(replaying) > 3
    assert replaying[-1] == (
        f"replaying what was published since the snapshot, {published} of {published}"
    ), replaying
    assert f"embedding the pairs published since the snapshot, {pairs} of {pairs}" in said
    assert said[-1] == second.progress.text == ""
