"""Keys go where every other client of Kafka sends them."""

from hypothesis import example, given
from hypothesis import strategies as st
from kafka.partitioner import DefaultPartitioner
from kafka.partitioner import murmur2 as client_murmur2

from equal_stream.transport.kafka.partitioner import KeyPartitioner, murmur2


class TwoTopics:
    """Knows one topic of 6 partitions, and one of which two partitions are without a leader."""

    def topics(self) -> set[str]:
        return {"whole", "ailing"}

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(6 if topic == "whole" else 4))

    def available_partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(6)) if topic == "whole" else {1, 3}


@given(st.binary(max_size=80))
@example(b"")
def test_the_hash_is_that_of_the_client(key: bytes) -> None:
    assert murmur2(key) == client_murmur2(key)


@given(st.binary(max_size=80), st.sampled_from(["whole", "ailing"]))
def test_a_key_goes_where_the_client_would_send_it(key: bytes, topic: str) -> None:
    ours = KeyPartitioner().partition(topic, key, key, None, None, TwoTopics())
    assert ours == DefaultPartitioner().partition(topic, key, key, None, None, TwoTopics())


def test_a_record_without_a_key_goes_to_any_partition_that_takes_it() -> None:
    chosen = {KeyPartitioner().partition("ailing", None, None, b"", b"", TwoTopics()) for _ in range(100)}
    assert chosen == {1, 3}
