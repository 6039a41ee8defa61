"""Preparing ahead: what may be done before a choice is done before, and what happened since still counts."""

import pytest

from equal_stream.allocation.core import AllocatorCore
from equal_stream.messages import unpack_vector

from .world import (
    DIMENSION,
    PRICING,
    START,
    World,
    answered,
    make_core,
    pair,
    passage,
    reference,
    settings,
    unit,
)

POLICIES = ["calibrated", "retrieval", "uniform", "random", "equal", "discounted-ucb"]


def at_work(policy="calibrated", **allocation):
    world = World(seed=5, topics=8, passages=30, decoys=2)
    core = world.fill(make_core(policy=policy, exploration=0.1, **allocation))
    world.run(core, 24)
    return world, core


def bought(core, count=8):
    return [reservation.ticket.passage_id for reservation in core.choose(count, START)]


@pytest.mark.parametrize("policy", POLICIES)
def test_what_is_prepared_is_what_would_have_been_chosen_anyway(policy):
    _, ahead = at_work(policy)
    _, without = at_work(policy)
    ahead.prepare(START)
    assert bought(ahead) == bought(without)


def test_preparing_twice_is_as_good_as_once():
    _, once = at_work()
    _, twice = at_work()
    once.prepare(START)
    for _ in range(2):
        twice.prepare(START)
    assert bought(once) == bought(twice)


def test_answers_that_came_after_the_preparation_count_in_the_choice():
    promised = []
    for sign in (1, -1):
        world = World(seed=7, topics=4, passages=20)
        core = world.fill(make_core(policy="retrieval"))
        tickets = [reservation.ticket for reservation in core.choose(8, START)]
        core.prepare(START)
        for ticket in tickets:
            found = [replace(each, sign) for each in world.pairs_of(ticket)]
            core.settle(ticket, answered(ticket, found), START)
        promised.append(core.choose(1, START)[0].ticket.predicted_gain)
    near, far = promised
    assert near < 0.9 * far


def replace(found, sign):
    return pair(found.question, sign * unpack_vector(found.vector))


def test_references_that_came_after_the_preparation_decide_what_is_chosen():
    world = World(seed=6, topics=4, passages=20)
    core = world.fill(make_core())
    core.prepare(START)
    for number in range(30):
        core.remove_reference("theme", str(number))
    for number in range(20):
        core.set_reference(reference("other", number), unit(world.centres[3]))
    assert {world.topic_of[each] for each in bought(core, 5)} == {3}


def test_a_passage_that_left_after_the_preparation_is_not_chosen():
    _, core = at_work()
    _, other = at_work()
    best = bought(other, 3)
    core.prepare(START)
    core.remove_passages(best)
    assert not set(best) & set(bought(core, 8))


def test_a_passage_that_came_after_the_preparation_is_chosen_after_the_next():
    world, core = at_work()
    core.prepare(START)
    perfect = passage("perfect", unit(world.centres[0]), cluster=0, tokens=40, text_bytes=160)
    core.add_passage(perfect)
    core.choose(4, START)
    core.prepare(START)
    assert perfect.passage_id in {ticket.passage_id for ticket in core.open_tickets()} | set(bought(core, 4))


def test_nothing_is_prepared_while_nothing_may_be_bought():
    core = make_core()
    core.prepare(START)  # no references
    assert core.choose(4, START) == []
    _, core = at_work()
    core.pause()
    core.prepare(START)
    core.resume()
    assert len(bought(core)) == 8


def test_who_continues_from_a_state_needs_nothing_that_was_prepared():
    world, core = at_work()
    core.prepare(START)
    copy = AllocatorCore.from_state(
        core.to_state(),
        settings(policy="calibrated", exploration=0.1),
        pricing=PRICING,
        dimension=DIMENSION,
    )
    assert world.run(copy, 40) == world.run(core, 40)


def test_who_continues_from_a_state_works_off_what_is_overdue_at_the_same_pace():
    world = World(seed=5, topics=20, passages=100, decoys=2)
    core = world.fill(make_core(policy="calibrated", exploration=0.1))
    settled = world.run(core, 24)
    core.remove_passages([each.outcome.passage_id for each in settled[:12]])  # so all gains are due
    core.choose(1, START)
    copy = AllocatorCore.from_state(
        core.to_state(),
        settings(policy="calibrated", exploration=0.1),
        pricing=PRICING,
        dimension=DIMENSION,
    )
    core.choose(1, START)
    copy.choose(1, START)
    gains = [each.holdings.pool.candidates.gain for each in (core, copy)]
    assert gains[0][: len(gains[1])].tolist() == gains[1].tolist()
    assert world.run(copy, 40) == world.run(core, 40)
