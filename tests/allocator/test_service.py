"""The running allocator: one transaction for money and pairs, and a restart that loses neither."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from equal_stream import topics
from equal_stream.allocator.workers import Finished
from equal_stream.extraction.base import ExtractionResult
from equal_stream.messages import JournalEntry, now
from equal_stream.transport.base import OutgoingRecord
from tests.allocator.world import PromptWorkers, World, run


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def test_passages_become_pairs_and_every_ticket_is_reserved_once_and_ended_once(world: World) -> None:
    world.reference("t", "1", "apples")
    wanted = {world.passage("apples", number) for number in range(6)}
    service = world.service(PromptWorkers())
    service.recover()
    run(service)
    pairs = world.values(topics.PAIRS.name)
    assert {pair["passage_id"] for pair in pairs} == wanted
    entries = world.values(topics.LEDGER.name)
    kinds = Counter((entry["ticket_id"], entry["entry"] == "reserve") for entry in entries)
    assert set(kinds.values()) == {1}
    assert len({ticket for ticket, _ in kinds}) == 6
    outcomes = {outcome["ticket_id"]: outcome for outcome in world.values(topics.EXTRACTIONS.name)}
    assert all(outcomes[pair["ticket_id"]]["status"] == "extracted" for pair in pairs)
    service.close()


def test_a_restart_without_a_snapshot_comes_back_from_the_log_alone(world: World) -> None:
    world.reference("t", "1", "apples")
    for number in range(5):
        world.passage("apples", number)
    first = world.service(PromptWorkers())
    first.recover()
    run(first)
    before = first.core.status(world.tick())
    workers = PromptWorkers()
    second = world.service(workers)
    second.recover()
    run(second)
    after = second.core.status(world.tick())
    assert workers.sent == []
    assert after.budget.usd_spent == before.budget.usd_spent > 0
    assert after.pairs == before.pairs == 5
    # The threshold is estimated from the passages seen, in the order seen, so it is near and not equal.
    assert after.targets[0].coverage == pytest.approx(before.targets[0].coverage, rel=0.05)
    second.close()


def test_a_restart_from_a_snapshot_goes_on_where_it_was(world: World) -> None:
    world.reference("t", "1", "apples")
    for number in range(3):
        world.passage("apples", number)
    first = world.service(PromptWorkers())
    first.recover()
    run(first)
    first.snapshot()
    late = world.passage("apples", 99)
    workers = PromptWorkers()
    second = world.service(workers)
    second.recover()
    run(second)
    pairs = world.values(topics.PAIRS.name)
    assert len(workers.sent) == 1
    assert late in {pair["passage_id"] for pair in pairs}
    assert len({pair["qa_id"] for pair in pairs}) == len(pairs) == 4
    second.close()


def test_a_call_whose_answer_is_nowhere_is_charged_in_full(world: World) -> None:
    world.reference("t", "1", "apples")
    world.passage("apples", 1)
    workers = PromptWorkers()
    workers.silent = True
    first = world.service(workers)
    first.recover()
    run(first, turns=3)
    (reserved,) = world.values(topics.LEDGER.name)
    second = world.service(PromptWorkers(capacity=0))
    second.recover()
    ended = world.values(topics.LEDGER.name)[1]
    assert ended["entry"] == "expire"
    assert (ended["tokens"], ended["usd"]) == (reserved["tokens"], reserved["usd"])
    (outcome,) = world.values(topics.EXTRACTIONS.name)
    assert outcome["status"] == "unknown"
    assert outcome["propensity"] == reserved["propensity"] > 0
    second.close()


def test_a_journaled_answer_is_used_and_not_paid_for_again(world: World) -> None:
    world.reference("t", "1", "apples")
    passage = world.passage("apples", 1)
    workers = PromptWorkers()
    workers.silent = True
    first = world.service(workers)
    first.recover()
    run(first, turns=3)
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
    again = PromptWorkers()
    second = world.service(again)
    second.recover()
    run(second)
    assert again.sent == []
    assert [entry["entry"] for entry in world.values(topics.LEDGER.name)] == ["reserve", "settle"]
    assert [pair["passage_id"] for pair in world.values(topics.PAIRS.name)] == [passage]
    second.close()


def test_a_passage_that_left_the_store_is_dropped_at_no_cost(world: World) -> None:
    world.reference("t", "1", "apples")
    gone = world.passage("apples", 1)
    world.passages.delete([gone])
    workers = PromptWorkers()
    service = world.service(workers)
    service.recover()
    run(service)
    assert workers.sent == []
    ended = world.values(topics.LEDGER.name)[-1]
    assert (ended["entry"], ended["tokens"], ended["usd"]) == ("expire", 0, 0.0)
    assert service.core.status(world.tick()).budget.usd_spent == 0
    service.close()


def test_a_deleted_page_withdraws_its_pairs_and_gives_its_coverage_back(world: World) -> None:
    world.reference("t", "1", "apples")
    passage = world.passage("apples", 1)
    service = world.service(PromptWorkers())
    service.recover()
    run(service)
    covered = service.core.status(world.tick()).targets[0].coverage
    world.removed(passage)
    run(service)
    records = world.records(topics.PAIRS.name)
    assert records[-1].value is None
    assert records[-1].key == records[0].key
    assert covered > 0
    assert service.core.status(world.tick()).targets[0].coverage == pytest.approx(0.0, abs=1e-9)
    service.close()


def test_pairs_of_a_page_deleted_while_its_call_was_under_way_are_not_published(world: World) -> None:
    world.reference("t", "1", "apples")
    passage = world.passage("apples", 1)
    workers = PromptWorkers()
    workers.silent = True
    service = world.service(workers)
    service.recover()
    run(service, turns=3)
    world.removed(passage)
    run(service, turns=3)
    workers.silent = False
    run(service)
    assert world.values(topics.PAIRS.name) == []
    (outcome,) = world.values(topics.EXTRACTIONS.name)
    assert outcome["status"] == "withdrawn"
    assert outcome["cost_usd"] > 0
    service.close()


def test_a_page_that_came_back_before_its_removal_was_read_keeps_its_passages(world: World) -> None:
    world.reference("t", "1", "apples")
    passage = world.passage("apples", 1)
    world.removed(passage)
    world.passage("apples", 1)
    workers = PromptWorkers()
    service = world.service(workers)
    service.recover()
    run(service)
    assert [pair["passage_id"] for pair in world.values(topics.PAIRS.name)] == [passage]
    assert all(record.value is not None for record in world.records(topics.PAIRS.name))
    service.close()


def test_an_unusable_reference_is_one_dead_letter_however_often_the_allocator_starts(world: World) -> None:
    world.producer.send(OutgoingRecord(topics.REFERENCES.name, b"t/1", b'{"target":"t","ref_id":"1"}'))
    world.producer.flush()
    for _ in range(3):
        service = world.service(PromptWorkers())
        service.recover()
        run(service, turns=5)
    (dead,) = world.records(topics.dead_letter(topics.REFERENCES.name))
    assert dict(dead.headers)["dlq_reason"] == b"missing-field"


def test_a_removed_reference_no_longer_draws_money(world: World) -> None:
    world.reference("t", "1", "apples")
    world.producer.send(OutgoingRecord(topics.REFERENCES.name, b"t/1", None))
    world.producer.flush()
    world.passage("apples", 1)
    workers = PromptWorkers()
    service = world.service(workers)
    service.recover()
    run(service)
    assert workers.sent == []
    assert service.core.status(world.tick()).idle == "no references"
    service.close()


def test_a_reference_removed_while_the_allocator_was_down_is_gone_after_its_restart(world: World) -> None:
    world.reference("t", "1", "apples")
    world.reference("t", "2", "pears")
    first = world.service(PromptWorkers())
    first.recover()
    run(first, turns=5)
    first.snapshot()
    world.producer.send(OutgoingRecord(topics.REFERENCES.name, b"t/2", None))
    world.producer.flush()
    second = world.service(PromptWorkers())
    second.recover()
    run(second, turns=5)
    assert second.core.status(world.tick()).targets[0].references == 1
    second.close()


def test_the_cap_holds_over_restarts(tmp_path: Path) -> None:
    world = World(tmp_path, usd_total=0.015)
    world.reference("t", "1", "apples")
    for number in range(60):
        world.passage("apples", number)
    for _ in range(4):
        workers = PromptWorkers()
        service = world.service(workers)
        service.recover()
        run(service, turns=6)
        workers.silent = True
        run(service, turns=2)
    held: dict[object, float] = {}
    for entry in world.values(topics.LEDGER.name):
        held[entry["ticket_id"]] = float(str(entry["usd"]))
        assert sum(held.values()) <= 0.015 + 1e-12
    assert sum(held.values()) > 0.008
    world.close()


def test_a_passage_the_llm_refuses_gets_as_many_tries_as_one_that_fails_at_no_cost(
    world: World,
) -> None:
    class Refusing(PromptWorkers):
        def finished(self, timeout):
            return [
                Finished(
                    each.ticket,
                    each.passage,
                    ExtractionResult(
                        ticket_id=each.ticket.ticket_id,
                        request_id=each.ticket.request_id,
                        status="unsent",
                        reason="rejected-request",
                        error="the LLM answered 400",
                    ),
                )
                for each in super().finished(timeout)
            ]

    world.reference("t", "1", "apples")
    world.passage("apples", 1)
    for _ in range(3):  # a restart learns it from the ledger
        service = world.service(Refusing())
        service.recover()
        run(service)
        service.close()
    ends = [entry for entry in world.values(topics.LEDGER.name) if entry["entry"] != "reserve"]
    assert len(ends) == world.settings.allocation.max_attempts
    assert {(entry["entry"], entry["usd"], entry["reason"]) for entry in ends} == {("expire", 0.0, "refused")}
