"""A small synthetic crawl: topics as directions, passages and pairs around them, some only look right."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from equal_stream.allocation.base import Settlement
from equal_stream.allocation.core import AllocatorCore
from equal_stream.extraction.base import ExtractedPair, ExtractionResult, Pricing, Ticket
from equal_stream.messages import AssignedPassage, ReferencePair, pack_vector
from equal_stream.settings import AllocationSettings, BudgetSettings, LLMSettings, Settings

DIMENSION = 64
PRICING = Pricing(in_mtok_cost=0.15, out_mtok_cost=0.6)
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def settings(budget=None, **allocation):
    """Settings with an LLM, the given caps and allocation settings."""
    return Settings(
        llm=LLMSettings(base_url="http://127.0.0.1:9/v1", model="m", max_output_tokens=200),
        budget=BudgetSettings(**({"usd_total": 1.0} if budget is None else budget)),
        allocation=AllocationSettings(**{"exploration": 0.0, **allocation}),
    )


def make_core(budget=None, pricing=PRICING, dimension=DIMENSION, **allocation):
    """A fresh core."""
    return AllocatorCore(settings(budget, **allocation), pricing=pricing, dimension=dimension)


def passage_id(name):
    """The id of the passage called `name`."""
    return str(uuid5(NAMESPACE_URL, f"passage {name}"))


def unit(vector):
    """The vector scaled to length 1, as float32."""
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def passage(name, vector, cluster=0, tokens=200, text_bytes=800):
    """An assigned passage."""
    return AssignedPassage(
        passage_id=passage_id(name),
        doc_id=str(uuid5(NAMESPACE_URL, f"document {name}")),
        url=f"https://example.org/{name}",
        cluster_id=cluster,
        similarity=0.9,
        tokens=tokens,
        vector=pack_vector(vector),
        text_bytes=text_bytes,
    )


def reference(target, number, weight=1.0):
    """A reference pair."""
    return ReferencePair(
        target=target, ref_id=str(number), question=f"{target} {number}?", answer="yes", weight=weight
    )


def pair(question, vector):
    """A pair as extraction hands it over."""
    return ExtractedPair(
        question=question, answer="because", quote="evidence", start=0, end=8, vector=pack_vector(vector)
    )


def answered(ticket, pairs=(), tokens_in=300, tokens_out=80, pricing=PRICING):
    """An answered call with these pairs."""
    return ExtractionResult(
        ticket_id=ticket.ticket_id,
        request_id=ticket.request_id,
        status="answered",
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost_usd=pricing.cost(tokens_in, tokens_out),
        pairs=list(pairs),
        model="m",
    )


def ended(ticket, status, **fields):
    """A call that brought no usable answer."""
    return ExtractionResult(ticket_id=ticket.ticket_id, request_id=ticket.request_id, status=status, **fields)


@dataclass
class World:
    """Topics with passages; each passage of a yielding topic holds two pairs near it.

    Topic 0 is the theme. Topics 1 … `decoys` are as near to it as its own passages, and yield nothing.
    """

    seed: int = 0
    topics: int = 20
    passages: int = 40
    decoys: int = 0
    references: int = 30
    vectors: dict = field(default_factory=dict)
    topic_of: dict = field(default_factory=dict)

    def __post_init__(self):
        self.rng = np.random.default_rng(self.seed)
        self.centres = np.array([unit(self.rng.standard_normal(DIMENSION)) for _ in range(self.topics)])
        for decoy in range(1, self.decoys + 1):
            self.centres[decoy] = unit(self.centres[0] + 0.25 * self._noise())
        for topic in range(self.topics):
            for number in range(self.passages):
                name = f"{topic}-{number}"
                self.vectors[passage_id(name)] = unit(self.centres[topic] + 0.6 * self._noise())
                self.topic_of[passage_id(name)] = topic

    def _noise(self):
        return self.rng.standard_normal(DIMENSION) / np.sqrt(DIMENSION)

    def fill(self, core):
        """Give all passages, shuffled, and the references of the theme to a core."""
        for name in self.rng.permutation(
            [f"{t}-{n}" for t in range(self.topics) for n in range(self.passages)]
        ):
            topic = int(name.split("-")[0])
            core.add_passage(passage(name, self.vectors[passage_id(name)], cluster=topic))
        for number in range(self.references):
            core.set_reference(reference("theme", number), unit(self.centres[0] + 0.5 * self._noise()))
        return core

    def pairs_of(self, ticket: Ticket):
        """What an LLM finds in the passage of a ticket."""
        topic = self.topic_of[ticket.passage_id]
        if 1 <= topic <= self.decoys:
            return []
        rng = np.random.default_rng([self.seed, int(ticket.passage_id[:8], 16)])
        centre = self.vectors[ticket.passage_id]
        return [
            pair(
                f"{ticket.passage_id} {n}",
                unit(centre + 0.35 * rng.standard_normal(DIMENSION) / np.sqrt(DIMENSION)),
            )
            for n in range(2)
        ]

    def run(self, core: AllocatorCore, tickets: int, batch: int = 8) -> list[Settlement]:
        """Choose and settle until so many tickets ended or nothing is chosen any more."""
        now = START
        settled: list[Settlement] = []
        while len(settled) < tickets:
            chosen = core.choose(min(batch, tickets - len(settled)), now)
            if not chosen:
                break
            for reservation in chosen:
                now += timedelta(milliseconds=100)
                ticket = reservation.ticket
                settled.append(core.settle(ticket, answered(ticket, self.pairs_of(ticket)), now))
        return settled


def share(world, settlements, topic=0):
    """The share of settled tickets that went to a topic."""
    return np.mean([world.topic_of[s.outcome.passage_id] == topic for s in settlements])
