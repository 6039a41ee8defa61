"""What calls would bring, as far as a log can tell: recorded where it made them, expected everywhere else."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from equal_stream.extraction.base import ExtractedPair, ExtractionResult, Pricing, Ticket
from equal_stream.messages import pack_vector
from equal_stream.offpolicy.bills import Bills
from equal_stream.offpolicy.correction import Correction, Drawn
from equal_stream.offpolicy.history import Answer, History
from equal_stream.offpolicy.locality import MOST, Locality
from equal_stream.offpolicy.looks import Look, Looks
from equal_stream.offpolicy.transplant import Transplants
from equal_stream.offpolicy.yields import Counts, Law, Yields
from equal_stream.settings import Settings

RANDOM = 0.5  # a propensity below this is that of a draw: the best passage is taken with one near 1
_LAWS = 16  # that expectations are averaged over
_LEAST_USUAL = 0.02  # pairs: what is usual divides
_DONORS = 64  # pairs that the worth of one is averaged over


class Outlook:
    """What is known after a log.

    Attributes
    ----------
    correction
        Of the model by the tickets drawn at random.
    drawn
        How many these are.
    """

    def __init__(
        self, history: History, settings: Settings, pricing: Pricing | None, rng: np.random.Generator
    ) -> None:
        self._dimension = history.dimension
        self.looks = Looks(history, settings, pricing)
        answers = [each for each in history.billed() if each.complete]
        self._calls = [each for each in answers if each.outcome.passage_id in self.looks.of]
        self._known: dict[str, Answer] = {}
        for answer in answers:
            self._known.setdefault(answer.outcome.passage_id, answer)
        looks = [self.looks.of[each.outcome.passage_id] for each in self._calls]
        pairs = np.array([each.outcome.pairs for each in self._calls], np.float64)
        lengths = np.array([look.tokens for look in looks], np.float64)
        clusters = np.array([look.cluster for look in looks], np.int64)
        vectors = np.array([look.vector for look in looks], np.float32)
        counts = Counts(clusters, lengths, pairs, np.ones(len(pairs)))
        before = Yields(counts)
        part = rng.permutation(len(pairs))[:MOST]
        usual = np.maximum(before.usual(), _LEAST_USUAL)
        local = Locality(vectors[part], (pairs / usual)[part], (before.excess / usual)[part])
        factors = local.at(vectors)
        factors[part] = local.own
        self.local = local
        self.yields = Yields(replace(counts, factors=factors))
        self.bills = Bills(
            lengths,
            pairs,
            np.array([each.outcome.tokens_in for each in self._calls], np.float64),
            np.array([each.outcome.tokens_out for each in self._calls], np.float64),
        )
        fruitful = [call for call, count in enumerate(pairs) if count > 0]
        self.transplants = Transplants(
            [looks[call].cluster for call in fruitful],
            [looks[call].vector for call in fruitful],
            [_vectors(self._calls[call], self._dimension) for call in fruitful],
        )
        drawn = self._drawn(looks, rng)
        self.drawn = len(drawn.worth)
        self.correction = Correction.by(drawn)

    def known(self, passage_id: str) -> Answer | None:
        """Return what the log shows of a passage, if it bought it."""
        return self._known.get(passage_id)

    def _drawn(self, looks: list[Look], rng: np.random.Generator) -> Drawn:
        calls = [n for n, each in enumerate(self._calls) if 0 < each.outcome.propensity < RANDOM]
        laws = [self.yields.draw_law(rng) for _ in range(_LAWS)]
        worth, expected, variances = [], [], []
        for call in calls:
            look = looks[call]
            worth.append(float(self.looks.worth(_vectors(self._calls[call], self._dimension)).sum()))
            each = self.looks.worth(self.transplants.draw(rng, look.vector, look.cluster, _DONORS))
            mean, variance = self.yields.foretell(laws, call)
            expected.append(mean * float(each.mean()))
            variances.append(variance * float(each.mean()) ** 2 + mean * float(each.var()))
        return Drawn(
            np.array([looks[call].promise for call in calls]),
            np.array([self._calls[call].outcome.propensity for call in calls]),
            np.array(worth),
            np.array(expected),
            np.array(variances),
        )


class PossibleWorld:
    """One of the worlds that this log may come from: answers every ticket, always alike.

    Parameters
    ----------
    seed
        Of the world; what a passage holds is the same for every policy.
    """

    def __init__(self, outlook: Outlook, cost: Callable[[int, int], float], seed: int) -> None:
        self._outlook = outlook
        self._cost = cost
        self._seed = seed
        rng = np.random.default_rng([seed, 1])
        self._law: Law = outlook.yields.draw_law(rng)
        self._deviation = float(rng.standard_normal())
        self._rates: dict[int, float] = {}

    def answer(self, ticket: Ticket) -> ExtractionResult:
        """Return how the call of a ticket ends in this world."""
        known = self._outlook.known(ticket.passage_id)
        return known.result_for(ticket) if known is not None else self._imagined(ticket)

    def _imagined(self, ticket: Ticket) -> ExtractionResult:
        look, yields = self._outlook.looks.of[ticket.passage_id], self._outlook.yields
        rng = np.random.default_rng([self._seed, *ticket.passage_id.encode()])
        mean = self._rate(look.cluster) * yields.size(self._law, look.tokens)
        mean *= float(self._outlook.local.at(look.vector[None])[0])
        mean *= self._outlook.correction.factor(look.promise, self._deviation)
        vectors = self._outlook.transplants.draw(rng, look.vector, look.cluster, yields.draw_pairs(rng, mean))
        tokens_in, tokens_out = self._outlook.bills.of(look.tokens, len(vectors))
        return imagined_result(ticket, vectors, tokens_in, tokens_out, self._cost(tokens_in, tokens_out))

    def _rate(self, cluster: int) -> float:
        if cluster not in self._rates:
            rng = np.random.default_rng([self._seed, 2, abs(cluster)])
            self._rates[cluster] = self._outlook.yields.draw_rate(rng, self._law, cluster)
        return self._rates[cluster]


def imagined_result(
    ticket: Ticket, vectors: Iterable[NDArray[np.float32]], tokens_in: int, tokens_out: int, cost_usd: float
) -> ExtractionResult:
    """Return an answer to a ticket with pairs at these unit vectors (d,), each with a question of its own."""
    return ExtractionResult(
        ticket_id=ticket.ticket_id,
        request_id=ticket.request_id,
        status="answered",
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost_usd=cost_usd,
        pairs=[
            ExtractedPair(
                question=f"{ticket.passage_id} {number}?",
                answer="imagined",
                quote="imagined",
                start=0,
                end=8,
                vector=pack_vector(vector),
            )
            for number, vector in enumerate(vectors)
        ],
    )


def _vectors(answer: Answer, dimension: int) -> NDArray[np.float32]:
    return np.array([vector for _, vector in answer.pairs], np.float32).reshape(-1, dimension)
