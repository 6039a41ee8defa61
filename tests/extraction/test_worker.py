"""From ticket to result against a running simulated LLM: for every fault, status, charge and journal."""

import asyncio
import json
import math
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from equal_stream.extraction.asker import Asker, NoAnswer
from equal_stream.extraction.base import ExtractionResult, PassageText, Ticket
from equal_stream.extraction.client import LLMClient
from equal_stream.extraction.limits import Limits
from equal_stream.extraction.offline.extractor import OfflineExtractor
from equal_stream.extraction.pairtext import pair_text
from equal_stream.extraction.worker import ExtractionWorker
from equal_stream.messages import JournalEntry, now, unpack_vector
from equal_stream.settings import ExtractionSettings, LLMSettings
from equal_stream.simulate.process import SimulatedLLM
from tests.extraction.material import (
    NILE,
    OUTPUT_LIMIT,
    PRICING,
    FakeClock,
    LengthEncoder,
    MemoryJournal,
    ticket_for,
)

TICKET = ticket_for(NILE)


@pytest.fixture(scope="module")
def honest_llm() -> Iterator[SimulatedLLM]:
    with SimulatedLLM() as llm:
        yield llm


@asynccontextmanager
async def working(asker: Asker, journal: MemoryJournal) -> AsyncIterator[ExtractionWorker]:
    worker = ExtractionWorker(asker, journal, LengthEncoder(), ExtractionSettings())
    try:
        yield worker
    finally:
        await worker.close()


def client(llm: SimulatedLLM, **settings: object) -> LLMClient:
    clock = FakeClock()
    options = {"model": "tiny", "max_output_tokens": OUTPUT_LIMIT, "timeout_seconds": 5} | settings
    limits = Limits(8, clock=clock, sleep=clock.sleep)
    return LLMClient(
        LLMSettings(base_url=llm.base_url, **options), PRICING, limits, max_pairs=5, sleep=clock.sleep
    )


async def extract_once(llm: SimulatedLLM, **settings: object) -> tuple[ExtractionResult, MemoryJournal]:
    journal = MemoryJournal()
    async with working(client(llm, **settings), journal) as worker:
        return await worker.extract(TICKET, NILE), journal


async def test_an_answer_becomes_pairs_with_offsets_into_the_document(honest_llm: SimulatedLLM) -> None:
    before = honest_llm.audit()["tokens"]
    result, journal = await extract_once(honest_llm)
    assert (result.status, result.error, result.reason) == ("answered", "", "")
    document = "x" * NILE.start + NILE.text
    assert result.pairs
    for pair in result.pairs:
        assert document[pair.start : pair.end] == pair.quote
        assert math.isclose(float(np.linalg.norm(unpack_vector(pair.vector))), 1.0, rel_tol=1e-6)
    assert result.tokens_in + result.tokens_out == honest_llm.audit()["tokens"] - before
    assert result.cost_usd == PRICING.cost(result.tokens_in, result.tokens_out)
    assert [entry.request_id for entry in journal.entries] == [TICKET.request_id]


FAULTS = {
    "garbage": ("failed", "not-json", True, 1),
    "truncated": ("failed", "cut-off", True, 1),
    "refusal": ("failed", "refused", True, 1),
    "hallucinated": ("answered", "", True, 1),
    "no_usage": ("answered", "", False, 1),
    "timeout": ("unknown", "timeout", False, 0),
    "reset": ("unknown", "connection-lost", False, 0),
    "500": ("unsent", "server-error", True, 0),
    "429": ("unsent", "rate-limited", True, 0),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_fault_ends_in_its_status_with_its_charge_and_its_journal(fault: str) -> None:
    status, reason, usage_known, journaled = FAULTS[fault]
    with SimulatedLLM(**{f"rate_{fault}": 1.0}) as llm:
        result, journal = await extract_once(llm, timeout_seconds=1, max_retries=2)
        audit = llm.audit()
    assert (result.status, result.reason, result.usage_known) == (status, reason, usage_known)
    assert len(journal.entries) == journaled
    charged = result.tokens_in + result.tokens_out
    if not usage_known:
        assert (charged, result.cost_usd) == (TICKET.reserved_tokens, TICKET.reserved_usd)
        assert charged >= audit["tokens"] > 0
    else:
        assert charged == audit["tokens"]
        assert result.cost_usd == PRICING.cost(result.tokens_in, result.tokens_out)
    assert (result.error == "") == (status == "answered")
    assert audit["requests"] == (3 if status == "unsent" else 1)


async def test_hallucinated_evidence_yields_no_pair_and_a_reason() -> None:
    with SimulatedLLM(rate_hallucinated=1.0) as llm:
        result, _ = await extract_once(llm)
    assert result.pairs == []
    assert set(result.rejected) == {"evidence-not-found"}


async def test_many_calls_at_once_are_charged_what_the_server_billed() -> None:
    with SimulatedLLM(faults=0.3, seed=5) as llm:
        journal = MemoryJournal()
        async with working(client(llm, timeout_seconds=1), journal) as worker:
            tickets = [ticket_for(NILE, ticket_id=f"t{n}", request_id=f"r{n}") for n in range(40)]
            results = await asyncio.gather(*(worker.extract(ticket, NILE) for ticket in tickets))
            stats = worker.stats()
        audit = llm.audit(detail=True)
    assert {result.request_id for result in results} == {ticket.request_id for ticket in tickets}
    known = sum(result.tokens_in + result.tokens_out for result in results if result.usage_known)
    charged = sum(result.tokens_in + result.tokens_out for result in results)
    assert known <= audit["tokens"] <= charged
    assert (
        sum(stats[status] for status in ("answered", "failed", "unknown", "unsent") if status in stats) == 40
    )
    answered = {result.request_id for result in results if result.status in {"answered", "failed"}}
    assert {entry.request_id for entry in journal.entries} == answered


async def test_a_journaled_answer_gives_the_same_result_without_another_call(
    honest_llm: SimulatedLLM,
) -> None:
    journal = MemoryJournal()
    async with working(client(honest_llm), journal) as worker:
        first = await worker.extract(TICKET, NILE)
        requests = honest_llm.audit()["requests"]
        (entry,) = journal.entries
        stored = msgspec.json.decode(msgspec.json.encode(entry), type=JournalEntry)
        again = await worker.recover(TICKET, NILE, stored)
    assert again == first
    assert honest_llm.audit()["requests"] == requests


class StrictJournal(MemoryJournal):
    """Takes its time, as a log does."""

    async def append(self, entry: JournalEntry) -> None:
        await asyncio.sleep(0.01)
        await super().append(entry)


class WatchingEncoder(LengthEncoder):
    """Notes the thread it runs in and what was in the journal then."""

    def __init__(self, journal: MemoryJournal) -> None:
        self.journal = journal
        self.saw: list[tuple[bool, int]] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.saw.append((threading.current_thread() is threading.main_thread(), len(self.journal.entries)))
        return super().encode(texts)


async def test_nothing_is_asked_for_that_could_not_be_journaled(honest_llm: SimulatedLLM) -> None:
    journal = MemoryJournal()
    requests = honest_llm.audit()["requests"]
    async with working(client(honest_llm), journal) as worker:
        journal.refuses = "this user may not write to llm.responses"
        refused = await worker.extract(TICKET, NILE)
        assert (refused.status, refused.cost_usd, refused.error) == ("unsent", 0.0, journal.refuses)
        assert honest_llm.audit()["requests"] == requests
        journal.refuses = ""
        assert (await worker.extract(TICKET, NILE)).status == "answered"


FAQ = PassageText(
    text="Q: How long does delivery take?\nA: Three to five working days.\n", start=5, title="Help", lang="en"
)


async def test_the_answer_is_stored_before_it_is_looked_at_and_the_loop_never_encodes() -> None:
    journal = StrictJournal()
    encoder = WatchingEncoder(journal)
    worker = ExtractionWorker(OfflineExtractor(5), journal, encoder, ExtractionSettings())
    result = await worker.extract(ticket_for(FAQ), FAQ)
    await worker.close()
    assert len(result.pairs) == 1
    assert encoder.saw == [(False, 1)]


async def test_offline_pairs_say_so_and_cost_tokens_only() -> None:
    async with working(OfflineExtractor(5), MemoryJournal()) as worker:
        result = await worker.extract(ticket_for(FAQ), FAQ)
    assert (result.status, result.model, result.cost_usd) == ("answered", "offline-extractor", 0.0)
    assert result.tokens_in == TICKET.tokens
    (pair,) = result.pairs
    assert (pair.question, pair.answer) == ("How long does delivery take?", "Three to five working days.")
    assert pair.start == 5 + FAQ.text.index("Three")


async def test_pairs_are_embedded_by_question_and_beginning_of_the_answer() -> None:
    async with working(OfflineExtractor(5), MemoryJournal()) as worker:
        result = await worker.extract(ticket_for(FAQ), FAQ)
        (expected,) = await worker.encode([pair_text(result.pairs[0].question, result.pairs[0].answer)])
    assert np.array_equal(unpack_vector(result.pairs[0].vector), expected)
    assert len(pair_text("q", "a" * 10_000)) == 602


class SilentAsker:
    """Never gets an answer."""

    def __init__(self, answer: NoAnswer) -> None:
        self.answer = answer

    async def ask(self, _ticket: Ticket, _passage: PassageText) -> NoAnswer:
        return self.answer

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(("status", "charged"), [("unsent", 0), ("unknown", TICKET.reserved_tokens)])
async def test_a_call_without_an_answer_is_charged_in_full_unless_it_was_never_sent(
    status: str, charged: int
) -> None:
    answer = NoAnswer(status=status, reason="why", error="What happened.")
    async with working(SilentAsker(answer), MemoryJournal()) as worker:
        result = await worker.extract(TICKET, NILE)
        assert worker.stats() == {status: 1, "reason:why": 1}
    assert (result.status, result.tokens_in, result.error) == (status, charged, "What happened.")
    assert result.cost_usd == (TICKET.reserved_usd if charged else 0.0)


@pytest.mark.parametrize(
    ("finish", "content", "reason"),
    [
        ("length", '{"pairs": []}', "cut-off"),
        ("oversized", "x", "cut-off"),
        ("content_filter", "", "refused"),
        ("refusal", "I would rather not.", "refused"),
        ("garbled", "<html>", "not-json"),
        ("stop", " \n", "empty"),
        ("stop", "I am not JSON", "not-json"),
        ("tool_calls", "", "empty"),
    ],
)
async def test_an_unusable_answer_fails_with_its_bill(finish: str, content: str, reason: str) -> None:
    entry = JournalEntry(
        request_id="r", ticket_id="t", passage_id="p", model="m", prompt_version="v", content=content,
        finish_reason=finish, tokens_in=7, tokens_out=3, usage_known=True, cost_usd=0.5, at=now(),
    )  # fmt: skip
    async with working(OfflineExtractor(5), MemoryJournal()) as worker:
        result = await worker.recover(TICKET, NILE, entry)
    assert (result.status, result.reason) == ("failed", reason)
    assert (result.tokens_in, result.tokens_out, result.cost_usd) == (7, 3, 0.5)
    assert result.error


async def test_an_answer_without_pairs_is_an_answer() -> None:
    entry = JournalEntry(
        request_id="r", ticket_id="t", passage_id="p", model="m", prompt_version="v",
        content=json.dumps({"pairs": []}), finish_reason="stop", tokens_in=7, tokens_out=3, usage_known=True,
        cost_usd=0.5, at=now(),
    )  # fmt: skip
    async with working(OfflineExtractor(5), MemoryJournal()) as worker:
        result = await worker.recover(TICKET, NILE, entry)
    assert (result.status, result.pairs, result.rejected) == ("answered", [], {})
