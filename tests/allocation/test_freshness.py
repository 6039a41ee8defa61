"""Coverage that fades, seen through the core: what is bought anew, given back, and found by a replay."""

from datetime import timedelta

import numpy as np
import pytest

from equal_stream.allocation.core import AllocatorCore

from .world import (
    DIMENSION,
    PRICING,
    START,
    World,
    answered,
    make_core,
    pair,
    passage,
    passage_id,
    reference,
    settings,
    unit,
)

E = np.eye(DIMENSION, dtype=np.float32)
WEEK = timedelta(days=7)


def two_topics(**allocation):
    """A core with three passages on a heavier and two on a lighter reference."""
    core = make_core(**allocation)
    for number in range(3):
        core.add_passage(passage(f"heavy {number}", unit(E[0] + 0.3 * E[10 + number]), cluster=0))
    for number in range(2):
        core.add_passage(passage(f"light {number}", unit(E[1] + 0.3 * E[20 + number]), cluster=1))
    core.set_reference(reference("t", 0, weight=1.2), E[0])
    core.set_reference(reference("t", 1, weight=1.0), E[1])
    return core


def buy(core, at):
    """Buy one passage, with a pair that lies where its reference does; return whose."""
    ticket = core.choose(1, at)[0].ticket
    heavy = ticket.passage_id in {passage_id(f"heavy {number}") for number in range(3)}
    vector = unit(E[0 if heavy else 1] + 0.4 * unit(np.random.default_rng(ticket.attempt).random(DIMENSION)))
    core.settle(ticket, answered(ticket, [pair(ticket.ticket_id, vector)]), at)
    return "heavy" if heavy else "light"


@pytest.mark.parametrize(("halflife", "then"), [(None, "light"), (7.0, "heavy")])
def test_what_matters_most_is_bought_anew_once_what_covered_it_has_faded(halflife, then):
    core = two_topics(coverage_halflife_days=halflife)
    assert buy(core, START) == "heavy"
    assert buy(core, START + 10 * WEEK) == then


def test_until_it_has_faded_what_is_not_covered_yet_comes_first():
    core = two_topics(coverage_halflife_days=7.0)
    assert [buy(core, START), buy(core, START + timedelta(hours=1))] == ["heavy", "light"]


def test_the_status_shows_coverage_as_it_is_now_and_a_later_look_sees_less():
    core = two_topics(coverage_halflife_days=7.0)
    buy(core, START)
    looks = [core.status(START + weeks * WEEK).targets[0].coverage for weeks in range(4)]
    assert looks == sorted(looks, reverse=True)
    assert looks[0] > 1.4 * looks[1]
    assert core.status(START).targets[0].coverage == looks[-1]  # the clock is never put back


def test_gains_that_rose_by_fading_are_told_once():
    core = two_topics(coverage_halflife_days=7.0)
    buy(core, START)
    worth = core.holdings.worth
    worth.refresh()
    worth.take_changed()
    core.status(START + timedelta(hours=1))
    assert not worth.take_changed()
    core.status(START + timedelta(days=1))
    assert worth.take_changed()
    assert not worth.take_changed()


def test_a_passage_that_leaves_gives_back_what_its_pairs_still_bring():
    core, without = two_topics(coverage_halflife_days=7.0), two_topics(coverage_halflife_days=7.0)
    ticket = core.choose(1, START)[0].ticket
    core.settle(ticket, answered(ticket, [pair("q", E[0])]), START)
    core.remove_passages([ticket.passage_id])
    later = core.choose(1, START + WEEK)
    assert later
    assert core.status(START + WEEK).targets[0].coverage == pytest.approx(
        without.status(START + WEEK).targets[0].coverage, abs=1e-6
    )


def test_a_gain_is_what_the_pair_brings_on_the_day_it_is_published():
    core = two_topics(coverage_halflife_days=7.0)
    tickets = {r.ticket.passage_id: r.ticket for r in core.choose(5, START)}
    one, two = (tickets[passage_id(f"heavy {number}")] for number in range(2))
    first = core.settle(one, answered(one, [pair("q", unit(E[0] + 0.35 * E[5]))]), START)
    again = core.settle(two, answered(two, [pair("r", unit(E[0] + 0.35 * E[6]))]), START + 52 * WEEK)
    assert again.outcome.gain == pytest.approx(first.outcome.gain, rel=0.01)


def at_work(core, world, weeks=6):
    """Buy for some weeks; return what was published, with vectors, and the last instant."""
    published, now = [], START
    for _ in range(weeks):
        now += WEEK
        for reservation in core.choose(4, now):
            brought = world.pairs_of(reservation.ticket)
            vectors = {each.question: np.frombuffer(each.vector, np.float32) for each in brought}
            settled = core.settle(reservation.ticket, answered(reservation.ticket, brought), now)
            published += [(each, vectors[each.question]) for each in settled.pairs]
    return published, now


@pytest.mark.parametrize("seed", range(3))
def test_a_replay_in_any_order_finds_the_coverage_that_is_left(seed):
    world = World(seed=3, topics=6, passages=20)
    core, fresh = (World(seed=3, topics=6, passages=20) for _ in range(2))
    core, fresh = (each.fill(make_core(coverage_halflife_days=10.0)) for each in (core, fresh))
    published, now = at_work(core, world)
    assert len(published) > 10
    for place in np.random.default_rng(seed).permutation(len(published)):
        fresh.replay_pair(*published[place])
    mine, theirs = core.status(now), fresh.status(now)
    assert theirs.targets[0].coverage == pytest.approx(mine.targets[0].coverage, rel=1e-6)
    assert theirs.targets[0].touched == mine.targets[0].touched
    assert np.allclose(
        fresh.holdings.worth.targets.covered, core.holdings.worth.targets.covered, rtol=1e-5, atol=1e-9
    )


def test_a_restored_core_fades_on_exactly():
    world = World(seed=3, topics=6, passages=20)
    core = world.fill(make_core(coverage_halflife_days=10.0))
    _, now = at_work(core, world)
    configured = settings(coverage_halflife_days=10.0)
    copy = AllocatorCore.from_state(core.to_state(), configured, pricing=PRICING, dimension=DIMENSION)
    later = now + timedelta(days=3)
    assert copy.status(later) == core.status(later)
    assert copy.choose(5, later) == core.choose(5, later)
    mine, theirs = core.holdings.worth.targets, copy.holdings.worth.targets
    assert np.array_equal(theirs.covered, mine.covered)


def test_another_halflife_in_the_settings_counts_from_the_next_start():
    world = World(seed=3, topics=6, passages=20)
    core = world.fill(make_core(coverage_halflife_days=10.0))
    published, now = at_work(core, world)
    copy = AllocatorCore.from_state(core.to_state(), settings(), pricing=PRICING, dimension=DIMENSION)
    unfading = World(seed=3, topics=6, passages=20).fill(make_core())
    for each, vector in published:
        unfading.replay_pair(each, vector)
    assert copy.status(now).targets[0].coverage == pytest.approx(
        unfading.status(now).targets[0].coverage, rel=1e-5
    )


# The audit of the whole output, as the status shows it.


def test_the_status_tells_how_far_the_output_is_from_its_references_and_how_far_the_crawl_is():
    world = World(seed=3, topics=6, passages=40)
    core = world.fill(make_core())
    before = core.status(START).targets[0]
    assert (before.distance, before.distance_of_crawl, before.audited_pairs) == (None, None, 0)
    world.run(core, 20)
    target = core.status(START + timedelta(minutes=1)).targets[0]
    assert target.audited_pairs == 40
    assert target.distance < 0.5 * target.distance_of_crawl


def test_a_replay_finds_the_same_distance():
    world = World(seed=3, topics=6, passages=20)
    core, fresh = (World(seed=3, topics=6, passages=20).fill(make_core()) for _ in range(2))
    published, now = at_work(core, world, weeks=10)
    for each, vector in reversed(published):
        fresh.replay_pair(each, vector)
    mine, theirs = core.status(now).targets[0], fresh.status(now).targets[0]
    assert mine.audited_pairs == theirs.audited_pairs >= 32
    assert theirs.distance == pytest.approx(mine.distance, abs=1e-5)
    assert theirs.distance_of_crawl == pytest.approx(mine.distance_of_crawl, abs=1e-5)
