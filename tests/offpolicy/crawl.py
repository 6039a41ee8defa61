"""A small crawl of which everything is known, and logs of what the allocator's core bought of it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.core import AllocatorCore
from equal_stream.extraction.base import ExtractedPair, ExtractionResult, Pricing, Ticket
from equal_stream.messages import AssignedPassage, ReferencePair, pack_vector
from equal_stream.offpolicy.history import Answer, Event, History, Reference
from equal_stream.settings import AllocationSettings, LLMSettings, Settings

# Logs lie in the recent past: what is older than a topic's retention is deleted when it is written.
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
PRICING = Pricing(in_mtok_cost=0.15, out_mtok_cost=0.6)
DIMENSION = 16
CLUSTERS = 8
BARREN = 2  # clusters that lie as near to the references as any, and hold nothing


def unit(vector: NDArray[np.float64]) -> NDArray[np.float32]:
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def noise(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.standard_normal(DIMENSION) / np.sqrt(DIMENSION)


class Crawl:
    """Passages in clusters, the pairs that each holds, and references."""

    def __init__(self, seed: int = 0, passages: int = 320) -> None:
        rng = np.random.default_rng(seed)
        theme = unit(rng.standard_normal(DIMENSION))
        centres = [unit(theme + (0.4 + 0.3 * number) * noise(rng)) for number in range(CLUSTERS)]
        self.references = [unit(theme + 0.6 * noise(rng)) for _ in range(20)]
        self.passages: list[AssignedPassage] = []
        self.pairs: dict[str, NDArray[np.float32]] = {}
        for number in range(passages):
            cluster = number % CLUSTERS
            vector = unit(centres[cluster] + 0.4 * noise(rng))
            passage_id = str(uuid5(NAMESPACE_URL, f"{seed} {number}"))
            count = 0 if cluster < BARREN else int(rng.poisson(1.5))
            found = [unit(vector + 0.4 * noise(rng)) for _ in range(count)]
            self.pairs[passage_id] = np.array(found, np.float32).reshape(-1, DIMENSION)
            self.passages.append(
                AssignedPassage(
                    passage_id=passage_id,
                    doc_id=passage_id,
                    url=f"https://example.org/{number}",
                    cluster_id=cluster,
                    similarity=0.9,
                    tokens=int(rng.integers(60, 240)),
                    vector=pack_vector(vector),
                    text_bytes=1000,
                )
            )
        self._tokens = {each.passage_id: each.tokens for each in self.passages}

    def result(self, ticket: Ticket) -> ExtractionResult:
        """What a call brings."""
        pairs = self.pairs[ticket.passage_id]
        return ExtractionResult(
            ticket_id=ticket.ticket_id,
            request_id=ticket.request_id,
            status="answered",
            tokens_in=self._tokens[ticket.passage_id] + 150,
            tokens_out=20 + 40 * len(pairs),
            pairs=[
                ExtractedPair(
                    question=f"{ticket.passage_id} {number}?",
                    answer="yes",
                    quote="yes",
                    start=0,
                    end=3,
                    vector=pack_vector(vector),
                )
                for number, vector in enumerate(pairs)
            ],
        )


def setup(
    policy: str = "calibrated", exploration: float = 0.1, seed: int = 0, **allocation: object
) -> Settings:
    """Settings of a log or of a play."""
    return Settings(
        llm=LLMSettings(base_url="http://127.0.0.1:9/v1", model="m", in_mtok_cost=0.15, out_mtok_cost=0.6),
        allocation=AllocationSettings(policy=policy, exploration=exploration, seed=seed, **allocation),  # type: ignore[arg-type]
    )


def make_log(
    crawl: Crawl,
    settings: Settings,
    tickets: int = 80,
    result: Callable[[Ticket], ExtractionResult] | None = None,
) -> History:
    """Ten tickets at a time, each batch answered before the next is chosen."""
    core = AllocatorCore(settings, pricing=PRICING, dimension=DIMENSION)
    events: list[Event] = []
    history = History(events, {})
    for number, vector in enumerate(crawl.references):
        pair = ReferencePair(target="t", ref_id=str(number), question=f"{number}?", answer="yes")
        events.append(Reference(pair, vector))
        core.set_reference(pair, vector)
    for passage in crawl.passages:
        events.append(passage)
        core.add_passage(passage)
    now = START
    while len(history.answers) < tickets:
        now += timedelta(seconds=10)
        chosen = core.choose(10, now)
        assert chosen, "the crawl is bought up"
        events += [each.entry for each in chosen]
        for each in chosen:
            now += timedelta(milliseconds=100)
            settled = core.settle(each.ticket, (result or crawl.result)(each.ticket), now)
            events.append(settled.entry)
            vectors = crawl.pairs[each.ticket.passage_id]
            brought = [(pair, vectors[int(pair.question.split()[1][:-1])]) for pair in settled.pairs]
            history.answers[each.ticket.ticket_id] = Answer(settled.outcome, brought)
    return history
