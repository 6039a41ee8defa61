"""Which topics to create and how, from the one declaration in `equal_stream.topics`."""

from equal_stream.errors import ConfigurationError
from equal_stream.settings import Settings
from equal_stream.topics import CONSUMED, TOPICS, Topic, dead_letter
from equal_stream.transport.base import TopicSpec

_EMBEDDED_PARTITIONS = 4  # one machine runs few members, and each partition is looked at in every poll
_DEAD_LETTER_HEADERS = 65_536  # room for what a dead letter says about itself, beside the original


def topic_specs(settings: Settings) -> list[TopicSpec]:
    """Return every topic of the service, dead-letter topics included, with the partitions configured.

    Raises
    ------
    ConfigurationError
        When a partition count is set for a topic that does not exist, or is below one.
    """
    specs = [_spec(topic, settings) for topic in TOPICS]
    specs += [_dead_letter_spec(topic, settings) for topic in CONSUMED]
    known = {spec.name for spec in specs}
    for name, count in settings.topics.partitions.items():
        if name not in known:
            raise ConfigurationError(
                f"topics.partitions names {name}, which is no topic; there are {', '.join(sorted(known))}"
            )
        if count < 1:
            raise ConfigurationError(
                f"topics.partitions gives {name} {count} partitions; it needs at least 1"
            )
    return specs


def _spec(topic: Topic, settings: Settings) -> TopicSpec:
    return TopicSpec(
        topic.name,
        _partitions(topic.name, topic.partitions, settings),
        topic.cleanup,
        topic.retention_ms,
        topic.max_message_bytes,
    )


def _dead_letter_spec(topic: Topic, settings: Settings) -> TopicSpec:
    name = dead_letter(topic.name)
    max_bytes = topic.max_message_bytes + _DEAD_LETTER_HEADERS
    return TopicSpec(name, _partitions(name, 1, settings), "delete", -1, max_bytes)


def _partitions(name: str, declared: int, settings: Settings) -> int:
    default = min(declared, _EMBEDDED_PARTITIONS) if settings.transport == "embedded" else declared
    return settings.topics.partitions.get(name, default)
