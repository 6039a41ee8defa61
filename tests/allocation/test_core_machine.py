"""Any interleaving of choosing, ending, replaying, withdrawing and changing caps keeps the books right."""

from datetime import timedelta
from typing import ClassVar

import numpy as np
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from equal_stream.allocation.core import AllocatorCore
from equal_stream.messages import ClusterEvent
from equal_stream.settings import BudgetSettings

from .world import (
    DIMENSION,
    PRICING,
    START,
    answered,
    ended,
    make_core,
    pair,
    passage,
    reference,
    settings,
    unit,
)

TOKENS = 12_000


class CoreAtWork(RuleBasedStateMachine):
    """A small crawl with small caps in tokens and USD."""

    fading: ClassVar = {}

    def __init__(self):
        super().__init__()
        self.rng = np.random.default_rng(0)
        self.now = START
        self.caps = BudgetSettings(tokens_total=4 * TOKENS, tokens_per_hour=TOKENS, usd_total=0.01)
        self.core = make_core(budget=self.caps.model_dump(), exploration=0.1, **self.fading)
        self.core.set_reference(reference("t", 0), self.direction(0))
        self.open, self.log, self.names, self.published = {}, [], 0, {}
        self.spent_tokens = 0
        self.reserved, self.finished = set(), set()

    def direction(self, topic):
        centre = np.zeros(DIMENSION)
        centre[topic] = 1.0
        return unit(centre + 0.1 * self.rng.standard_normal(DIMENSION))

    @rule(topic=st.integers(0, 3), count=st.integers(1, 4))
    def passages_arrive(self, topic, count):
        for _ in range(count):
            self.names += 1
            self.core.add_passage(
                passage(str(self.names), self.direction(topic), cluster=topic, text_bytes=200 + 100 * topic)
            )

    @rule(limit=st.integers(0, 6), seconds=st.integers(-3000, 3000))
    def choose(self, limit, seconds):
        self.now += timedelta(seconds=seconds)
        for reservation in self.core.choose(limit, self.now):
            ticket = reservation.ticket
            assert ticket.ticket_id not in self.reserved
            self.reserved.add(ticket.ticket_id)
            self.open[ticket.ticket_id] = ticket
            self.log.append(("ledger", reservation.entry))
            ledger = self.core.holdings.ledger
            caps = self.core.holdings.budget.caps
            assert ledger.reserved_tokens + ledger.spent_tokens <= caps.tokens_total
            assert ledger.used_within_hour(self.core._latest)[1] <= caps.tokens_per_hour
            assert ledger.reserved + ledger.spent <= caps.usd_total * 1e9

    @precondition(lambda self: self.open)
    @rule(data=st.data(), how=st.sampled_from(["answered", "failed", "unknown", "unsent", "dropped", "gone"]))
    def a_ticket_ends(self, data, how):
        ticket = self.open.pop(data.draw(st.sampled_from(sorted(self.open))))
        assert ticket.ticket_id not in self.finished
        self.finished.add(ticket.ticket_id)
        pairs = [pair(f"{ticket.ticket_id} {n}", self.direction(ticket.cluster_id % 4)) for n in range(2)]
        if how == "answered":
            settled = self.core.settle(ticket, answered(ticket, pairs, 50, 10), self.now)
        elif how in {"failed", "unknown", "unsent"}:
            result = ended(ticket, how, tokens_in=40, cost_usd=PRICING.cost(40, 0))
            settled = self.core.settle(ticket, result, self.now)
        else:
            settled = self.core.drop(ticket, "withdrawn" if how == "gone" else how, self.now)
        assert settled.entry.tokens <= ticket.reserved_tokens
        assert settled.outcome.ticket_id == settled.entry.ticket_id == ticket.ticket_id
        self.spent_tokens += settled.entry.tokens
        self.log += [("ledger", settled.entry), ("outcome", settled.outcome)]
        vectors = {p.question: np.frombuffer(p.vector, np.float32) for p in pairs}
        for each in settled.pairs:
            assert each.qa_id not in self.published
            self.published[each.qa_id] = each.passage_id
            self.log.append(("pair", (each, vectors[each.question])))

    @precondition(lambda self: self.log)
    @rule(data=st.data())
    def a_record_is_replayed(self, data):
        kind, record = data.draw(st.sampled_from(self.log))
        if kind == "ledger":
            assert not self.core.replay_ledger(record)
        elif kind == "outcome":
            assert not self.core.replay_outcome(record)
        elif record[0].qa_id in self.published:
            assert not self.core.replay_pair(*record)

    @precondition(lambda self: self.names)
    @rule(data=st.data())
    def a_passage_is_withdrawn(self, data):
        name = data.draw(st.integers(1, self.names))
        gone = passage(str(name), self.direction(0)).passage_id
        mine = {qa_id for qa_id, owner in self.published.items() if owner == gone}
        assert set(self.core.remove_passages([gone]).qa_ids) == mine
        for qa_id in mine:
            del self.published[qa_id]

    @rule(
        first=st.integers(0, 5), second=st.integers(0, 5), kind=st.sampled_from(["merge", "split", "death"])
    )
    def clusters_change(self, first, second, kind):
        parents = [first, second] if kind == "merge" else [first]
        children = [second] if kind != "split" else [first, second]
        self.core.apply_cluster_event(
            ClusterEvent(
                event=kind, cluster_id=first, parents=parents, children=children, size=1, at=self.now
            )
        )

    @rule(tokens=st.integers(0, 6 * TOKENS), hourly=st.integers(0, 2 * TOKENS))
    def caps_change(self, tokens, hourly):
        self.core.change_budget(BudgetSettings(tokens_total=tokens, tokens_per_hour=hourly, usd_total=0.02))

    @rule(name=st.sampled_from(["t", "u"]), topic=st.integers(0, 3), add=st.booleans())
    def references_change(self, name, topic, add):
        if add:
            self.core.set_reference(reference(name, topic), self.direction(topic))
        else:
            self.core.remove_reference(name, str(topic))

    @rule(pause=st.booleans())
    def an_operator_pauses_or_resumes(self, pause):
        (self.core.pause if pause else self.core.resume)()

    @rule()
    def the_process_restarts(self):
        configured = settings(self.caps.model_dump(), exploration=0.1, **self.fading)
        data = self.core.to_state()
        self.core = AllocatorCore.from_state(data, configured, pricing=PRICING, dimension=DIMENSION)

    @invariant()
    def books_are_right(self):
        ledger, status = self.core.holdings.ledger, self.core.status(self.now)
        assert set(ledger.open) == set(self.open)
        assert {t.ticket_id for t in self.core.open_tickets()} == set(self.open)
        assert ledger.spent_tokens == self.spent_tokens
        assert ledger.reserved_tokens == sum(t.reserved_tokens for t in self.open.values())
        assert status.pairs == len(self.published)
        assert status.in_flight == len(self.open)
        assert all(cluster.waiting >= 0 and cluster.in_flight >= 0 for cluster in status.clusters)

    def teardown(self):
        for qa_id in list(self.published):
            self.core.replay_withdrawal(qa_id)
        assert all(abs(target.coverage) < 1e-4 for target in self.core.status(self.now).targets)


CoreAtWork.TestCase.settings = hypothesis_settings(max_examples=40, stateful_step_count=30, deadline=None)
TestCoreAtWork = CoreAtWork.TestCase


class FadingCoreAtWork(CoreAtWork):
    """The same where coverage fades within the hours that pass."""

    fading: ClassVar = {"coverage_halflife_days": 0.05}


FadingCoreAtWork.TestCase.settings = hypothesis_settings(
    max_examples=15, stateful_step_count=30, deadline=None
)
TestFadingCoreAtWork = FadingCoreAtWork.TestCase
