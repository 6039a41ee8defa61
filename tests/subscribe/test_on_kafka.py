"""Feed and subscriber against a real broker: what group membership and size limits are there."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from equal_stream.cli.app import run
from equal_stream.settings import KafkaSettings, Settings, TopicSettings
from equal_stream.subscribe.selection import PairSelection
from equal_stream.subscribe.subscriber import Subscriber
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport
from tests.export.pairs import make_pair, publish
from tests.feed.logs import urls
from tests.subscribe.test_subscriber import Collected, ids

pytestmark = pytest.mark.kafka


@pytest.fixture
def settings(kafka_broker, tmp_path: Path) -> Settings:
    found = Settings(
        transport="kafka",
        data_dir=tmp_path,
        topics=TopicSettings(prefix=f"t{uuid4().hex[:8]}."),
        kafka=KafkaSettings(bootstrap_servers=kafka_broker.bootstrap, session_timeout_ms=6_000),
    )
    transport = open_transport(found)
    transport.create_topics(topic_specs(found))
    transport.close()
    return found


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def flags(settings: Settings) -> list[str]:
    return [
        "--set", "transport=kafka",
        "--set", f"kafka.bootstrap_servers={settings.kafka.bootstrap_servers}",
        "--set", f"topics.prefix={settings.topics.prefix}",
        "--data-dir", str(settings.data_dir),
    ]  # fmt: skip


class Until:
    """Says stop when a condition holds; gives up after a minute."""

    def __init__(self, condition: Callable[[], bool]) -> None:
        self.condition = condition
        self.deadline = time.monotonic() + 60

    def is_set(self) -> bool:
        assert time.monotonic() < self.deadline
        return self.condition()


def test_documents_reach_the_broker_and_too_large_ones_never_do(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.jsonl"
    entries = [
        {"url": f"https://a.example/{n}", "text": "x" * (20_000_000 if n == 1 else 5)} for n in range(3)
    ]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    assert run(["ingest", str(path), "--json", *flags(settings)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["published"], report["skipped"]) == (2, {"too-large": 1})
    transport = open_transport(settings)
    assert urls(transport) == ["https://a.example/0", "https://a.example/2"]
    transport.close()


def test_a_group_goes_on_where_it_stopped(settings: Settings) -> None:
    transport = open_transport(settings)
    publish(transport, *(make_pair(n) for n in range(10)))
    first, second = Collected(), Collected()
    Subscriber(transport, first, PairSelection(), group="g", limit=4).run(Until(lambda: False))
    Subscriber(transport, second, PairSelection(), group="g", limit=6).run(Until(lambda: False))
    transport.close()
    assert sorted(first.pairs + second.pairs) == ids(*range(10))


def test_a_group_that_begins_at_the_end_gets_what_is_new(settings: Settings) -> None:
    transport = open_transport(settings)
    publish(transport, *(make_pair(n) for n in range(10)))
    output = Collected()
    subscriber = Subscriber(transport, output, PairSelection(), group="g", from_end=True, limit=1)

    def publish_when_begun() -> bool:
        if len(transport.group_positions("g", ["qa.pairs"])) == 6 and not output.pairs:
            publish(transport, make_pair(11))
        return False

    subscriber.run(Until(publish_when_begun))
    transport.close()
    assert output.pairs == ids(11)
