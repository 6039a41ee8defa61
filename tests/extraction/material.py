"""Tickets, passages and stand-ins that the extraction tests share."""

import asyncio
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from equal_stream.extraction.base import PassageText, Pricing, Ticket
from equal_stream.extraction.prompt import prompt_bound
from equal_stream.messages import JournalEntry

PRICING = Pricing(in_mtok_cost=2.0, out_mtok_cost=8.0)
OUTPUT_LIMIT = 256
NILE = PassageText(
    text="The Nile is a major river in northeastern Africa. It flows into the Mediterranean Sea near "
    "Alexandria. The Aswan Dam is a barrage across the river that was completed in 1970.",
    start=1_000,
    title="Nile",
    lang="en",
)


def ticket_for(passage: PassageText, **changes: object) -> Ticket:
    """Return a ticket that reserves the bound of a passage."""
    bound = prompt_bound(passage.text, OUTPUT_LIMIT)
    fields = {
        "ticket_id": "ticket-1",
        "request_id": "request-1",
        "passage_id": "8f9f7a46-6d1e-4b6b-9f0e-2d8b2f8f0c11",
        "doc_id": "9f0e2d8b-6d1e-4b6b-8f9f-7a462f8f0c11",
        "url": "https://example.com/nile",
        "cluster_id": 7,
        "target": "rivers",
        "tokens": 40,
        "reserved_tokens": bound,
        "reserved_usd": PRICING.cost(bound - OUTPUT_LIMIT, OUTPUT_LIMIT),
        "predicted_gain": 0.5,
        "propensity": 1.0,
        "policy": "calibrated",
    }
    return Ticket(**(fields | changes))


class MemoryJournal:
    """Keeps what it is given; `refuses` is why it would not."""

    def __init__(self) -> None:
        self.entries: list[JournalEntry] = []
        self.refuses = ""

    async def refusal(self) -> str:
        return self.refuses

    async def append(self, entry: JournalEntry) -> None:
        self.entries.append(entry)

    async def close(self) -> None:
        pass


class LengthEncoder:
    """Gives each text a unit vector that depends on its length alone."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        angles = np.array([len(text) for text in texts], dtype=np.float32)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


class FakeClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)
