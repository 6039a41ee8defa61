"""One policy plays one scene, through the same core that serves live.

In each tick documents arrive, are clustered by the service's clusterer and handed to the core; then
tickets are chosen in batches and settled with what was recorded, until the tick's budget is spent. The
clock is simulated. What is left of a tick's budget is carried over.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.core import AllocatorCore
from equal_stream.allocation.policy.base import Policy
from equal_stream.backtest.scene import ATTEMPTS, Scene
from equal_stream.clustering.base import LineageEvent
from equal_stream.clustering.registry import make_clusterer
from equal_stream.extraction.base import ExtractedPair, ExtractionResult, Pricing, Ticket
from equal_stream.messages import AssignedPassage, ClusterEvent, ReferencePair, pack_vector
from equal_stream.settings import AllocationSettings, BudgetSettings, LLMSettings, Settings

START = datetime(2026, 1, 1, tzinfo=UTC)
_PRICE = Pricing(in_mtok_cost=1.0, out_mtok_cost=1.0)  # a token is a token: cost is counted in tokens
_ARRIVING = 256  # passages clustered together
_SECONDS = 0.1  # between batches


@dataclass(frozen=True)
class Replay:
    """What one policy bought.

    Attributes
    ----------
    spent
        (t,) int64; tokens billed so far, after each ended ticket.
    published
        For each ended ticket, the rows of the pairs that were published.
    ticks
        (t,) intp; the tick in which each ticket ended.
    seconds
        Wall time of the replay.
    """

    spent: NDArray[np.int64]
    published: list[list[int]]
    ticks: NDArray[np.intp]
    seconds: float


Stop = Callable[[int, list[int]], bool]


def cluster_arrivals(scene: Scene) -> list[tuple[NDArray[np.int64], list[LineageEvent]]]:
    """Return for each tick the clusters of its passages and the lineage events of it.

    Where everything is there at the start, the clusters are those found at the end.
    """
    clusterer = make_clusterer("evolving", seed=scene.seed)
    arrivals: list[tuple[NDArray[np.int64], list[LineageEvent]]] = []
    for rows in scene.ticks:
        ids = [
            clusterer.assign_many(scene.corpus.vectors[rows[start : start + _ARRIVING]])[0]
            for start in range(0, len(rows), _ARRIVING)
        ]
        arrivals.append((np.concatenate([np.zeros(0, np.int64), *ids]), clusterer.drain_events()))
    if len(scene.ticks) == 1:
        arrivals[0] = (clusterer.predict_many(scene.corpus.vectors[scene.ticks[0]]), arrivals[0][1])
    return arrivals


def replay(
    scene: Scene,
    policy: Policy,
    arrivals: list[tuple[NDArray[np.int64], list[LineageEvent]]],
    *,
    budget: float = 1.0,
    batch: int = 8,
    stop: Stop | None = None,
) -> Replay:
    """Let a policy spend.

    Parameters
    ----------
    budget
        Tokens in all, as a share of what extracting everything costs; spread evenly over the ticks. What
        is under way counts as spent, and at most the last batch goes beyond it.
    batch
        Tickets chosen at once; fewer where the money left is for fewer at their mean price.
    stop
        Asked after each ended ticket, with the tokens spent and the pairs it published, whether to end.
    """
    return _Player(scene, policy, batch, stop).play(arrivals, budget)


class _Call(NamedTuple):
    """A ticket under way, and what it will be billed."""

    ticket: Ticket
    tokens_in: int
    tokens_out: int


class _Player:
    def __init__(self, scene: Scene, policy: Policy, batch: int, stop: Stop | None) -> None:
        self._scene = scene
        self._batch = batch
        self._stop = stop
        self._now = START
        self._core = AllocatorCore(
            _settings(scene), pricing=_PRICE, dimension=scene.corpus.dimension, policy=policy
        )
        self._place = {passage: row for row, passage in enumerate(scene.corpus.passage_ids)}
        self._neighbours = scene.corpus.neighbours()
        self._flying: deque[list[_Call]] = deque()
        self._under_way = 0
        self._spent: list[int] = []
        self._published: list[list[int]] = []
        self._ticks: list[int] = []
        self._total = 0
        self._over = False

    def play(self, arrivals: list[tuple[NDArray[np.int64], list[LineageEvent]]], budget: float) -> Replay:
        began = time.perf_counter()
        share = budget * float(self._scene.total_tokens) / len(arrivals)
        goal = -1
        for tick, (clusters, events) in enumerate(arrivals):
            self._arrive(tick, clusters, events)
            goal = self._aim(goal, int(self._scene.targets[tick]))
            self._spend(tick, share * (tick + 1))
            if self._over:
                break
        self._land(len(arrivals) - 1, 0)
        return Replay(
            np.array(self._spent, np.int64),
            self._published,
            np.array(self._ticks, np.intp),
            time.perf_counter() - began,
        )

    def _arrive(self, tick: int, clusters: NDArray[np.int64], events: list[LineageEvent]) -> None:
        for event in events:
            self._core.apply_cluster_event(
                ClusterEvent(
                    event=event.event,
                    cluster_id=event.cluster_id,
                    parents=list(event.parents),
                    children=list(event.children),
                    size=event.size,
                    at=self._now,
                )
            )
        corpus = self._scene.corpus
        before, after = self._neighbours
        for row, cluster in zip(self._scene.ticks[tick], clusters.tolist(), strict=True):
            document = corpus.document_of[row]
            self._core.add_passage(
                AssignedPassage(
                    passage_id=corpus.passage_ids[row],
                    doc_id=corpus.doc_ids[document],
                    url=corpus.urls[document],
                    cluster_id=cluster,
                    similarity=0.0,
                    tokens=int(corpus.tokens[row]),
                    vector=pack_vector(corpus.vectors[row]),
                    text_bytes=int(corpus.text_bytes[row]),
                    before=int(before[row]),
                    after=int(after[row]),
                )
            )

    def _aim(self, before: int, now: int) -> int:
        if before != now:
            if before >= 0:
                for target, ref_id in self._core.references():
                    self._core.remove_reference(target, ref_id)
            goal = self._scene.goals[now]
            for number in np.flatnonzero(goal.seen).tolist():
                question, answer = goal.texts[number]
                pair = ReferencePair(
                    target=goal.name, ref_id=str(number), question=question, answer=answer, weight=1.0
                )
                self._core.set_reference(pair, goal.vectors[number])
        return now

    def _spend(self, tick: int, limit: float) -> None:
        price = self._scene.mean_bill(tick)
        while (left := limit - self._total - self._under_way) > 0 and not self._over:
            chosen = self._core.choose(min(self._batch, max(1, int(left / price))), self._now)
            self._now += timedelta(seconds=_SECONDS)
            if chosen:
                self._send(tick, [reservation.ticket for reservation in chosen])
                self._land(tick, self._scene.delay)
            elif self._flying:  # what comes back may be tried again, or make room for others
                self._land(tick, len(self._flying) - 1)
            else:
                return

    def _send(self, tick: int, tickets: list[Ticket]) -> None:
        calls = [_Call(ticket, *self._scene.bill(self._place[ticket.passage_id], tick)) for ticket in tickets]
        self._flying.append(calls)
        self._under_way += sum(call.tokens_in + call.tokens_out for call in calls)

    def _land(self, tick: int, delay: int) -> None:
        while len(self._flying) > delay and not self._over:
            for call in self._flying.popleft():
                self._settle(tick, call)

    def _settle(self, tick: int, call: _Call) -> None:
        scene, ticket = self._scene, call.ticket
        row = self._place[ticket.passage_id]
        rows = [] if scene.failing[row] else scene.pairs(row)
        corpus = scene.corpus
        result = ExtractionResult(
            ticket_id=ticket.ticket_id,
            request_id=ticket.request_id,
            status="failed" if scene.failing[row] else "answered",
            tokens_in=call.tokens_in,
            tokens_out=call.tokens_out,
            cost_usd=_PRICE.cost(call.tokens_in, call.tokens_out),
            pairs=[self._pair(pair) for pair in rows],
        )
        settled = self._core.settle(ticket, result, self._now)
        by_question = {corpus.questions[pair]: pair for pair in rows}
        published = [by_question[pair.question] for pair in settled.pairs]
        self._under_way -= call.tokens_in + call.tokens_out
        self._total += call.tokens_in + call.tokens_out
        self._spent.append(self._total)
        self._published.append(published)
        self._ticks.append(tick)
        if self._stop is not None and self._stop(self._total, published):
            self._over = True

    def _pair(self, row: int) -> ExtractedPair:
        corpus = self._scene.corpus
        return ExtractedPair(
            question=corpus.questions[row],
            answer=corpus.answers[row],
            quote=corpus.answers[row],
            start=0,
            end=len(corpus.answers[row]),
            vector=pack_vector(corpus.pair_vectors[row]),
        )


def _settings(scene: Scene) -> Settings:
    output = int(scene.corpus.tokens_out.max(initial=1) * scene.wordiness.max(initial=1.0)) + 1
    return Settings(
        llm=LLMSettings(base_url="http://127.0.0.1:9/v1", model="recorded", max_output_tokens=output),
        budget=BudgetSettings(usd_total=1e9),
        allocation=AllocationSettings(
            seed=scene.seed, max_candidates=len(scene.corpus) + 1, max_attempts=ATTEMPTS
        ),
    )
