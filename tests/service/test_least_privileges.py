"""A small crawl in which every party has a user of its own, and each user only the ACLs that we print."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from bench.audit import audit
from deploy.kafka.local_broker import LocalBroker
from equal_stream.acls import PARTIES
from equal_stream.allocator.reading import read_to_end
from equal_stream.offpolicy.log import read_history
from equal_stream.ray_runtime import connect
from equal_stream.settings import Settings
from equal_stream.settings_keys import environment_name
from equal_stream.settings_sources import load_settings
from equal_stream.simulate.process import SimulatedLLM
from equal_stream.topics import CONSUMED, EMBEDDED, TOPICS
from equal_stream.transport.factory import open_transport
from tests.acl_users import AclUsers
from tests.service.deployment import Deployment
from tests.service.documents import crawl, references, texts, write

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

THEME = "bees"
PAGES = 4  # of each theme
CAP = 20_000  # tokens
GROUP = "trainer"
VECTOR = 384  # of the default encoder


class ByUsers(Deployment):
    """Processes of which each runs as a user; whoever looks on from the test may do everything."""

    def __init__(
        self, directory: Path, settings: Mapping[str, str], environment: Mapping[str, str], users: AclUsers
    ) -> None:
        super().__init__(directory, settings, environment)
        self.users = users

    @contextmanager
    def by(self, party: str) -> Iterator[None]:
        """Run commands as a party."""
        before = self.environment
        own = self.users.settings(party)
        self.environment = {
            **before,
            **{environment_name(tuple(key.split("."))): value for key, value in own.items()},
        }
        try:
            yield
        finally:
            self.environment = before


@pytest.fixture(scope="module")
def service(kafka_broker: LocalBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ByUsers]:
    """The service after a crawl, while it still runs."""
    directory = tmp_path_factory.mktemp("users")
    prefix = f"users-{uuid4().hex[:8]}."
    pages = crawl(PAGES)
    recorded = write(directory / "crawl.jsonl", pages)
    users = AclUsers(kafka_broker)
    cluster = connect(Settings())
    own = {
        "transport": "kafka",
        "kafka.bootstrap_servers": kafka_broker.bootstrap,
        "topics.prefix": prefix,
        "budget.tokens_total": str(CAP),
        "allocation.tick_seconds": "0.1",
        "ray.address": cluster.address,
    }
    try:
        for party in PARTIES:
            users.settings(party.name)
            users.allow(party.name, party.acls(prefix, [GROUP]))
        with SimulatedLLM([recorded], latency=0.05) as llm:
            service = ByUsers(directory, {**own, "llm.base_url": llm.base_url}, cluster.environment, users)
            try:
                with service.by("administrator"):
                    service.tool("topics", "create")
                service.connect()
                for role in ("allocator", "clusterer", "embedder"):
                    with service.by(role):
                        service.start("run", role)
                with service.by("operator"):
                    service.tool(
                        "reference", "add", THEME, write(directory / "t.jsonl", references(THEME, 8))
                    )
                with service.by("crawler"):
                    service.tool("ingest", recorded)
                service.publish(("https://broken.invalid/", b"{"))
                service.wait_until_through(len(pages) + 1)
                yield service
            finally:
                service.stop()
                service.transport.close()
    finally:
        users.close()
        cluster.stop()


def test_pairs_come_out_and_no_promise_is_broken(service: ByUsers) -> None:
    verdict = audit(service.transport, texts(crawl(PAGES)), CAP)
    assert verdict.problems == []
    assert verdict.figures["pairs"] > 0
    assert service.books.dead == {"invalid-json": 1}
    assert "allow" not in service.said()


def test_a_subscriber_gets_them_in_its_group(service: ByUsers) -> None:
    output = service.data_dir / "pairs.jsonl"
    with service.by("subscriber"):
        service.tool(
            "subscribe", "--group", GROUP, "--limit", str(len(service.books.pairs)), "--output", output
        )
        service.tool("export", "--format", "alpaca", "--output", service.data_dir / "train.jsonl")
    assert {json.loads(line)["qa_id"] for line in output.read_text().splitlines()} == set(service.books.pairs)


def test_an_operator_sees_everything_and_changes_the_budget(service: ByUsers) -> None:
    with service.by("operator"):
        seen = json.loads(service.tool("status", "--json"))
        listed = json.loads(service.tool("topics", "list", "--json"))
        service.tool("doctor", "--only", "transport")
        service.tool("budget", "set", "--tokens-total", str(2 * CAP))
        service.tool("budget", "pause")
        changed = json.loads(service.tool("budget", "--json"))
        service.tool("reference", "remove", THEME)
    assert seen["pairs"]["published"] == len(service.books.pairs)
    assert {role["role"]: sum(role["lag"].values()) for role in seen["roles"]}["embedder"] >= 0
    assert len(listed) == len(TOPICS) + len(CONSUMED)
    assert changed["paused"] is True


def test_an_administrator_sends_dead_letters_back(service: ByUsers) -> None:
    with service.by("administrator"):
        service.tool("topics", "create")
        assert json.loads(service.tool("dlq", "replay", "--json"))["replayed"] == {"crawl.documents": 1}


def test_an_analyst_reads_what_was_bought(service: ByUsers) -> None:
    own = {**service.users.settings("analyst"), "topics.prefix": service.settings.topics.prefix}
    with closing(open_transport(load_settings(flags=own))) as transport:
        read = read_history(transport, lambda texts: np.zeros((len(texts), VECTOR), dtype=np.float32))
        assert list(read_to_end(transport, [EMBEDDED.name]))
    assert {pair.qa_id for answer in read.history.answers.values() for pair, _ in answer.pairs} == set(
        service.books.pairs
    )


def test_a_role_under_the_wrong_user_ends_with_one_sentence(service: ByUsers) -> None:
    with service.by("crawler"):
        for role in ("embedder", "clusterer", "allocator"):
            done = service.attempt("run", role)
            assert done.returncode == 2
            assert "does not allow this user to read" in done.stderr.splitlines()[-1]
            assert "Traceback" not in done.stderr
    with service.by("subscriber"):
        done = service.attempt("ingest", service.data_dir.parent / "crawl.jsonl")
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "crawl.documents" in done.stderr


def test_whoever_may_do_less_than_its_role_ends_instead_of_trying_again(service: ByUsers) -> None:
    """Of groups and transactional ids no broker tells beforehand who may use them."""
    for role, lacking, code in (("clusterer", "group", 2), ("allocator", "transactional-id", 1)):
        party = next(each for each in PARTIES if each.name == role)
        name = f"{role}-without-{lacking}"
        acls = [acl for acl in party.acls(service.settings.topics.prefix) if acl.resource != lacking]
        service.users.allow(name, acls)
        with service.by(name):
            done = service.attempt("run", role)
        assert done.returncode == code
        told = done.stderr.splitlines()[-1]
        assert f"does not allow this user to use {lacking.replace('-', ' ')} " in told
        assert "Traceback" not in done.stderr
