"""Ten thousand spoilt records: no role ends, and each record ends in a dead letter or is taken in.

The seed is fixed, so a failure comes again.
"""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bench.audit import read_all, values
from consumers.clusterer import GROUP, ClusterStage, restore
from equal_stream import topics
from equal_stream.allocation.caps import KEYS, change_of
from equal_stream.allocator.intake import INPUTS
from equal_stream.errors import InvalidRecord
from equal_stream.extraction.base import PassageText, Ticket
from equal_stream.extraction.completion import Completion, Usage, read_completion
from equal_stream.extraction.judge import judge
from equal_stream.extraction.protected import ProtectedQuestions
from equal_stream.messages import BudgetChange, JournalEntry, Message, now
from equal_stream.roles import ALLOCATOR
from equal_stream.settings import BudgetSettings, ClusteringSettings, ExtractionSettings, Settings
from equal_stream.snapshots import SnapshotStore
from equal_stream.topics import Topic, dead_letter
from equal_stream.transport.base import OutgoingRecord, Record, Transport
from equal_stream.transport.codec import decode
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport
from tests.allocator.world import PromptWorkers, run
from tests.allocator.world import World as Allocation
from tests.embedding.world import World as Embedding
from tests.fuzz.mutations import spoilt, spoilt_headers, spoilt_key
from tests.fuzz.originals import completion, original
from tests.service.documents import page

pytestmark = [pytest.mark.slow]

SEED = 20261121
CRAWLED, EMBEDDED, OF_THE_ALLOCATOR, ANSWERS = 4_000, 2_500, 1_000, 1_000  # the third five times
SOUND_SHARE = 0.05  # of records that nothing is wrong with
AT_ONCE = 250


def spoilt_records(topic: str, count: int) -> Iterator[OutgoingRecord]:
    """Yield spoilt records of a topic, a few sound ones and a few null values among them."""
    rng = random.Random(f"{SEED} {topic}")
    others = [original(topic, rng, number)[1] for number in range(20)]
    for number in range(count):
        key, value = original(topic, rng, number)
        if rng.random() < SOUND_SHARE:
            yield OutgoingRecord(topic, key, value)
        elif rng.random() < SOUND_SHARE:
            yield OutgoingRecord(topic, key, None, spoilt_headers(rng))
        else:
            changed = spoilt(rng, value, others)
            yield OutgoingRecord(topic, spoilt_key(rng, key), changed, spoilt_headers(rng))


def fed(transport: Transport, topic: str, count: int) -> None:
    """Write spoilt records."""
    producer = transport.producer()
    for record in spoilt_records(topic, count):
        producer.send(record)
    producer.close()


def places_of(letters: list[Record]) -> Counter[tuple[int, int]]:
    """Return from where dead letters came, by partition and offset."""
    found: Counter[tuple[int, int]] = Counter()
    for letter in letters:
        about = dict(letter.headers)
        assert about["dlq_reason"]
        assert about["dlq_message"]
        found[int(about["dlq_partition"]), int(about["dlq_offset"])] += 1
    return found


def unreadable(records: list[Record], kind: type[Message]) -> set[tuple[int, int]]:
    """Return where records lie that are no messages of a kind at all."""
    found = set()
    for record in records:
        try:
            if record.value is not None:
                decode(record, kind)
        except InvalidRecord:
            found.add((record.partition, record.offset))
    return found


def test_embedder(tmp_path: Path) -> None:
    world = Embedding(tmp_path)
    fed(world.transport, topics.CRAWL.name, CRAWLED)
    while records := world.consumer.poll(AT_ONCE, 0.0):
        world.run(records)
    records = read_all(world.transport, topics.CRAWL.name)
    letters = read_all(world.transport, dead_letter(topics.CRAWL.name))
    ends = places_of(letters)
    for outcome in values(read_all(world.transport, topics.DOCUMENT_OUTCOMES.name)):
        ends[outcome["source"]["partition"], outcome["source"]["offset"]] += 1
    assert ends == Counter((record.partition, record.offset) for record in records)
    assert len(records) == CRAWLED
    assert unreadable(records, topics.CRAWL.message) <= places_of(letters).keys()
    of_place = {(record.partition, record.offset): record for record in records}
    for letter in letters:
        about = dict(letter.headers)
        came = of_place[int(about["dlq_partition"]), int(about["dlq_offset"])]
        assert (letter.key or b"", letter.value) == (came.key or b"", came.value)
    assert set(world.consumer.lag().values()) == {0}
    world.close()


def test_clusterer(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, clustering=ClusteringSettings(max_clusters=16))
    transport = open_transport(settings)
    transport.create_topics(topic_specs(settings))
    fed(transport, topics.EMBEDDED.name, EMBEDDED)
    snapshots = SnapshotStore(tmp_path / "state")
    consumer = transport.reader([topics.EMBEDDED.name], GROUP)
    clusterer = restore(settings, consumer, snapshots)
    stage = ClusterStage(clusterer, consumer, transport.producer(GROUP), snapshots)
    while records := consumer.poll(AT_ONCE, 0.0):
        stage.handle(records)
    records = read_all(transport, topics.EMBEDDED.name)
    dead = places_of(read_all(transport, dead_letter(topics.EMBEDDED.name)))
    assigned = Counter(each["passage_id"] for each in values(read_all(transport, topics.ASSIGNED.name)))
    usable = [each for each in records if (each.partition, each.offset) not in dead]
    assert assigned == Counter(decode(each, topics.EMBEDDED.message).passage_id for each in usable)
    assert set(dead.values()) == {1}
    assert sum(dead.values()) + assigned.total() == len(records) == EMBEDDED
    assert assigned.total() > EMBEDDED / 20
    transport.close()


@pytest.fixture(scope="module")
def allocation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Allocation]:
    """An allocator's world after it has read spoilt records of all its topics."""
    world = Allocation(tmp_path_factory.mktemp("allocation"))
    for topic in INPUTS:
        fed(world.transport, topic.name, OF_THE_ALLOCATOR)
    service = world.service(PromptWorkers())
    service.recover()
    run(service, turns=400)
    service.snapshot()
    assert msgspec.json.encode(service.look().status)
    service.close()
    yield world
    world.close()


@pytest.mark.parametrize("topic", INPUTS, ids=lambda topic: topic.name)
def test_allocator(allocation: Allocation, topic: Topic) -> None:
    transport = allocation.transport
    committed = transport.group_positions(ALLOCATOR.group, [topic.name])
    assert committed == transport.end_positions([topic.name])
    records = read_all(transport, topic.name)
    dead = places_of(read_all(transport, dead_letter(topic.name)))
    told_itself = [decode(each, BudgetChange).change for each in records[OF_THE_ALLOCATOR:]]
    if topic is topics.BUDGET:  # the caps of its settings, and those that were set lower before, once
        assert told_itself in (["configured"], ["configured", "set"])
    else:
        assert told_itself == []
    assert unreadable(records, topic.message) <= dead.keys() <= {(r.partition, r.offset) for r in records}
    assert set(dead.values()) == {1}
    assert len(dead) < len(records)


def test_an_allocator_that_has_read_all_that_starts_again_and_buys_what_is_sound(
    allocation: Allocation,
) -> None:
    service = allocation.service(PromptWorkers())
    service.recover()
    caps = BudgetSettings(usd_total=1.0, tokens_per_hour=10**9)
    for change in (change_of("set", caps, now()), BudgetChange(change="resume", at=now())):
        allocation.publish(change, topics.BUDGET.name, KEYS[change.change])
    allocation.reference("sound", "1", "apples")
    wanted = allocation.passage("apples", 1)
    run(service, turns=400)
    pairs = values(read_all(allocation.transport, topics.PAIRS.name))
    assert [pair["passage_id"] for pair in pairs] == [wanted]
    assert service.core.status(allocation.tick()).budget.usd_spent > 0
    service.close()


def journaled(answer: Completion) -> JournalEntry:
    """Return an answer as it is stored."""
    usage = answer.usage or Usage(9, 9)
    return JournalEntry(
        request_id="r", ticket_id="t", passage_id="p", model="m", prompt_version="1",
        content=answer.content, finish_reason=answer.finish_reason, tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out, usage_known=answer.usage is not None, cost_usd=0.1, at=now(),
    )  # fmt: skip


def test_answers_of_the_llm() -> None:
    rng = random.Random(SEED)
    text = page("tides", 1)["text"]
    passage = PassageText(text=text, start=0, title="t", lang="en")
    others = [completion(text, number) for number in range(20)]
    ends: Counter[str] = Counter()
    for number in range(ANSWERS):
        answer = read_completion(spoilt(rng, completion(text, number), others))
        entry = journaled(answer)
        assert msgspec.json.decode(msgspec.json.encode(entry), type=JournalEntry) == entry
        judged = judge(TICKET, passage, entry, ExtractionSettings(), ProtectedQuestions())
        for pair in judged.verdict.accepted:
            assert text[pair.span.start : pair.span.end]
        ends[judged.result.status] += 1
    assert ends.keys() == {"answered", "failed"}
    assert ends.total() == ANSWERS


TICKET = Ticket(
    ticket_id="t", request_id="r", passage_id="p", doc_id="d", url="u", cluster_id=1, target="t", tokens=1,
    reserved_tokens=1_000, reserved_usd=0.1, predicted_gain=1.0, propensity=1.0, policy="p",
)  # fmt: skip
