"""The log as commands open it: checked before, ready to use within, closed after."""

import contextlib
from collections.abc import Iterator

from equal_stream.errors import ConfigurationError
from equal_stream.settings import Settings
from equal_stream.settings_rules import require_transport_ready
from equal_stream.topics import TOPICS
from equal_stream.transport.base import Transport
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.embedded.transport import FILE_NAME
from equal_stream.transport.exceptions import NotAllowed, UnknownTopic
from equal_stream.transport.factory import open_transport


@contextlib.contextmanager
def log_to_write(settings: Settings) -> Iterator[Transport]:
    """Open the log to write to; the embedded one is made, with its topics, where it is missing.

    The topics of a broker belong to its operator: where they are missing, `UnknownTopic` says so.
    """
    require_transport_ready(settings)
    transport = open_transport(settings)
    try:
        if settings.transport == "embedded":
            transport.create_topics(topic_specs(settings))
        else:
            _require_topics(transport)
        yield transport
    finally:
        transport.close()


@contextlib.contextmanager
def log_to_read(settings: Settings) -> Iterator[Transport]:
    """Open a log that is there already, to look at it."""
    require_transport_ready(settings)
    if settings.transport == "embedded" and not (settings.data_dir / FILE_NAME).exists():
        raise ConfigurationError(
            f"there is no log under {settings.data_dir} yet; name the directory of the service with "
            "--data-dir, or its broker with --set transport=kafka"
        )
    with log_to_write(settings) as transport:
        yield transport


def _require_topics(transport: Transport) -> None:
    present = transport.topics()
    unseen = [topic.name for topic in TOPICS if topic.name not in present]
    missing = [name for name in unseen if not _hidden(transport, name)]
    if missing:
        raise UnknownTopic(
            f"the broker lacks {len(missing)} of {len(TOPICS)} topics, among them {missing[0]}; "
            "run: equal-stream topics create"
        )


def _hidden(transport: Transport, topic: str) -> bool:
    """Return whether the broker keeps a topic from this user, whose business it is not then."""
    try:
        transport.beginning_positions([topic])
    except NotAllowed:
        return True
    except UnknownTopic:
        return False
    return False
