"""The service's own pairs, with texts from the store or, while that is in use, from the log."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from equal_stream.alignment.examples import HarvestedPair
from equal_stream.alignment.harvest import Harvest, harvest
from equal_stream.alignment.texts import passage_texts
from equal_stream.errors import ConfigurationError
from equal_stream.extraction.pairtext import pair_text
from equal_stream.ids import doc_id, passage_id
from equal_stream.messages import EmbeddedPassage, QAPair, pack_vector
from equal_stream.settings import Settings
from equal_stream.store.base import ModelMismatch, Point
from equal_stream.store.factory import Stores, open_embedded
from equal_stream.topics import EMBEDDED
from equal_stream.transport.base import Transport
from equal_stream.transport.codec import encode
from tests.export.pairs import make_pair, open_log, publish

MODEL, DIMENSION = "a-model/fp32", 4


def passage_of(number: int) -> str:
    return passage_id(doc_id(f"https://a.example/{number}"), text_of(number), 0, 10)


def text_of(number: int) -> str:
    return f"The tide number {number} turns."


def pair(number: int, passage: int | None = None, **changes: Any) -> QAPair:
    """Return pair `number` of a passage, by default the one of the same number."""
    at = number if passage is None else passage
    return msgspec.structs.replace(
        make_pair(number, **changes), passage_id=passage_of(at), doc_id=f"doc-{at}"
    )


def harvested(number: int, passage: int | None = None) -> HarvestedPair:
    made = pair(number, passage)
    at = number if passage is None else passage
    return HarvestedPair(f"doc-{at}", text_of(at), pair_text(made.question, made.answer))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def log(settings: Settings) -> Iterator[Transport]:
    transport = open_log(settings.data_dir)
    yield transport
    transport.close()


def store(settings: Settings, numbers: list[int]) -> Stores:
    """Return the open store with these passages in it."""
    stores = open_embedded(settings, MODEL, DIMENSION)
    vector = np.array([1, 0, 0, 0], dtype=np.float32)
    stores.passages.upsert([Point(passage_of(n), vector, {"text": text_of(n)}) for n in numbers])
    return stores


def announce(log: Transport, numbers: list[int]) -> None:
    """Publish passages as the embedder does."""
    producer = log.producer()
    for number in numbers:
        message = EmbeddedPassage(
            passage_id=passage_of(number),
            doc_id=f"doc-{number}",
            url="",
            title="",
            lang="en",
            start=0,
            end=10,
            text=text_of(number),
            tokens=6,
            vector=pack_vector(np.ones(DIMENSION, dtype=np.float32)),
            model=MODEL,
        )
        producer.send(encode(message, topic=EMBEDDED.name, key=message.passage_id, source="test"))
    producer.close()


def gather(settings: Settings, log: Transport, most: int = 100, seed: int = 0) -> Harvest:
    return harvest(log, lambda ids: passage_texts(settings, log, ids, MODEL, DIMENSION), most, seed)


def by_text(pairs: list[HarvestedPair]) -> list[HarvestedPair]:
    return sorted(pairs, key=lambda each: each.pair)


def test_pairs_in_force_come_with_the_text_of_their_passage(settings: Settings, log: Transport) -> None:
    publish(log, pair(1), pair(2), pair(3, passage=1), pair(4), "id-0004")
    store(settings, [1, 2, 4]).close()
    found = gather(settings, log)
    assert by_text(found.pairs) == [harvested(1), harvested(2), harvested(3, passage=1)]
    assert (found.not_drawn, found.without_text) == (0, 0)


def test_the_last_version_of_a_pair_counts(settings: Settings, log: Transport) -> None:
    publish(log, pair(1), pair(1, answer="It turns back."))
    store(settings, [1]).close()
    assert [each.pair for each in gather(settings, log).pairs] == ["What does tide 1 do?\nIt turns back."]


def test_pairs_whose_passage_is_gone_are_counted(settings: Settings, log: Transport) -> None:
    publish(log, pair(1), pair(2), pair(3, passage=2))
    store(settings, [1]).close()
    found = gather(settings, log)
    assert found.pairs == [harvested(1)]
    assert found.without_text == 2


def test_while_the_service_has_the_store_open_the_texts_come_from_the_log(
    settings: Settings, log: Transport
) -> None:
    publish(log, pair(1), pair(2), pair(3))
    announce(log, [1, 3, 9])
    stores = store(settings, [1, 2, 3])
    try:
        found = gather(settings, log)
    finally:
        stores.close()
    assert by_text(found.pairs) == [harvested(1), harvested(3)]
    assert found.without_text == 1


def test_the_store_of_another_encoder_is_refused(settings: Settings, log: Transport) -> None:
    publish(log, pair(1))
    open_embedded(settings, "other/fp32", DIMENSION).close()
    with pytest.raises(ModelMismatch, match="other/fp32"):
        gather(settings, log)


def test_a_directory_without_a_store_is_said_and_none_is_made(settings: Settings, log: Transport) -> None:
    publish(log, pair(1))
    with pytest.raises(ConfigurationError, match="no passages under"):
        gather(settings, log)
    assert not (settings.data_dir / "store").exists()


def test_of_very_many_pairs_whole_passages_are_drawn_by_the_seed(settings: Settings, log: Transport) -> None:
    publish(log, *(pair(10 * passage + number, passage) for passage in range(20) for number in range(3)))
    store(settings, list(range(20))).close()
    found = gather(settings, log, most=10)
    assert 15 <= len(found.pairs) <= 17
    assert len(found.pairs) % 3 == 0
    assert found.not_drawn == 60 - len(found.pairs)
    assert gather(settings, log, most=10) == found
    assert gather(settings, log, most=10, seed=1) != found
