"""The clusterer's change of encoder, and what the log tells of the last one, on a real broker."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.kafka.local_broker import LocalBroker
from equal_stream import topics
from equal_stream.allocator.one_space import OneSpace
from equal_stream.clusterer.members import newest_model
from equal_stream.messages import AssignedPassage, unpack_vector
from equal_stream.reembedding.renewal import Renewal
from equal_stream.settings import KafkaSettings, TopicSettings
from equal_stream.transport.codec import decode
from tests.reembedding.switching import BEFORE, NEW, OLD, OTHER_LENGTH, Switching, page

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture
def world(kafka_broker: LocalBroker, tmp_path: Path) -> Iterator[Switching]:
    made = Switching(
        tmp_path,
        transport="kafka",
        topics=TopicSettings(prefix=f"t{uuid4().hex[:8]}."),
        kafka=KafkaSettings(bootstrap_servers=kafka_broker.bootstrap),
    )
    yield made
    made.close()


def test_clusters_and_assignments_go_over_to_another_encoder(world: Switching) -> None:
    world.crawl_themes(range(30))
    world.embed(BEFORE, OLD)
    alive = set(world.cluster(OLD).clusterer.sizes())
    assert newest_model(world.transport) == BEFORE.identity
    world.reembed(OTHER_LENGTH)
    world.crawl("river30", page("river", 30))
    world.embed(OTHER_LENGTH, NEW)
    stage = world.cluster(NEW)
    assert stage.space.model == newest_model(world.transport) == OTHER_LENGTH.identity
    assert set(stage.clusterer.sizes()) <= alive
    assert len(world.assigned()) == 121
    # The allocator's inputs: what is not embedded again yet holds its partition up, and nothing is skipped.
    store = world.store(NEW, OTHER_LENGTH)
    held = store.scroll(limit=1)[0]
    (whole,) = store.get([held.id], vectors=True)
    store.delete([held.id])
    consumer = world.transport.reader([topics.ASSIGNED.name])
    inputs = OneSpace(consumer, Renewal(store, world.documents(), NEW), OTHER_LENGTH.identity)
    taken = poll_until_quiet(inputs)
    assert held.id not in taken
    assert len(taken) < 121
    store.upsert([whole])
    taken |= poll_until_quiet(inputs)
    assert len(taken) == 121
    assert {len(unpack_vector(each.vector)) for each in taken.values()} == {OTHER_LENGTH.dimension}
    consumer.close()


def poll_until_quiet(inputs: OneSpace) -> dict[str, AssignedPassage]:
    taken: dict[str, AssignedPassage] = {}
    quiet = 0
    while quiet < 4:
        records = inputs.poll(500, 1.0)
        quiet = 0 if records else quiet + 1
        for record in records:
            passage = decode(record, AssignedPassage)
            assert passage.passage_id not in taken
            taken[passage.passage_id] = passage
    return taken
