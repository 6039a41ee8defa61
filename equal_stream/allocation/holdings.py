"""Everything the allocator knows, in one place: tables, models, money and randomness.

`choosing` and `ending` work on it; the core saves and restores it. Whatever decides lives in here, so a
saved state that misses nothing here misses nothing.
"""

from collections import Counter
from typing import Any

import numpy as np

from equal_stream.allocation import state as saved
from equal_stream.allocation.budget import Budget
from equal_stream.allocation.cost import CostModel
from equal_stream.allocation.exceptions import StateMismatch
from equal_stream.allocation.ledger import Ledger
from equal_stream.allocation.policy.base import Policy
from equal_stream.allocation.policy.registry import make_policy
from equal_stream.allocation.pool import Pool
from equal_stream.allocation.prediction import Prediction
from equal_stream.allocation.tickets import Tickets
from equal_stream.allocation.vector_storage import VectorStorage
from equal_stream.allocation.worth import Worth
from equal_stream.extraction.base import Pricing
from equal_stream.settings import Settings

_PARTS = ("cost", "ledger", "budget", "tickets", "pool", "worth", "prediction")


class Holdings:
    """The parts of the core. See `AllocatorCore` for the parameters.

    Attributes
    ----------
    learned
        Tickets whose outcome has been learned from.
    counts
        What was taken in, left out or rejected, by reason.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        pricing: Pricing | None,
        dimension: int,
        policy: Policy | None = None,
        vectors: VectorStorage | None = None,
    ) -> None:
        allocation = settings.allocation
        free = pricing is None or pricing.in_mtok_cost == pricing.out_mtok_cost == 0
        self.dimension = dimension
        self.pricing = None if free and not settings.llm.base_url else pricing
        self.reserve_price = allocation.reserve_gain_per_usd
        self.policy = policy or make_policy(allocation.policy, exploration=allocation.exploration)
        self.cost = CostModel(self.pricing, settings.llm.max_output_tokens)
        self.ledger = Ledger()
        self.budget = Budget(settings.budget, self.ledger)
        self.tickets = Tickets(allocation.max_attempts)
        self.pool = Pool(dimension, allocation.max_candidates, self.policy, self.cost, vectors)
        self.worth = Worth(
            dimension, np.random.default_rng([allocation.seed, 1]), allocation.coverage_halflife_days
        )
        self.prediction = Prediction(self.worth.coverage, self.policy.ingredients)
        self.rng = np.random.default_rng(allocation.seed)
        self.learned: set[str] = set()
        self.counts: Counter[str] = Counter()

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {
            "dimension": self.dimension,
            "policy": [self.policy.name, self.policy.to_state()],
            "parts": {name: getattr(self, name).to_state() for name in _PARTS},
            "rng": saved.dump_rng(self.rng),
            "learned": list(self.learned),
            "counts": dict(self.counts),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken; another policy begins with nothing learned."""
        if state["dimension"] != self.dimension:
            raise StateMismatch(
                f"The saved allocation state holds vectors of length {state['dimension']}, the encoder gives "
                f"{self.dimension}; choose another data directory for another model."
            )
        name, learned = state["policy"]
        if name == self.policy.name:
            self.policy.load_state(learned)
        for part in _PARTS:
            getattr(self, part).load_state(state["parts"][part])
        self.rng = saved.load_rng(state["rng"])
        self.learned = set(state["learned"])
        self.counts = Counter(state["counts"])
