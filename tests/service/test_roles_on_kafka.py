"""The roles as processes of their own, on a real broker and one Ray cluster, with two of them killed.

One crawl goes through while an embedder is killed and stays away, and the allocator is killed amid its calls
and started again. What counts is what the log says in the end.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest

from bench.audit import Verdict, audit, read_all, values
from deploy.kafka.local_broker import LocalBroker
from equal_stream import topics
from equal_stream.ray_runtime import connect
from equal_stream.settings import Settings
from equal_stream.simulate.outcomes import Outcome
from equal_stream.simulate.process import SimulatedLLM
from tests.service.deployment import Deployment, fault_options
from tests.service.documents import crawl, references, texts, write

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(420)]

THEME = "bread"
PAGES = 20  # of each theme
EMBEDDED = "equal_stream_passages_embedded_total"
CAP = 20_000  # tokens: about half of what all pages would cost
SETTINGS = {
    "transport": "kafka",
    "budget.tokens_total": str(CAP),
    "llm.max_concurrent_requests": "4",
    "embedding.poll_records": "4",  # many small batches, so that a kill comes amid them
    "kafka.session_timeout_ms": "6000",  # how soon the broker notices that a member is gone
    "kafka.transaction_timeout_ms": "10000",  # how soon it ends the transaction that a member left open
}


@dataclass
class Aftermath:
    """What was there when all was over.

    Attributes
    ----------
    through_at_kill
        How many pages were through when the busier embedder was killed.
    open_at_kill
        Tickets that were open when the allocator was killed.
    """

    verdict: Verdict
    service: Deployment
    llm: SimulatedLLM
    codes: list[int]
    through_at_kill: int
    open_at_kill: set[str]


@pytest.fixture(scope="module")
def aftermath(kafka_broker: LocalBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    """The log after a crawl with two kills in it."""
    directory = tmp_path_factory.mktemp("roles")
    pages = crawl(PAGES)
    recorded = write(directory / "crawl.jsonl", pages)
    faults = fault_options(15, Outcome.BUSY, Outcome.GARBAGE, Outcome.RESET)
    ray = connect(Settings())
    own = {
        **SETTINGS,
        "kafka.bootstrap_servers": kafka_broker.bootstrap,
        "topics.prefix": f"roles-{uuid4().hex[:8]}.",
        "ray.address": ray.address,
    }
    try:
        with SimulatedLLM([recorded], latency=1.0, **faults) as llm:
            service = Deployment(directory, {**own, "llm.base_url": llm.base_url}, ray.environment)
            try:
                service.tool("topics", "create")
                service.connect()
                allocator = service.start("run", "allocator")
                service.start("run", "clusterer")
                embedders = [service.start("run", "embedder") for _ in range(2)]
                target = write(directory / "target.jsonl", references(THEME, 12))
                service.tool("reference", "add", THEME, target)
                service.tool("ingest", recorded)
                service.wait_until(lambda: service.counter(EMBEDDED) >= 4, "first documents")
                service.kill(max(embedders, key=lambda each: service.counter(EMBEDDED, each.pid)))
                service.books.read()
                through_at_kill = len(service.books.outcomes)
                service.wait_until(lambda: ended(service) >= 5 and service.books.open_tickets, "first calls")
                service.kill(allocator)
                service.books.read()
                open_at_kill = service.books.open_tickets
                service.start("run", "allocator")
                service.wait_until_through(len(pages))
                codes = service.stop()
                bill = llm.audit(detail=True)
                verdict = audit(service.transport, texts(pages), CAP, bill, crashed=True)
                yield Aftermath(verdict, service, llm, codes, through_at_kill, open_at_kill)
            finally:
                service.stop()
                service.transport.close()
    finally:
        ray.stop()


def ended(service: Deployment) -> int:
    """Return how many tickets have ended."""
    return sum(entry["entry"] != "reserve" for entry in service.books.ledger)


def test_no_promise_is_broken(aftermath: Aftermath) -> None:
    assert aftermath.verdict.problems == []


def test_no_page_is_lost_with_an_embedder(aftermath: Aftermath) -> None:
    figures = aftermath.verdict.figures
    assert aftermath.through_at_kill < figures["crawl_records"] == 3 * PAGES
    assert figures["documents_by_end"] == {"embedded": 3 * PAGES}
    assert figures["passages"] >= 3 * PAGES


def test_tickets_under_way_when_the_allocator_died_are_ended_once_by_the_next(aftermath: Aftermath) -> None:
    assert aftermath.open_at_kill
    assert aftermath.service.books.open_tickets == set()
    outcomes = values(read_all(aftermath.service.transport, topics.EXTRACTIONS.name))
    told = [each["ticket_id"] for each in outcomes]
    assert aftermath.open_at_kill <= set(told)
    assert len(told) == len(set(told)) == aftermath.verdict.figures["tickets"]


def test_the_cap_is_used_and_holds_across_the_restart(aftermath: Aftermath) -> None:
    figures = aftermath.verdict.figures
    assert 0.6 * CAP < figures["most_tokens_held"] <= CAP
    assert figures["charged_beyond_bill"] >= 0
    assert figures["answers_lost"] <= len(aftermath.open_at_kill)
    assert figures["pairs"] > 0
    assert aftermath.llm.audit()["tokens"] <= CAP


def test_the_other_roles_stop_in_good_order(aftermath: Aftermath) -> None:
    assert aftermath.codes == [0, 0, 0]
