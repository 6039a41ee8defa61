"""Topics as they are created, from their one declaration."""

from typing import Literal

import pytest

from equal_stream.errors import ConfigurationError
from equal_stream.settings import Settings, TopicSettings
from equal_stream.topics import CONSUMED, TOPICS
from equal_stream.transport.creation import topic_specs


def specs(transport: Literal["embedded", "kafka"] = "kafka", **partitions: int) -> dict[str, object]:
    settings = Settings(transport=transport, topics=TopicSettings(partitions=partitions))
    return {spec.name: spec for spec in topic_specs(settings)}


def test_every_topic_and_a_dead_letter_topic_for_each_that_is_consumed() -> None:
    assert set(specs()) == {topic.name for topic in TOPICS} | {f"{topic.name}.dlq" for topic in CONSUMED}


def test_topics_are_as_declared() -> None:
    pairs = specs()["qa.pairs"]
    assert (pairs.partitions, pairs.cleanup, pairs.retention_ms) == (6, "compact", -1)


def test_dead_letters_stay_and_take_the_largest_record_with_its_story() -> None:
    crawl, letters = specs()["crawl.documents"], specs()["crawl.documents.dlq"]
    assert (letters.cleanup, letters.retention_ms) == ("delete", -1)
    assert letters.max_message_bytes > crawl.max_message_bytes


def test_partition_counts_can_be_set() -> None:
    found = specs(**{"crawl.documents": 48, "references.dlq": 3})
    assert (found["crawl.documents"].partitions, found["references.dlq"].partitions) == (48, 3)


def test_one_machine_gets_few_partitions_unless_told_otherwise() -> None:
    assert specs("embedded")["crawl.documents"].partitions == 4
    assert specs("embedded")["references"].partitions == 1
    assert specs("embedded", **{"crawl.documents": 9})["crawl.documents"].partitions == 9


@pytest.mark.parametrize("wrong", [{"crawl.document": 3}, {"crawl.documents": 0}])
def test_a_mistake_is_one_sentence(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match=r"topics\.partitions"):
        specs(**wrong)
