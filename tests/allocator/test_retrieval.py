"""Passages that had to leave the full table come back by way of the store."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from equal_stream import topics
from equal_stream.allocation.core import AllocatorCore
from equal_stream.allocator.retrieval import PAUSE, Retrieval
from equal_stream.allocator.service import AllocatorService
from equal_stream.messages import AssignedPassage, now
from equal_stream.transport.codec import decode
from tests.allocator.world import DIMENSION, PRICES, PromptWorkers, World, embed, run

LIMIT = 20


class Clock:
    """Seconds as they are set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def full(world: World) -> AllocatorService:
    """An allocator whose table holds 20 passages, and which was given 5 of apples among 25 of others."""
    world.settings = world.settings.model_copy(
        update={"allocation": world.settings.allocation.model_copy(update={"max_candidates": LIMIT})}
    )
    for number in range(25):
        world.passage(f"theme{number}", number)
        if number < 5:
            world.passage("apples", number)
    for record in world.records(topics.ASSIGNED.name):
        passage = decode(record, AssignedPassage)
        world.passages.set_payload([passage.passage_id], {"tokens": passage.tokens})
    service = world.service(PromptWorkers())
    service.recover()
    run(service)
    return service


def apples(core: AllocatorCore) -> int:
    table = core.holdings.pool.candidates
    rows = np.fromiter(table.rows.values(), np.intp)
    return int((table.vectors(rows) @ embed("apples passage") > 0.5).sum())


def arms_in_use(core: AllocatorCore) -> set[int]:
    table = core.holdings.pool.candidates
    return {int(table.clusters[row]) for row in table.rows.values()}


def test_what_left_the_table_comes_back_when_a_reference_needs_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("equal_stream.allocator.retrieval.NEAREST", 5)
    service = full(world)
    core, clock = service.core, Clock()
    assert core.evicted > 0
    before = apples(core)
    assert before < 5
    world.reference("t", "1", "apples")
    service.turn(choose=False)
    retrieval = Retrieval(core, world.passages, clock)
    assert retrieval.step() == 0
    clock.seconds = PAUSE
    assert retrieval.step() > 0
    assert {int(core.holdings.pool.arms.ids[arm]) for arm in arms_in_use(core)} == {1}
    assert apples(core) == 5
    assert len(core.holdings.pool.candidates) <= LIMIT
    assert retrieval.step() == 0


def test_what_was_bought_does_not_come_back(world: World) -> None:
    service = full(world)
    world.reference("t", "1", "apples")
    clock = Clock()
    retrieval = Retrieval(service.core, world.passages, clock)
    service.turn(choose=False)
    for _ in range(3):
        clock.seconds += PAUSE
        retrieval.step()
        run(service)
    assert service.core.status(now()).pairs == 30
    clock.seconds += PAUSE
    assert retrieval.step() == 0


def test_a_table_that_nothing_ever_left_asks_the_store_for_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = world.service(PromptWorkers())
    world.reference("t", "1", "apples")
    world.passage("apples", 1)
    service.recover()
    run(service)
    clock = Clock()
    retrieval = Retrieval(service.core, world.passages, clock)
    clock.seconds = PAUSE
    monkeypatch.setattr(world.passages, "knn", lambda *_: pytest.fail("the store was asked"))
    assert retrieval.step() == 0


def test_without_references_nothing_is_needed(world: World) -> None:
    core = AllocatorCore(world.settings, pricing=PRICES, dimension=DIMENSION)
    vectors, needs = core.needs()
    assert (len(vectors), len(needs), core.evicted) == (0, 0, 0)
