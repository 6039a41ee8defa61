"""The roles as processes of their own, on a broker behind TLS and one Ray cluster, with two of them killed.

One crawl goes through while an embedder is killed and stays away, and the allocator is killed amid its calls
and started again. What counts is what the log says in the end; and that the secrets which were planted, the
broker's password and the LLM's key, are nowhere but where they belong.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
import ray
from pydantic import SecretStr

from bench.audit import Verdict, audit, read_all, values
from deploy.kafka.local_broker import LocalBroker
from equal_stream import topics
from equal_stream.observability.run_files import running_roles
from equal_stream.ray_runtime import connect
from equal_stream.settings import Settings
from equal_stream.simulate.outcomes import Outcome
from equal_stream.simulate.process import SimulatedLLM
from tests.service import canaries
from tests.service.deployment import Deployment, fault_options, get
from tests.service.documents import crawl, references, texts, write

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(420)]

THEME = "bread"
LLM_KEY = f"key-{uuid4().hex}"
LOOKS = (("config", "show"), ("config", "show", "--json"), ("status", "--json"), ("budget", "--json"))
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
    seen_while_it_ran
        What processes were started with, and what the roles and the command line said, before all stopped.
    """

    verdict: Verdict
    service: Deployment
    llm: SimulatedLLM
    codes: list[int]
    through_at_kill: int
    open_at_kill: set[str]
    seen_while_it_ran: list[canaries.Place]
    ray_directory: Path


@pytest.fixture(scope="module")
def aftermath(kafka_broker: LocalBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    """The log after a crawl with two kills in it."""
    directory = tmp_path_factory.mktemp("roles")
    pages = crawl(PAGES)
    recorded = write(directory / "crawl.jsonl", pages)
    faults = fault_options(15, Outcome.BUSY, Outcome.GARBAGE, Outcome.RESET)
    cluster = connect(Settings())
    own = {
        **SETTINGS,
        "kafka.bootstrap_servers": kafka_broker.tls_bootstrap,
        "kafka.security_protocol": "SASL_SSL",
        "kafka.sasl_mechanism": "SCRAM-SHA-512",
        "kafka.sasl_plain_username": kafka_broker.sasl_username,
        "kafka.sasl_plain_password": kafka_broker.sasl_password,
        "kafka.ssl_cafile": str(kafka_broker.certificate),
        "llm.api_key": LLM_KEY,
        "topics.prefix": f"roles-{uuid4().hex[:8]}.",
        "ray.address": cluster.address,
    }
    try:
        with SimulatedLLM([recorded], latency=1.0, **faults) as llm:
            service = Deployment(directory, {**own, "llm.base_url": llm.base_url}, cluster.environment)
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
                seen = [*canaries.arguments(), *said_by(service)]
                codes = service.stop()
                bill = llm.audit(detail=True)
                verdict = audit(service.transport, texts(pages), CAP, bill, crashed=True)
                yield Aftermath(
                    verdict, service, llm, codes, through_at_kill, open_at_kill, seen, session_directory()
                )
            finally:
                service.stop()
                service.transport.close()
    finally:
        cluster.stop()


def session_directory() -> Path:
    """Return where Ray keeps what its processes say."""
    return Path(ray._private.worker._global_node.get_session_dir_path())


def said_by(service: Deployment) -> list[canaries.Place]:
    """Return what the roles and the command line tell of the service and its settings."""
    told = [(" ".join(line), service.tool(*line).encode()) for line in LOOKS]
    for role in running_roles(service.data_dir):
        told += [(f"{role.role}{path}", get(role.url + path).encode()) for path in ("/metrics", "/status")]
    return told


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


def test_no_secret_is_said_written_sent_or_given_as_an_argument(aftermath: Aftermath) -> None:
    service = aftermath.service
    secrets = {"the broker's password": service.settings.kafka.sasl_plain_password, "the key": LLM_KEY}
    places = [
        *aftermath.seen_while_it_ran,
        *canaries.files(service.data_dir.parent, aftermath.ray_directory),
        *(
            place
            for topic in service.transport.topics()
            for place in canaries.records(topic, read_all(service.transport, topic))
        ),
    ]
    assert len(places) > 200
    assert any(b"sasl_plain_password" in content for _, content in aftermath.seen_while_it_ran)
    assert canaries.found({name: plain(secret) for name, secret in secrets.items()}, places) == []


def plain(secret: SecretStr | str | None) -> str:
    """Return a secret as it must not be found."""
    assert secret
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret


@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"abc"])
def test_a_secret_that_got_out_is_found_also_in_base64(before: bytes) -> None:
    for content in (before + b"hush-hush-12345" + b"z", base64.b64encode(before + b"hush-hush-12345" + b"z")):
        assert canaries.found({"it": "hush-hush-12345"}, [("here", content)]) == ["it is in here"]
    assert canaries.found({"it": "hush-hush-12345"}, [("here", b"hush-hush-54321")]) == []
