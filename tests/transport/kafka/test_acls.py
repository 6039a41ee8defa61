"""A real broker that lets each user do what the ACLs say: a refusal is one sentence, at once, and final."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from uuid import uuid4

import pytest

from deploy.kafka.local_broker import LocalBroker
from equal_stream.acls import PARTIES, Acl, Party
from equal_stream.allocator.reading import read_to_end
from equal_stream.cli.log import log_to_read, log_to_write
from equal_stream.clusterer.members import newest_model
from equal_stream.dead_letter_replay import Wanted, dead_letters
from equal_stream.errors import EqualStreamError
from equal_stream.extraction.journal import LogJournal
from equal_stream.messages import JournalEntry, now
from equal_stream.roles import ALLOCATOR, CLUSTERER
from equal_stream.settings import Settings
from equal_stream.settings_sources import load_settings
from equal_stream.topics import ASSIGNED, CRAWL, EMBEDDED, JOURNAL, LEDGER, PAIRS, REFERENCES, dead_letter
from equal_stream.transport.base import OutgoingRecord, TopicSpec, Transport
from equal_stream.transport.codec import decode
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.exceptions import NotAllowed, RecordTooLarge
from equal_stream.transport.factory import open_transport
from equal_stream.transport.kafka.cluster import ClusterTopic
from equal_stream.transport.kafka.permissions import require_allowed
from tests.acl_users import AclUsers

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(60)]  # a refusal that is tried again would take longer

GROUP = "readers"
ADVICE = "`equal-stream topics acls` prints what each role has to be allowed"


class Parties:
    """Transports of users that have the ACLs of their party, on topics of their own."""

    def __init__(self, broker: LocalBroker) -> None:
        self.users = AclUsers(broker)
        self.prefix = f"acl-{uuid4().hex[:8]}."
        self._opened: dict[str, Transport] = {}
        for party in PARTIES:
            self.users.settings(party.name)
            self.users.allow(party.name, party.acls(self.prefix, [GROUP]))
        self["administrator"].create_topics(topic_specs(self.settings("administrator")))

    def settings(self, name: str) -> Settings:
        return load_settings(flags={**self.users.settings(name), "topics.prefix": self.prefix})

    def __getitem__(self, name: str) -> Transport:
        if name not in self._opened:
            self._opened[name] = open_transport(self.settings(name))
        return self._opened[name]

    def close(self) -> None:
        for each in self._opened.values():
            with suppress(EqualStreamError):
                each.close()
        self.users.close()


@pytest.fixture(scope="module")
def parties(kafka_broker: LocalBroker) -> Iterator[Parties]:
    parties = Parties(kafka_broker)
    yield parties
    parties.close()


def write(transport: Transport, topic: str, value: bytes = b"v") -> None:
    producer = transport.producer()
    try:
        producer.send(OutgoingRecord(topic, b"k", value))
        producer.flush()
    finally:
        with suppress(NotAllowed):
            producer.close()


def write_within(transport: Transport, transactional_id: str, topic: str) -> None:
    producer = transport.producer(transactional_id)
    with producer.transaction() as transaction:
        transaction.send(OutgoingRecord(topic, b"k", b"v"))


def read(transport: Transport, topic: str, group: str | None = None) -> None:
    reader = transport.reader([topic], group)
    give_up = time.monotonic() + 15
    while time.monotonic() < give_up and not reader.poll(10, 1.0):
        pass
    if group is not None:
        reader.commit(reader.positions())


def share(transport: Transport, topic: str, group: str) -> None:
    member = transport.member([topic], group)
    give_up = time.monotonic() + 15
    while time.monotonic() < give_up and not member.poll(10, 1.0):
        pass
    member.commit(member.positions())


Deed = Callable[[Transport], None]
WRITE_NOTHING = {"subscriber", "analyst"}  # Kafka refuses them any producer, and not a topic
EMBEDDER_ID = "equal-stream.embedder-host-1"
REFUSED: list[tuple[str, str, Deed]] = [
    ("embedder", PAIRS.name, lambda t: write_within(t, EMBEDDER_ID, PAIRS.name)),
    ("embedder", LEDGER.name, lambda t: write_within(t, EMBEDDER_ID, LEDGER.name)),
    ("embedder", dead_letter(ASSIGNED.name), lambda t: write(t, dead_letter(ASSIGNED.name))),
    ("embedder", CRAWL.name, lambda t: write(t, CRAWL.name)),
    ("embedder", ALLOCATOR.group, lambda t: share(t, CRAWL.name, ALLOCATOR.group)),
    ("subscriber", PAIRS.name, lambda t: write(t, PAIRS.name)),
    ("subscriber", CRAWL.name, lambda t: write(t, CRAWL.name)),
    ("subscriber", CRAWL.name, lambda t: read(t, CRAWL.name)),
    ("subscriber", "others", lambda t: share(t, PAIRS.name, "others")),
    ("crawler", PAIRS.name, lambda t: read(t, PAIRS.name)),
    ("crawler", CRAWL.name, lambda t: read(t, CRAWL.name)),
    ("crawler", "any", lambda t: write_within(t, "any", CRAWL.name)),
    ("clusterer", ALLOCATOR.transactional_id, lambda t: write_within(t, ALLOCATOR.group, ASSIGNED.name)),
    ("clusterer", ALLOCATOR.group, lambda t: read(t, EMBEDDED.name, ALLOCATOR.group)),
    ("allocator", CLUSTERER.transactional_id, lambda t: write_within(t, CLUSTERER.group, PAIRS.name)),
    ("allocator", ASSIGNED.name, lambda t: write_within(t, ALLOCATOR.group, ASSIGNED.name)),
    ("operator", LEDGER.name, lambda t: write(t, LEDGER.name)),
    ("operator", CRAWL.name, lambda t: read(t, CRAWL.name)),
    ("analyst", PAIRS.name, lambda t: write(t, PAIRS.name)),
    ("administrator", PAIRS.name, lambda t: read(t, PAIRS.name)),
    ("administrator", PAIRS.name, lambda t: write(t, PAIRS.name)),
]


@pytest.mark.parametrize(("name", "what", "deed"), REFUSED)
def test_what_is_no_business_of_a_party_is_refused_in_a_sentence_that_names_it(
    parties: Parties, name: str, what: str, deed: Deed
) -> None:
    refused(parties, name, what, deed)


@pytest.mark.parametrize(("name", "what", "deed"), [each for each in REFUSED if each[0] not in WRITE_NOTHING])
def test_so_it_is_where_the_broker_does_not_tell_beforehand_what_is_allowed(
    parties: Parties, monkeypatch: pytest.MonkeyPatch, name: str, what: str, deed: Deed
) -> None:
    monkeypatch.setattr(ClusterTopic, "allows", lambda *_: True)
    refused(parties, name, what, deed)


def refused(parties: Parties, name: str, what: str, deed: Deed) -> None:
    """Do what a party may not do."""
    transport = open_transport(parties.settings(name))
    try:
        with pytest.raises(NotAllowed) as caught:
            deed(transport)
    finally:
        with suppress(NotAllowed):
            transport.close()
    said = str(caught.value)
    assert "does not allow this user " in said
    assert f" {parties.prefix}{what}: {ADVICE}" in said
    assert said.count(what) == 1
    assert "\n" not in said


@pytest.mark.parametrize("party", PARTIES, ids=lambda party: party.name)
def test_each_party_may_read_and_write_what_its_list_says(parties: Parties, party: Party) -> None:
    transport = parties[party.name]
    writes = [acl for acl in party.acls() if (acl.resource, acl.operation) == ("topic", "WRITE")]
    reads = [acl for acl in party.acls() if (acl.resource, acl.operation) == ("topic", "READ")]
    for acl in writes:
        write(transport, acl.name)
    for acl in reads:
        transport.reader([acl.name]).close()


def test_a_role_says_all_that_its_user_lacks_before_it_does_anything(parties: Parties) -> None:
    require_allowed(parties.settings("clusterer"), CLUSTERER)
    with pytest.raises(NotAllowed) as caught:
        require_allowed(parties.settings("crawler"), ALLOCATOR)
    for topic in (*ALLOCATOR.reads, *ALLOCATOR.writes, JOURNAL):
        assert f"{parties.prefix}{topic.name}" in str(caught.value)


def test_a_list_without_one_topic_is_noticed_before_anything_is_paid_for(parties: Parties) -> None:
    lacking = Acl("topic", "literal", "WRITE", parties.prefix + JOURNAL.name)
    parties.users.forbid("allocator", lacking)
    try:
        with pytest.raises(NotAllowed, match=f"to write to {lacking.name}: "):
            require_allowed(parties.settings("allocator"), ALLOCATOR)
    finally:
        parties.users.allow("allocator", [lacking])


async def test_a_journal_that_may_not_be_written_any_more_asks_for_no_answer_and_loses_none(
    parties: Parties,
) -> None:
    transport = open_transport(parties.settings("allocator"))
    journal = LogJournal(transport.producer())
    lacking = Acl("topic", "literal", "WRITE", parties.prefix + JOURNAL.name)
    await journal.append(answer("before"))
    parties.users.forbid("allocator", lacking)
    try:
        await journal.append(answer("while"))
        for _ in range(2):
            assert f"topic {lacking.name}: " in await journal.refusal()
    finally:
        parties.users.allow("allocator", [lacking])
    assert await journal.refusal() == ""
    await journal.append(answer("after"))
    await journal.close()
    records = read_to_end(transport, [JOURNAL.name])
    stored = [decode(record, JournalEntry).request_id for record in records if record.value != b"v"]
    assert sorted(stored) == ["after", "before", "while"]  # they lie in several partitions
    transport.close()


def answer(request_id: str) -> JournalEntry:
    return JournalEntry(
        request_id=request_id, ticket_id="t", passage_id="p", model="m", prompt_version="v",
        content='{"pairs": []}', finish_reason="stop", tokens_in=10, tokens_out=2, usage_known=True,
        cost_usd=0.001, at=now(),
    )  # fmt: skip


def test_only_an_administrator_creates_topics(parties: Parties) -> None:
    parties["administrator"].create_topics(topic_specs(parties.settings("administrator")))
    with pytest.raises(NotAllowed, match=rf"to create topic {parties.prefix}new: "):
        parties["operator"].create_topics([TopicSpec("new", 1, "delete", -1, 1000)])


def test_whoever_may_create_a_topic_and_not_see_it_is_told(parties: Parties) -> None:
    made = f"{parties.prefix}unseen"
    parties.users.allow("founder", [Acl("topic", "literal", "CREATE", made)])
    with pytest.raises(NotAllowed, match=f"to see topic {made}, which is there now: "):
        parties["founder"].create_topics([TopicSpec("unseen", 1, "delete", -1, 1000)])


def test_a_record_too_large_is_refused_before_it_is_sent_where_limits_may_not_be_asked_for(
    parties: Parties,
) -> None:
    producer = parties["operator"].producer()
    with pytest.raises(RecordTooLarge):
        producer.send(OutgoingRecord(REFERENCES.name, b"k", b"v" * (REFERENCES.max_message_bytes + 1)))
    producer.flush()


def test_dead_letters_that_a_user_may_not_read_are_not_called_none(parties: Parties) -> None:
    assert list(dead_letters(parties["administrator"], Wanted(keys=("nobody",)))) == []
    for name in ("subscriber", "operator"):
        with pytest.raises(NotAllowed, match=rf"{parties.prefix}crawl.documents.dlq: "):
            list(dead_letters(parties[name], Wanted()))


def test_a_clusterer_reads_what_it_assigned_when_the_encoder_changes(parties: Parties) -> None:
    assert newest_model(parties["clusterer"]) == ""
    lacking = Acl("topic", "literal", "READ", parties.prefix + ASSIGNED.name)
    parties.users.forbid("clusterer", lacking)
    other = open_transport(parties.settings("clusterer"))
    try:
        with pytest.raises(NotAllowed, match=f"to read {lacking.name}: "):
            newest_model(other)
    finally:
        parties.users.allow("clusterer", [lacking])
        other.close()


def test_topics_that_a_user_may_not_see_are_not_called_missing(parties: Parties) -> None:
    with log_to_read(parties.settings("subscriber")) as transport:
        assert set(transport.topics()) == {PAIRS.name}
    with log_to_write(parties.settings("crawler")) as transport:
        assert set(transport.topics()) == {CRAWL.name}
