"""`status` and `budget`: what the log says about roles, money, pairs, clusters and targets."""

import importlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from equal_stream import topics
from equal_stream.allocator.intake import INPUTS
from equal_stream.messages import (
    ClusterEvent,
    Evidence,
    ExtractionOutcome,
    LedgerEntry,
    Message,
    QAPair,
    ReferencePair,
)
from equal_stream.observability.health import Health
from equal_stream.observability.lag import LagWatch, lag_of
from equal_stream.observability.metrics import LAG
from equal_stream.observability.server import RoleServer
from equal_stream.roles import ALLOCATOR, CLUSTERER, EMBEDDER
from equal_stream.settings import Settings
from equal_stream.transport.base import OutgoingRecord, Transport
from equal_stream.transport.codec import encode, tombstone
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport
from tests.cli.shell import Shell

NOW = datetime.now(UTC)


@pytest.fixture
def log(shell: Shell) -> Iterator[Transport]:
    settings = Settings(data_dir=shell.data_dir)
    transport = open_transport(settings)
    transport.create_topics(topic_specs(settings))
    yield transport
    transport.close()


def put(log: Transport, *records: OutgoingRecord) -> None:
    producer = log.producer()
    for record in records:
        producer.send(record)
    producer.close()


def record(topic: topics.Topic, key: str, message: Message) -> OutgoingRecord:
    return encode(message, topic=topic.name, key=key, source="test")


def money(
    entry: str, ticket: str, usd: float, tokens: int, cluster: int = 1, at: datetime = NOW
) -> OutgoingRecord:
    made = LedgerEntry(entry=entry, ticket_id=ticket, usd=usd, tokens=tokens, at=at, cluster_id=cluster)  # type: ignore[arg-type]
    return record(topics.LEDGER, ticket, made)


def outcome(ticket: str, pairs: int, cluster: int = 1, **rejected: int) -> OutgoingRecord:
    return record(
        topics.EXTRACTIONS, ticket,
        ExtractionOutcome(
            ticket_id=ticket, passage_id="p", cluster_id=cluster, status="extracted" if pairs else "empty",
            tokens_in=1, tokens_out=1, cost_usd=0.0, pairs=pairs, rejected=rejected, predicted_gain=0.0,
            gain=0.0, propensity=1.0, at=NOW,
        ),
    )  # fmt: skip


def pair(qa_id: str, target: str = "stats") -> OutgoingRecord:
    return record(
        topics.PAIRS, qa_id,
        QAPair(
            qa_id=qa_id, question="q", answer="a", evidence=Evidence(quote="x", start=0, end=1),
            passage_id="p", doc_id="d", url="u", title="", lang="en", cluster_id=1, target=target, gain=0.1,
            model="m", prompt_version="1", tokens_in=1, tokens_out=1, cost_usd=0.0, policy="p",
            propensity=1.0, ticket_id="t", extracted_at=NOW,
        ),
    )  # fmt: skip


def lineage(event: str, cluster: int, parents: list[int], children: list[int]) -> OutgoingRecord:
    made = ClusterEvent(event=event, cluster_id=cluster, parents=parents, children=children, size=1.0, at=NOW)  # type: ignore[arg-type]
    return record(topics.CLUSTER_EVENTS, str(cluster), made)


def test_the_budget_counts_reserved_spent_and_left(shell: Shell, log: Transport) -> None:
    put(
        log,
        money("reserve", "a", 1.0, 100), money("settle", "a", 0.4, 60),
        money("reserve", "b", 1.0, 100), money("expire", "b", 1.0, 100),
        money("reserve", "c", 0.5, 50),
    )  # fmt: skip
    caps = ["--set", "budget.usd_total=5", "--set", "budget.tokens_total=1000"]
    seen = shell("budget", "--json", *caps).json()
    assert (seen["usd_spent"], seen["usd_reserved"], seen["usd_left"]) == (1.4, 0.5, 3.1)
    assert (seen["tokens_spent"], seen["tokens_reserved"], seen["tokens_left"]) == (160, 50, 790)
    assert (seen["tickets_open"], seen["tickets_ended"]) == (1, 2)
    assert "3.1" in shell("budget", *caps).out


def test_caps_set_at_run_time_are_in_force_and_those_not_named_stay(shell: Shell, log: Transport) -> None:
    put(log, money("reserve", "a", 1.0, 100), money("settle", "a", 0.4, 60))
    caps = ("--set", "budget.usd_total=5", "--set", "budget.tokens_total=1000")
    done = shell("budget", "set", "--usd-total", "80", *caps)
    assert done.code == 0
    assert "usd_total is 80" in done.out
    seen = shell("budget", "--json").json()
    assert (seen["usd_total"], seen["tokens_total"], seen["usd_left"]) == (80, 1000, 79.6)
    assert seen["caps_changed_at"] is not None
    assert "caps changed at run time" in shell("status").out


def test_a_cap_below_what_is_spent_is_taken_and_said_to_be_reached(shell: Shell, log: Transport) -> None:
    put(log, money("reserve", "a", 1.0, 100), money("settle", "a", 0.4, 60))
    done = shell("budget", "set", "--usd-total", "0.2", "--tokens-total", "60")
    assert done.code == 0
    assert "usd_total is reached: 0.4 is spent" in done.err
    assert "tokens_total is reached: 60 are spent" in done.err
    assert shell("budget", "--json").json()["usd_left"] == 0


def test_a_pause_is_seen_until_somebody_resumes(shell: Shell, log: Transport) -> None:
    caps = ("--set", "budget.usd_total=5")
    assert shell("budget", "pause").code == 0
    seen = shell("budget", "--json", *caps).json()
    assert (seen["paused"], seen["usd_left"]) == (True, 0)
    assert "budget resume" in shell("budget", *caps).out
    assert shell("budget", "resume").code == 0
    seen = shell("budget", "--json", *caps).json()
    assert (seen["paused"], seen["usd_left"]) == (False, 5)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "name a cap: --usd-total, --usd-per-hour, --tokens-total, --tokens-per-hour"),
        (("--usd-total", "nan"), "--usd-total"),
        (("--usd-total", "inf"), "--usd-total"),
        (("--usd-per-hour", "1e308"), "--usd-per-hour"),
        (("--tokens-total", str(2**64)), "--tokens-total"),
        (("--usd-total", "-1"), "--usd-total"),
        (("--tokens-total", "many"), "--tokens-total"),
    ],
)
def test_no_cap_and_no_number_is_refused(shell: Shell, options: tuple[str, ...], sentence: str) -> None:
    done = shell("budget", "set", *options)
    assert done.code == 2
    assert sentence in done.err
    assert "Traceback" not in done.err


def test_reading_the_ledger_twice_counts_nothing_twice(shell: Shell, log: Transport) -> None:
    put(log, *[money("reserve", "a", 1.0, 100), money("settle", "a", 0.4, 60)] * 2)
    assert shell("budget", "--json").json()["usd_spent"] == 0.4


def test_the_hourly_cap_leaves_out_what_is_older(shell: Shell, log: Transport) -> None:
    earlier = NOW - timedelta(hours=3)
    put(log, money("reserve", "a", 1.0, 100, at=earlier), money("settle", "a", 1.0, 100, at=earlier))
    put(log, money("reserve", "b", 1.0, 100), money("settle", "b", 0.25, 100))
    seen = shell("budget", "--json", "--set", "budget.usd_per_hour=1").json()
    assert (seen["usd_spent"], seen["usd_used_within_hour"], seen["usd_left"]) == (1.25, 0.25, 0.75)


def test_status_tells_pairs_by_target_and_what_was_withdrawn(shell: Shell, log: Transport) -> None:
    put(log, pair("1"), pair("2"), pair("3", "other"), pair("2"))
    put(log, tombstone(topic="qa.pairs", key="2", source="test"))
    seen = shell("status", "--json").json()["pairs"]
    assert seen["published"] == 2
    assert seen["withdrawn"] == 1
    assert seen["by_target"] == {"stats": 1, "other": 1}


def test_status_tells_how_spend_is_shared_among_clusters(shell: Shell, log: Transport) -> None:
    put(
        log,
        money("reserve", "a", 3.0, 30, 7), money("settle", "a", 3.0, 30, 7), outcome("a", 2, 7, duplicate=1),
        money("reserve", "b", 1.0, 10, 8), money("settle", "b", 1.0, 10, 8), outcome("b", 0, 8, duplicate=2),
    )  # fmt: skip
    seen = shell("status", "--json").json()
    assert [(each["cluster_id"], each["share"], each["pairs"]) for each in seen["clusters"]["shares"]] == [
        (7, 0.75, 2),
        (8, 0.25, 0),
    ]
    assert seen["tickets"] == {"extracted": 1, "empty": 1}
    assert seen["pairs"]["rejected"] == {"duplicate": 3}


def test_where_tokens_are_free_of_charge_they_make_the_shares(shell: Shell, log: Transport) -> None:
    put(log, money("reserve", "a", 0, 10, 7), money("settle", "a", 0, 10, 7))
    put(log, money("reserve", "b", 0, 30, 8), money("settle", "b", 0, 30, 8))
    shares = shell("status", "--json").json()["clusters"]["shares"]
    assert [(each["cluster_id"], each["share"]) for each in shares] == [(8, 0.75), (7, 0.25)]


def test_status_follows_the_lineage_of_clusters(shell: Shell, log: Transport) -> None:
    put(
        log,
        lineage("birth", 1, [], []), lineage("birth", 2, [], []), lineage("birth", 3, [], []),
        lineage("split", 1, [1], [1, 4]), lineage("merge", 2, [3], [2]), lineage("death", 4, [], [1]),
    )  # fmt: skip
    assert shell("status", "--json").json()["clusters"]["alive"] == 2


def test_status_tells_lag_by_role_and_targets(shell: Shell, log: Transport) -> None:
    reference = ReferencePair(target="stats", ref_id="1", question="q", answer="a")
    put(log, record(topics.REFERENCES, "stats/1", reference))
    put(log, OutgoingRecord("crawl.documents", b"u", b"{}"))
    seen = shell("status", "--json").json()
    lag = {role["role"]: role["lag"] for role in seen["roles"]}
    assert lag["embedder"] == {"crawl.documents": 1}
    assert lag["allocator"]["references"] == 1
    assert seen["targets"] == {"stats": 1}
    assert seen["records"]["crawl.documents"] == 1


def test_a_commit_ends_the_lag(log: Transport) -> None:
    put(log, OutgoingRecord("passages.embedded", b"p", b"{}"))
    assert lag_of(log, CLUSTERER) == {"passages.embedded": 1}
    reader = log.reader(["passages.embedded"], CLUSTERER.group)
    reader.poll(10, 5.0)
    reader.commit(reader.positions())
    assert lag_of(log, CLUSTERER) == {"passages.embedded": 0}


def test_the_lag_gauge_is_kept_while_a_role_runs(shell: Shell, log: Transport) -> None:
    put(log, OutgoingRecord("passages.embedded", b"p", b"{}"))
    LAG.labels("passages.embedded").set(-1)
    with LagWatch(Settings(data_dir=shell.data_dir), [CLUSTERER], interval=0.01):
        while LAG.labels("passages.embedded")._value.get() < 0:
            pass
    assert LAG.labels("passages.embedded")._value.get() == 1


def test_status_asks_the_roles_of_this_machine(shell: Shell, log: Transport) -> None:
    health = Health()
    server = RoleServer("clusterer", health, "127.0.0.1", 0, shell.data_dir)
    try:
        (process,) = next(
            role["processes"]
            for role in shell("status", "--json").json()["roles"]
            if role["role"] == "clusterer"
        )
        assert (process["answers"], process["ready"], process["reason"]) == (True, False, "starting")
        health.beat()
        assert "ready" in shell("status").out
    finally:
        server.close()


def test_status_tells_how_far_targets_are_reached_as_the_allocator_of_this_machine_says(
    shell: Shell, log: Transport
) -> None:
    put(
        log,
        record(
            topics.REFERENCES, "stats/1", ReferencePair(target="stats", ref_id="1", question="q", answer="a")
        ),
    )
    assert shell("status", "--json").json()["reached"] == {}
    reached = {
        "coverage": 0.81,
        "touched": 0.9,
        "distance": 0.034,
        "distance_of_crawl": 0.21,
        "audited_pairs": 256,
    }
    early = {"coverage": 0.1, "touched": 0.2, "distance": None, "distance_of_crawl": None, "audited_pairs": 0}
    health = Health()
    targets = [{"name": "stats", "references": 1, **reached}, {"name": "other", "references": 3, **early}]
    health.report("allocator", lambda: {"state": "running", "status": {"targets": targets}})
    server = RoleServer("allocator", health, "127.0.0.1", 0, shell.data_dir)
    try:
        assert shell("status", "--json").json()["reached"] == {"stats": reached, "other": early}
        out = shell("status").out
        assert "coverage 0.810, 90% of the references touched" in out
        assert "latest 256 pairs to the references 0.034 (spread alike 0; passages of the crawl 0.210)" in out
        health.report(
            "allocator", lambda: {"state": "running", "status": {"targets": [{**targets[0], **early}]}}
        )
        assert "distance" not in shell("status").out
        health.report("allocator", lambda: {"state": "recovering", "status": None})
        assert shell("status", "--json").json()["reached"] == {}
    finally:
        server.close()


def test_status_of_an_empty_service_is_readable(shell: Shell, log: Transport) -> None:
    done = shell("status")
    assert done.code == 0
    assert "not on this machine" in done.out
    assert "Pairs: 0 published" in done.out


def test_the_declared_roles_are_as_the_consumers_have_them() -> None:
    assert set(ALLOCATOR.reads) == set(INPUTS)
    for role in (EMBEDDER, CLUSTERER):
        assert role.group == importlib.import_module(f"consumers.{role.name}").GROUP
