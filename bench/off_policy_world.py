"""A small crawl of which everything is known: what every passage holds, and so what any ticket would bring.

Clusters lie at different distances from the target and differ in how many pairs their passages hold; some
of the near ones may hold none. A log is what the real allocator core does with it.
"""

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.core import AllocatorCore
from equal_stream.extraction.base import ExtractionResult, Pricing, Ticket
from equal_stream.messages import AssignedPassage, QAPair, ReferencePair, pack_vector
from equal_stream.offpolicy.history import Answer, Event, History, Reference
from equal_stream.offpolicy.outlook import imagined_result
from equal_stream.settings import AllocationSettings, BudgetSettings, LLMSettings, Settings

START = datetime(2026, 1, 1, tzinfo=UTC)
PRICING = Pricing(in_mtok_cost=0.15, out_mtok_cost=0.6)
DIMENSION = 32


@dataclass(frozen=True)
class Shape:
    """What a world is like.

    Parameters
    ----------
    near
        Clusters around the target, of all `clusters`.
    decoys
        How many of the near ones hold nothing.
    texture
        How much passages of one cluster differ in what they hold, by where they lie: one standard deviation
        of the logarithm of their rates.
    waves
        In how many parts the passages arrive.
    """

    clusters: int = 20
    passages: int = 32
    near: int = 9
    decoys: int = 2
    references: int = 40
    texture: float = 0.5
    waves: int = 2


class World:
    """Passages, what each holds, and references.

    Attributes
    ----------
    pairs
        By passage: the unit vectors (p, d) of the pairs that extraction finds.
    bills
        By passage: tokens in and out of its call.
    """

    def __init__(self, shape: Shape, seed: int) -> None:
        self.shape = shape
        rng = np.random.default_rng([seed, 11])
        theme = _unit(rng.standard_normal(DIMENSION))
        distance = np.concatenate(
            [rng.uniform(0.2, 0.9, shape.near), rng.uniform(1.0, 3.0, shape.clusters - shape.near)]
        )
        centres = np.array([_unit(theme + far * _noise(rng)) for far in distance])
        rates = rng.gamma(2.0, 0.75, shape.clusters)  # pairs per passage: mean 1.5, some hardly any
        if shape.decoys:
            rates[: shape.decoys] = 0.0
        grain = rng.standard_normal(DIMENSION)
        self.passages: list[AssignedPassage] = []
        self.pairs: dict[str, NDArray[np.float32]] = {}
        self.bills: dict[str, tuple[int, int]] = {}
        for number in rng.permutation(shape.clusters * shape.passages).tolist():
            cluster = number % shape.clusters
            aside = _noise(rng)
            vector = _unit(centres[cluster] + 0.45 * aside)
            tokens = int(np.clip(np.exp(rng.normal(5.0, 0.4)), 30, 500))
            passage_id = str(uuid5(NAMESPACE_URL, f"{seed} {number}"))
            # what a passage really is about differs from what it looks like, and so do its pairs
            rate = rates[cluster] * np.exp(shape.texture * (aside @ grain) - shape.texture**2 / 2)
            count = int(rng.poisson(rate * tokens / 160))
            found = [_unit(vector + 0.4 * _noise(rng)) for _ in range(min(count, 5))]
            self.pairs[passage_id] = np.array(found, np.float32).reshape(-1, DIMENSION)
            spent = int(1.1 * tokens + 180), int(20 + 45 * len(found) + rng.integers(0, 30))
            self.bills[passage_id] = spent
            self.passages.append(
                AssignedPassage(
                    passage_id=passage_id,
                    doc_id=str(uuid5(NAMESPACE_URL, f"{seed} document {number}")),
                    url=f"https://example.org/{number}",
                    cluster_id=cluster,
                    similarity=0.9,
                    tokens=tokens,
                    vector=pack_vector(vector),
                    text_bytes=4 * tokens,
                )
            )
        self.references = np.array([_unit(theme + 0.7 * _noise(rng)) for _ in range(shape.references)])

    def vector(self, pair: QAPair) -> NDArray[np.float32]:
        """Return the unit vector (d,) of a pair that a call brought."""
        vector: NDArray[np.float32] = self.pairs[pair.passage_id][int(pair.question.split()[1][:-1])]
        return vector

    def result(self, ticket: Ticket) -> ExtractionResult:
        """Return what a call for a ticket brings."""
        tokens_in, tokens_out = self.bills[ticket.passage_id]
        cost = PRICING.cost(tokens_in, tokens_out)
        return imagined_result(ticket, self.pairs[ticket.passage_id], tokens_in, tokens_out, cost)


def settings(policy: str, exploration: float, seed: int) -> Settings:
    """Return the settings that a log is made, and evaluated, with."""
    return Settings(
        llm=LLMSettings(
            base_url="http://127.0.0.1:9/v1",
            model="m",
            max_output_tokens=300,
            in_mtok_cost=PRICING.in_mtok_cost,
            out_mtok_cost=PRICING.out_mtok_cost,
        ),
        budget=BudgetSettings(usd_total=1e6),
        allocation=AllocationSettings(policy=policy, exploration=exploration, seed=seed),
    )


def make_log(world: World, setup: Settings, tickets: int, batch: int = 12) -> History:
    """Let the allocator spend so many tickets, answers coming while the next batch is under way."""
    events: list[Event] = []
    history = History(events, {})
    core = AllocatorCore(setup, pricing=PRICING, dimension=DIMENSION)
    for number, vector in enumerate(world.references):
        pair = ReferencePair(target="t", ref_id=str(number), question=f"{number}?", answer="yes")
        events.append(Reference(pair, vector))
        core.set_reference(pair, vector)
    waves = np.array_split(np.arange(len(world.passages)), world.shape.waves)
    now, ended, arrived = START, 0, 0
    flying: deque[list[Ticket]] = deque()
    idle = False
    while ended < tickets and not (idle and arrived == len(waves)):
        if arrived < len(waves) and (idle or ended >= arrived * tickets // len(waves)):
            for place in waves[arrived]:
                events.append(world.passages[place])
                core.add_passage(world.passages[place])
            arrived += 1
        now += timedelta(seconds=1)
        chosen = core.choose(min(batch, tickets - ended - sum(map(len, flying))), now)
        events += [each.entry for each in chosen]
        if chosen:
            flying.append([each.ticket for each in chosen])
        while len(flying) > (1 if chosen else 0):
            for ticket in flying.popleft():
                now += timedelta(milliseconds=50)
                settled = core.settle(ticket, world.result(ticket), now)
                events.append(settled.entry)
                history.answers[ticket.ticket_id] = Answer(
                    settled.outcome, [(pair, world.vector(pair)) for pair in settled.pairs]
                )
                ended += 1
        idle = not chosen and not flying
    return history


def _noise(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.standard_normal(DIMENSION) / np.sqrt(DIMENSION)


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float32]:
    return (vector / np.linalg.norm(vector)).astype(np.float32)
