"""One contract, two transports: every test that takes `settings` or `open_log` runs on both."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from equal_stream.settings import KafkaSettings, Settings, TopicSettings
from equal_stream.transport.base import Transport
from equal_stream.transport.factory import open_transport

OpenLog = Callable[[], Transport]
SESSION_MS = 1_500  # short, so that takeovers do not take long


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Return settings of an empty log: its own directory, or its own prefix on the broker."""
    bootstrap = request.getfixturevalue("kafka_broker").bootstrap if request.param == "kafka" else ""
    return Settings(
        transport=request.param,
        data_dir=tmp_path,
        topics=TopicSettings(prefix=f"t{uuid4().hex[:8]}."),
        kafka=KafkaSettings(bootstrap_servers=bootstrap, session_timeout_ms=SESSION_MS),
    )


@pytest.fixture
def open_log(settings: Settings) -> Iterator[OpenLog]:
    """Return a function that opens the same log; each call is like another process."""
    opened: list[Transport] = []

    def open_one() -> Transport:
        opened.append(open_transport(settings))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture
def transport(open_log: OpenLog) -> Transport:
    return open_log()
