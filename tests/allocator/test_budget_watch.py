"""Caps changed, and buying paused, while an allocator runs; and what is left of it after a restart."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from equal_stream import topics
from equal_stream.allocation.caps import KEYS, change_of
from equal_stream.messages import MOST_TOKENS, MOST_USD, BudgetChange, now
from equal_stream.settings import BudgetSettings
from equal_stream.transport.base import OutgoingRecord
from tests.allocator.world import PRICES, PromptWorkers, World, run


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.reference("t", "1", "apples")
    yield made
    made.close()


def say(world: World, change: BudgetChange) -> None:
    world.publish(change, topics.BUDGET.name, KEYS[change.change])


def set_caps(world: World, **caps: float) -> None:
    say(world, change_of("set", BudgetSettings(**caps), now()))


def switch(world: World, change: str) -> None:
    say(world, BudgetChange(change=change, at=now()))  # type: ignore[arg-type]


def crawl(world: World, begin: int, count: int = 4) -> None:
    for number in range(begin, begin + count):
        world.passage("apples", number)


def reserved(world: World) -> int:
    return sum(entry["entry"] == "reserve" for entry in world.values(topics.LEDGER.name))


def said(world: World) -> list[object]:
    return [each["change"] for each in world.values(topics.BUDGET.name)]


def test_while_paused_nothing_is_reserved_and_after_it_everything_is(world: World) -> None:
    service = world.service(PromptWorkers())
    service.recover()
    switch(world, "pause")
    crawl(world, 0)
    run(service)
    assert reserved(world) == 0
    assert service.core.status(world.tick()).idle == "paused"
    switch(world, "resume")
    run(service)
    assert reserved(world) == 4
    service.close()


def test_calls_under_way_end_while_paused(world: World) -> None:
    crawl(world, 0)
    workers = PromptWorkers()
    workers.silent = True
    service = world.service(workers)
    service.recover()
    run(service, turns=4)
    assert workers.in_flight() == 4
    switch(world, "pause")
    workers.silent = False
    run(service)
    assert len(world.values(topics.PAIRS.name)) == 4
    service.close()


def test_a_change_is_heeded_by_the_very_next_choice_however_long_the_crawl_behind_it(world: World) -> None:
    service = world.service(PromptWorkers())
    service.recover()
    crawl(world, 0, 40)
    switch(world, "pause")
    service.turn()
    assert reserved(world) == 0
    service.close()


def test_a_cap_lowered_below_what_is_spent_stops_spending_and_raised_it_goes_on(world: World) -> None:
    crawl(world, 0)
    service = world.service(PromptWorkers())
    service.recover()
    run(service)
    spent = service.core.status(world.tick()).budget.usd_spent
    assert spent > 0
    set_caps(world, usd_total=spent / 2)
    crawl(world, 100)
    run(service)
    status = service.core.status(world.tick())
    assert reserved(world) == 4
    assert (status.idle, status.budget.usd_left, status.budget.usd_spent) == ("budget empty", 0, spent)
    set_caps(world, usd_total=1.0)
    run(service)
    assert reserved(world) == 8
    service.close()


def test_what_is_held_never_passes_the_lowered_cap_but_for_what_was_held_before(world: World) -> None:
    crawl(world, 0, 30)
    workers = PromptWorkers(capacity=2)
    service = world.service(workers)
    service.recover()
    for _ in range(3):
        service.turn()
    held = service.core.holdings.ledger
    cap = (held.spent + held.reserved) / 1e9 + PRICES.cost(2_000, 200)
    set_caps(world, usd_total=cap)
    for _ in range(30):
        service.turn()
        assert held.spent + held.reserved <= cap * 1e9
    assert reserved(world) < 30
    service.close()


def test_a_change_survives_a_restart_with_and_without_a_snapshot(world: World) -> None:
    first = world.service(PromptWorkers())
    first.recover()
    set_caps(world, usd_total=0.25)
    switch(world, "pause")
    run(first)
    first.snapshot()
    first.close()
    for lost in (False, True):
        if lost:
            for file in (world.settings.data_dir / "state" / "allocator").iterdir():
                file.unlink()
        again = world.service(PromptWorkers())
        again.recover()
        status = again.core.status(world.tick())
        assert (status.idle, status.budget.usd_total) == ("paused", 0.25)
        again.close()
    assert said(world) == ["configured", "set", "pause"]


def test_other_settings_at_a_start_win_over_what_was_changed_before(world: World) -> None:
    first = world.service(PromptWorkers())
    first.recover()
    set_caps(world, usd_total=100.0)
    run(first)
    first.snapshot()
    first.close()
    world.settings = world.settings.model_copy(update={"budget": BudgetSettings(usd_total=2.0)})
    for _ in range(2):
        again = world.service(PromptWorkers())
        again.recover()
        assert again.core.status(world.tick()).budget.usd_total == 2.0
        again.close()
    assert said(world) == ["configured", "set", "configured"]


def test_a_cap_lowered_before_the_first_start_holds_and_one_raised_does_not(world: World) -> None:
    world.settings = world.settings.model_copy(
        update={"budget": BudgetSettings(usd_total=2.0, tokens_total=1_000)}
    )
    set_caps(world, usd_total=0.25, tokens_total=9_000, tokens_per_hour=500)
    held = BudgetSettings(usd_total=0.25, tokens_total=1_000, tokens_per_hour=500)
    for _ in range(2):
        service = world.service(PromptWorkers())
        service.recover()
        assert service.core.holdings.budget.caps == held
        service.close()
    assert said(world) == ["set", "configured", "set"]


def test_what_is_no_change_becomes_a_dead_letter_and_changes_nothing(world: World) -> None:
    service = world.service(PromptWorkers())
    service.recover()
    for value in (b'{"change": "set", "at": "2026-03-01T00:00:00Z", "usd_total": -1}', b"nonsense", None):
        world.producer.send(OutgoingRecord(topics.BUDGET.name, b"caps", value))
    world.producer.flush()
    crawl(world, 0)
    run(service)
    assert len(world.records(topics.dead_letter(topics.BUDGET.name))) == 3
    assert service.core.status(world.tick()).budget.usd_total == 1.0
    assert reserved(world) == 4
    service.close()


@pytest.mark.parametrize("cap", [b'"tokens_total":18446744073709551616', b'"usd_per_hour":1.7e308'])
def test_a_cap_beyond_all_measure_is_no_change_and_ends_no_allocator(world: World, cap: bytes) -> None:
    service = world.service(PromptWorkers())
    service.recover()
    producer = world.transport.producer()
    record = b'{"change":"set","at":"2026-01-01T00:00:00Z",' + cap + b"}"
    producer.send(OutgoingRecord(topics.BUDGET.name, b"caps", record))
    producer.close()
    crawl(world, 0)
    run(service)
    assert reserved(world) == 4
    assert service.look() is not None
    service.snapshot()
    service.close()


def test_an_allocator_under_the_largest_caps_can_be_shown_saved_and_started_again(world: World) -> None:
    largest = BudgetSettings(
        usd_total=MOST_USD, usd_per_hour=MOST_USD, tokens_total=MOST_TOKENS, tokens_per_hour=MOST_TOKENS
    )
    service = world.service(PromptWorkers())
    service.recover()
    say(world, change_of("set", largest, now()))
    crawl(world, 0)
    run(service)
    assert service.look() is not None
    service.snapshot()
    service.close()
    again = world.service(PromptWorkers())
    again.recover()
    assert again.core.holdings.budget.caps == largest
    again.close()
