"""The worker inside a Ray actor, with a real encoder and a real log."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import ray

from equal_stream import topics
from equal_stream.extraction.base import PassageText
from equal_stream.extraction.pairtext import pair_text
from equal_stream.extraction.ray_worker import start_extraction_actor
from equal_stream.messages import JournalEntry, unpack_vector
from equal_stream.ray_runtime import connect
from equal_stream.settings import Settings
from equal_stream.transport.base import TopicSpec
from equal_stream.transport.codec import decode
from equal_stream.transport.factory import open_transport
from tests.extraction.material import ticket_for

FAQ = PassageText(
    text="Q: How long does delivery take?\nA: Three to five working days.\n", start=5, title="Help", lang="en"
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = Settings(data_dir=Path(tmp_path_factory.mktemp("data")))
    connection = connect(settings)
    yield settings
    connection.stop()


@pytest.mark.slow
def test_an_actor_extracts_journals_embeds_and_recovers(settings: Settings) -> None:
    transport = open_transport(settings)
    transport.create_topics([TopicSpec(topics.JOURNAL.name, 1, "compact,delete", -1, 1_000_000)])
    actor = start_extraction_actor(settings)
    assert ray.get(actor.ping.remote(), timeout=60)
    assert ray.get(actor.stats.remote(), timeout=60) == {}
    result = ray.get(actor.extract.remote(ticket_for(FAQ), FAQ), timeout=120)
    identity, dimension = ray.get(actor.model.remote(), timeout=60)
    (pair,) = result.pairs
    (vector,) = ray.get(actor.encode.remote([pair_text(pair.question, pair.answer)]), timeout=60)
    assert identity.startswith(settings.embedding.model)
    assert vector.shape == (dimension,)
    assert np.allclose(unpack_vector(pair.vector), vector, atol=1e-2)
    reader = transport.reader([topics.JOURNAL.name])
    (record,) = [record for _ in range(3) for record in reader.poll(10, 0.2)]
    entry = decode(record, JournalEntry)
    recovered = ray.get(actor.recover.remote(ticket_for(FAQ), FAQ, entry), timeout=60)
    assert [(each.question, each.start, each.end) for each in recovered.pairs] == [
        (pair.question, pair.start, pair.end)
    ]
    assert ray.get(actor.stats.remote(), timeout=60) == {"answered": 1}
    ray.get(actor.close.remote(), timeout=60)
    ray.kill(actor)
    reader.close()
    transport.close()
