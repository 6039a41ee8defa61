from datetime import timedelta

import msgspec
import numpy as np
import pytest

from equal_stream.allocation.core import AllocatorCore
from equal_stream.allocation.exceptions import StateMismatch, TicketNotOpen
from equal_stream.errors import InvalidRecord
from equal_stream.extraction.base import PassageText, Pricing
from equal_stream.messages import ClusterEvent
from equal_stream.settings import BudgetSettings, Settings

from .world import (
    DIMENSION,
    PRICING,
    START,
    World,
    answered,
    ended,
    make_core,
    pair,
    passage,
    passage_id,
    reference,
    settings,
    unit,
)

E = np.eye(DIMENSION, dtype=np.float32)


def small(**allocation):
    """A core with three passages near its only reference."""
    core = make_core(**allocation)
    for number in range(3):
        core.add_passage(passage(str(number), unit(E[0] + 0.3 * E[number + 1]), cluster=number))
    core.set_reference(reference("t", 0), E[0])
    return core


def first(core, now=START):
    return core.choose(1, now)[0].ticket


# What is bought.


def test_without_references_nothing_is_bought_and_the_status_says_why():
    core = make_core()
    core.add_passage(passage("a", E[0]))
    assert core.choose(5, START) == []
    assert core.status(START).idle == "no references"


def test_without_passages_nothing_is_bought_and_the_status_says_why():
    core = make_core()
    core.set_reference(reference("t", 0), E[0])
    assert core.choose(5, START) == []
    assert core.status(START).idle == "no candidates"


def test_while_paused_nothing_is_bought_and_the_status_says_why():
    core = small()
    core.pause()
    assert core.choose(5, START) == []
    assert core.status(START).idle == "paused"
    core.resume()
    assert len(core.choose(5, START)) == 3
    assert core.status(START).idle == ""


def test_below_the_reserve_price_the_money_is_saved():
    core = small(reserve_gain_per_usd=1e9)
    assert core.choose(5, START) == []
    assert core.status(START).idle == "below reserve price"


def test_when_the_budget_is_empty_the_status_says_so():
    core = small(budget={"usd_total": 0.0001})
    assert core.choose(5, START) == []
    assert core.status(START).idle == "budget empty"


def test_an_hourly_cap_is_named_and_an_hour_later_more_is_bought():
    core = small(budget={"tokens_per_hour": 3500})
    ticket = first(core)
    assert core.choose(5, START) == []
    assert core.status(START).idle == "hourly cap"
    core.settle(ticket, answered(ticket, tokens_in=2000, tokens_out=200), START)
    assert core.choose(5, START + timedelta(minutes=30)) == []
    assert len(core.choose(1, START + timedelta(minutes=62))) == 1


def test_a_clock_that_steps_back_does_not_lift_the_hourly_cap():
    core = small(budget={"tokens_per_hour": 3500})
    ticket = first(core)
    core.settle(ticket, answered(ticket, tokens_in=2000, tokens_out=200), START)
    assert core.choose(5, START - timedelta(days=2)) == []
    assert core.status(START - timedelta(days=2)).idle == "hourly cap"


def test_a_ticket_carries_what_the_worker_and_the_ledger_need():
    core = small()
    reservation = core.choose(1, START)[0]
    ticket, entry = reservation.ticket, reservation.entry
    assert ticket.url.startswith("https://example.org/")
    assert ticket.target == "t"
    assert ticket.policy == "calibrated"
    assert ticket.predicted_gain > 0
    assert 0 < ticket.propensity <= 1
    assert (entry.entry, entry.ticket_id, entry.at) == ("reserve", ticket.ticket_id, START)
    assert (entry.tokens, entry.usd) == (ticket.reserved_tokens, ticket.reserved_usd)
    assert entry.usd >= PRICING.cost(entry.tokens - 200, 200)


def test_the_same_decision_bears_the_same_ids_in_another_process():
    one, other = small(), small()
    assert first(one) == first(other)


def test_no_passage_has_two_tickets_at_once():
    core = small()
    passages = [r.ticket.passage_id for r in core.choose(9, START)]
    assert len(set(passages)) == 3
    assert core.choose(9, START) == []


def test_cheaper_passages_of_the_same_worth_are_bought_first():
    core = make_core()
    core.add_passage(passage("long", E[0], tokens=2000, text_bytes=900))
    core.add_passage(passage("short", E[0], tokens=50, text_bytes=900))
    core.set_reference(reference("t", 0), E[0])
    assert first(core).passage_id == passage_id("short")


def test_tickets_in_flight_count_as_coverage_to_come():
    core = make_core()
    for name, vector in {"a": E[0], "a2": unit(E[0] + 0.05 * E[5]), "b": unit(E[1] + 0.3 * E[6])}.items():
        core.add_passage(passage(name, vector, cluster=len(name)))
    for number, vector in enumerate([E[0], E[1]]):
        core.set_reference(reference("t", number), vector)
    assert first(core).passage_id == passage_id("a")
    assert first(core).passage_id == passage_id("b")


def test_the_heavier_target_is_served_first():
    core = make_core()
    core.add_passage(passage("a", E[0], cluster=1))
    core.add_passage(passage("b", E[1], cluster=2))
    core.set_reference(reference("light", 0, weight=1.0), E[0])
    core.set_reference(reference("heavy", 0, weight=2.0), E[1])
    ticket = first(core)
    assert (ticket.passage_id, ticket.target) == (passage_id("b"), "heavy")
    core.set_reference(reference("light", 0, weight=9.0), E[0])
    assert first(core).target == "light"


def test_offline_reserves_and_charges_tokens_and_no_money_on_the_same_path():
    core = AllocatorCore(Settings(), pricing=Pricing(in_mtok_cost=0, out_mtok_cost=0), dimension=DIMENSION)
    core.add_passage(passage("a", E[0]))
    core.set_reference(reference("t", 0), E[0])
    ticket = first(core)
    assert ticket.reserved_tokens > 0
    assert ticket.reserved_usd == 0
    free = msgspec.structs.replace(answered(ticket, [pair("q", E[0])], 20, 5), cost_usd=0.0)
    settled = core.settle(ticket, free, START)
    assert (settled.entry.usd, settled.entry.tokens, settled.outcome.status) == (0, 25, "extracted")


# What is taken in.


def test_a_passage_of_another_dimension_or_with_holes_is_refused():
    core = make_core()
    with pytest.raises(InvalidRecord, match="must have 64 finite components"):
        core.add_passage(passage("a", np.ones(7, np.float32)))
    with pytest.raises(InvalidRecord):
        core.add_passage(passage("a", np.full(DIMENSION, np.nan, np.float32)))
    with pytest.raises(InvalidRecord):
        core.set_reference(reference("t", 0), np.ones(7, np.float32))


def test_a_passage_told_twice_waits_once():
    core = make_core()
    assert core.add_passage(passage("a", E[0]))
    assert not core.add_passage(passage("a", E[0], cluster=5))
    status = core.status(START)
    assert status.waiting == 1
    assert [c.cluster_id for c in status.clusters if c.waiting] == [5]


def test_a_passage_that_was_bought_is_not_bought_again():
    core = small()
    ticket = first(core)
    core.settle(ticket, answered(ticket), START)
    name = next(n for n in "012" if passage_id(n) == ticket.passage_id)
    assert not core.add_passage(passage(name, E[0]))


def test_references_that_come_later_know_what_was_published_before():
    core = small()
    for reservation in core.choose(3, START):
        core.settle(
            reservation.ticket, answered(reservation.ticket, [pair(reservation.ticket.url, E[7])]), START
        )
    core.set_reference(reference("later", 0), E[7])
    later = next(t for t in core.status(START).targets if t.name == "later")
    assert later.coverage == pytest.approx(np.log(2), abs=0.02)  # the other two were near-copies


def test_a_removed_target_is_served_no_more():
    core = small()
    assert core.remove_reference("t", "0")
    assert not core.remove_reference("t", "0")
    assert core.choose(3, START) == []
    assert core.status(START).targets == []


def test_cluster_events_move_what_waits():
    core = small()
    core.apply_cluster_event(
        ClusterEvent(event="merge", cluster_id=0, parents=[0, 1, 2], children=[0], size=3, at=START)
    )
    assert [(c.cluster_id, c.waiting) for c in core.status(START).clusters] == [(0, 3)]


def test_a_ticket_whose_cluster_ended_meanwhile_is_credited_to_the_heir():
    core = small()
    ticket = first(core)
    core.apply_cluster_event(
        ClusterEvent(event="death", cluster_id=ticket.cluster_id, parents=[], children=[7], size=1, at=START)
    )
    core.settle(ticket, answered(ticket, [pair("q", E[0])]), START)
    heir = next(c for c in core.status(START).clusters if c.cluster_id == 7)
    assert (heir.tickets, heir.pairs, heir.in_flight) == (1, 1, 0)


# How tickets end.


def test_an_answer_becomes_entry_outcome_and_pairs_that_agree():
    core = small()
    ticket = first(core)
    text = PassageText(text="some text", start=0, title="Title", lang="en")
    settled = core.settle(ticket, answered(ticket, [pair("q?", E[0])], 300, 80), START, text)
    entry, outcome, published = settled.entry, settled.outcome, settled.pairs[0]
    assert (entry.entry, entry.reason, entry.tokens) == ("settle", "answered", 380)
    assert entry.usd == outcome.cost_usd == published.cost_usd == PRICING.cost(300, 80)
    assert (outcome.status, outcome.pairs, outcome.propensity) == ("extracted", 1, ticket.propensity)
    assert outcome.gain == published.gain == pytest.approx(np.log(2), rel=0.01)
    assert (published.target, published.title, published.lang) == ("t", "Title", "en")
    assert published.evidence.quote == "evidence"
    assert core.status(START).budget.usd_spent == entry.usd


def test_repeated_questions_are_refused_with_a_reason_and_full_cost():
    core = small()
    one, two = (r.ticket for r in core.choose(2, START))
    core.settle(one, answered(one, [pair("What is it?", E[0])]), START)
    copies = [pair("what is it", E[5]), pair("else", unit(E[0] + 0.01 * E[3])), pair("new", E[6])]
    settled = core.settle(two, answered(two, copies), START)
    assert settled.outcome.rejected == {"duplicate-question": 1, "near-copy": 1}
    assert [p.question for p in settled.pairs] == ["new"]
    assert settled.entry.usd > 0


def test_near_copies_in_one_batch_score_once():
    core = small()
    ticket = first(core)
    copies = [pair(f"q{n}", unit(E[0] + 0.001 * n * E[4])) for n in range(5)]
    settled = core.settle(ticket, answered(ticket, copies), START)
    assert len(settled.pairs) == 1
    assert settled.outcome.rejected == {"near-copy": 4}


def test_a_pair_with_a_vector_of_another_length_is_refused():
    core = small()
    ticket = first(core)
    bad = pair("q", np.ones(3, np.float32))
    settled = core.settle(ticket, answered(ticket, [bad]), START)
    assert settled.outcome.rejected == {"invalid_vector": 1}
    assert settled.outcome.status == "empty"


def test_a_failed_call_is_charged_and_the_passage_tried_again_up_to_the_limit():
    core = make_core(max_attempts=2)
    core.add_passage(passage("a", E[0]))
    core.set_reference(reference("t", 0), E[0])
    attempts, ids = [], set()
    while chosen := core.choose(1, START):
        ticket = chosen[0].ticket
        attempts.append(ticket.attempt)
        ids.add(ticket.ticket_id)
        result = ended(ticket, "failed", tokens_in=100, tokens_out=10, cost_usd=PRICING.cost(100, 10))
        settled = core.settle(ticket, result, START)
        assert (settled.outcome.status, settled.entry.entry) == ("failed", "settle")
    assert (attempts, len(ids)) == ([1, 2], 2)
    assert core.status(START).budget.usd_spent == pytest.approx(2 * PRICING.cost(100, 10))


def test_an_unknown_fate_is_charged_in_full():
    core = small()
    ticket = first(core)
    settled = core.settle(ticket, ended(ticket, "unknown", usage_known=False), START)
    assert (settled.entry.entry, settled.outcome.status) == ("expire", "unknown")
    assert (settled.entry.usd, settled.entry.tokens) == (ticket.reserved_usd, ticket.reserved_tokens)


def test_an_answer_without_usage_is_charged_at_its_reservation():
    core = small()
    ticket = first(core)
    result = answered(ticket, [pair("q", E[0])], 0, 0)
    settled = core.settle(ticket, msgspec.structs.replace(result, usage_known=False), START)
    assert settled.entry.usd == ticket.reserved_usd
    assert settled.entry.reason == "answered usage-unknown"
    assert len(settled.pairs) == 1


def test_a_bill_above_the_bound_is_booked_truthfully_and_flagged():
    core = small()
    ticket = first(core)
    settled = core.settle(ticket, answered(ticket, [], 90_000, 80), START)
    assert settled.entry.usd == PRICING.cost(90_000, 80)
    assert settled.entry.reason == "answered overrun"
    assert core.status(START).budget.overruns == 1


def test_what_was_never_billed_costs_nothing_and_uses_up_no_attempt():
    core = make_core(max_attempts=1)
    core.add_passage(passage("a", E[0]))
    core.set_reference(reference("t", 0), E[0])
    for _ in range(5):
        ticket = first(core)
        settled = core.settle(ticket, ended(ticket, "unsent", error="503"), START)
        assert (settled.entry.entry, settled.entry.usd, settled.outcome.status) == ("expire", 0, "failed")
    ticket = first(core)
    settled = core.drop(ticket, "shutting down", START)
    assert (settled.entry.usd, settled.outcome.status) == (0, "released")
    assert core.status(START).budget.usd_spent == 0
    assert first(core).attempt == 1


def test_a_passage_no_llm_ever_takes_stops_coming_up():
    core = make_core()
    core.add_passage(passage("a", E[0]))
    core.set_reference(reference("t", 0), E[0])
    tries = 0
    while chosen := core.choose(1, START):
        core.settle(chosen[0].ticket, ended(chosen[0].ticket, "unsent"), START)
        tries += 1
    assert tries == 32


def test_a_ticket_dropped_because_its_passage_is_gone_does_not_return():
    core = small()
    ticket = first(core)
    settled = core.drop(ticket, "withdrawn", START)
    assert settled.outcome.status == "withdrawn"
    assert ticket.passage_id not in {r.ticket.passage_id for r in core.choose(9, START)}


def test_a_ticket_ends_once():
    core = small()
    ticket = first(core)
    core.settle(ticket, answered(ticket), START)
    with pytest.raises(TicketNotOpen, match="is not open"):
        core.settle(ticket, answered(ticket), START)
    with pytest.raises(TicketNotOpen):
        core.drop(ticket, "late", START)


def test_passages_longer_than_said_are_measured_when_they_come_back():
    core = make_core()
    core.add_passage(passage("a", E[0], text_bytes=10))
    core.set_reference(reference("t", 0), E[0])
    ticket = first(core)
    text = PassageText(text="é" * 500, start=0, title="", lang="")
    core.settle(ticket, ended(ticket, "unsent"), START, text)
    assert first(core).reserved_tokens >= ticket.reserved_tokens + 900


# What goes away.


def test_withdrawing_a_passage_returns_its_pairs_and_gives_coverage_back():
    core = small()
    ticket = first(core)
    settled = core.settle(ticket, answered(ticket, [pair("q", E[0]), pair("r", unit(E[0] + E[9]))]), START)
    assert core.status(START).targets[0].coverage > 0.6
    withdrawal = core.remove_passages([ticket.passage_id, passage_id("never seen")])
    assert withdrawal.qa_ids == [p.qa_id for p in settled.pairs]
    assert core.status(START).targets[0].coverage == pytest.approx(0, abs=1e-6)
    assert core.remove_passages([ticket.passage_id]).qa_ids == []


def test_what_a_withdrawn_passage_brings_later_is_charged_and_not_published():
    core = small()
    ticket = first(core)
    core.remove_passages([ticket.passage_id])
    settled = core.settle(ticket, answered(ticket, [pair("q", E[0])]), START)
    assert (settled.outcome.status, settled.pairs) == ("withdrawn", [])
    assert settled.outcome.rejected == {"withdrawn": 1}
    assert settled.entry.usd > 0


def test_a_passage_that_comes_back_after_it_was_removed_may_be_bought_again():
    core = small()
    name = "0"
    ticket = next(r.ticket for r in core.choose(3, START) if r.ticket.passage_id == passage_id(name))
    core.remove_passages([passage_id(name)])
    assert core.add_passage(passage(name, E[0]))
    assert core.choose(3, START) == []  # its first ticket is still under way
    core.settle(ticket, answered(ticket), START)
    again = first(core)
    assert again.passage_id == passage_id(name)
    assert again.ticket_id != ticket.ticket_id


# Restarts.


def world_at_work(policy="calibrated"):
    world = World(seed=3, topics=8, passages=30, decoys=2)
    core = world.fill(make_core(policy=policy, exploration=0.2, seed=4))
    world.run(core, 40)
    return world, core


@pytest.mark.parametrize("policy", ["calibrated", "retrieval", "uniform", "random"])
def test_a_restored_core_continues_exactly(policy):
    world, core = world_at_work(policy)
    core.choose(5, START)
    copy = AllocatorCore.from_state(
        core.to_state(),
        settings(policy=policy, exploration=0.2, seed=4),
        pricing=PRICING,
        dimension=DIMENSION,
    )
    assert copy.status(START) == core.status(START)
    assert copy.open_tickets() == core.open_tickets()
    assert world.run(copy, 60) == world.run(core, 60)


def test_a_state_for_vectors_of_another_length_is_refused():
    with pytest.raises(StateMismatch, match="vectors of length 64, the encoder gives 8"):
        make_core(dimension=8).restore(make_core().to_state())


def test_replaying_what_was_published_brings_a_fresh_core_to_the_same_place():
    world, core = World(seed=3, topics=8, passages=30, decoys=2), None
    core, fresh = (
        world_copy.fill(make_core()) for world_copy in (world, World(seed=3, topics=8, passages=30, decoys=2))
    )
    settled, entries = [], []
    now = START
    for _ in range(10):
        now += timedelta(minutes=1)
        chosen = core.choose(4, now)
        entries += [r.entry for r in chosen]
        settled += [core.settle(r.ticket, answered(r.ticket, world.pairs_of(r.ticket)), now) for r in chosen]
    entries += [r.entry for r in core.choose(3, now)]
    found = [p for s in settled for p in world.pairs_of(s.outcome)]
    vectors = {p.question: np.frombuffer(p.vector, np.float32) for p in found}
    for _ in range(2):  # everything is told twice
        for entry in entries:
            fresh.replay_ledger(entry)
        for each in settled:
            fresh.replay_outcome(each.outcome)
            fresh.replay_ledger(each.entry)
            for published in each.pairs:
                fresh.replay_pair(published, vectors[published.question])
    assert fresh.open_tickets() == core.open_tickets()
    assert fresh.oldest_open() == core.oldest_open() == now
    mine, theirs = core.status(now), fresh.status(now)
    assert theirs.budget == mine.budget
    assert theirs.clusters == mine.clusters
    assert theirs.counts == mine.counts
    assert (theirs.waiting, theirs.pairs) == (mine.waiting, mine.pairs)
    assert theirs.targets[0].coverage == pytest.approx(mine.targets[0].coverage, abs=0.02)
    assert answers_counted(fresh) == answers_counted(core) == [s.outcome.pairs for s in settled]


def answers_counted(core):
    state = core.holdings.prediction.yields.to_state()
    return [*state["counts"], *state["new_counts"]]


def test_passages_read_again_after_the_replay_are_not_bought_again():
    core = small()
    chosen = core.choose(3, START)
    ends = [core.settle(chosen[0].ticket, answered(chosen[0].ticket), START)]
    fresh = make_core()
    for reservation in chosen:
        fresh.replay_ledger(reservation.entry)
    for each in ends:
        fresh.replay_ledger(each.entry)
    fresh.set_reference(reference("t", 0), E[0])
    for number in range(3):
        fresh.add_passage(passage(str(number), unit(E[0] + 0.3 * E[number + 1]), cluster=number))
    assert fresh.choose(3, START) == []
    assert {t.passage_id for t in fresh.open_tickets()} == {r.ticket.passage_id for r in chosen[1:]}
    assert fresh.open_tickets()[0].predicted_gain == chosen[1].ticket.predicted_gain


def test_a_withdrawal_can_be_replayed():
    core = small()
    ticket = first(core)
    settled = core.settle(ticket, answered(ticket, [pair("q", E[0])]), START)
    assert core.replay_withdrawal(settled.pairs[0].qa_id)
    assert not core.replay_withdrawal(settled.pairs[0].qa_id)
    assert core.status(START).targets[0].coverage == pytest.approx(0, abs=1e-6)


def test_caps_can_be_changed_while_it_runs():
    core = small(budget={"usd_total": 0.0})
    assert core.choose(3, START) == []
    core.change_budget(BudgetSettings(usd_total=1.0))
    assert core.allowance(START).usd == 1.0
    assert len(core.choose(3, START)) == 3
    core.change_budget(BudgetSettings(usd_total=1e-6))
    assert core.allowance(START).usd == 0
