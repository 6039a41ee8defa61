"""`dlq`: dead letters can be looked at and sent back, byte for byte; doing it twice is harmless."""

import base64
import time
from collections.abc import Iterator

import pytest

from equal_stream.errors import InvalidRecord
from equal_stream.settings import Settings
from equal_stream.topics import CRAWL
from equal_stream.transport.base import Headers, OutgoingRecord, Record, Transport
from equal_stream.transport.codec import dead_letter
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport
from tests.cli.shell import Shell

NOW = int(time.time() * 1000)
HEADERS: Headers = (("ce_id", b"1"), ("traceparent", b"00-x"))


@pytest.fixture
def log(shell: Shell) -> Iterator[Transport]:
    settings = Settings(data_dir=shell.data_dir)
    transport = open_transport(settings)
    transport.create_topics(topic_specs(settings))
    yield transport
    transport.close()


def bury(log: Transport, value: bytes | None, *, key: bytes = b"https://a", reason: str = "invalid-json",
         offset: int = 3, at: int = NOW, stage: str = "embedder") -> None:  # fmt: skip
    give_up(log, Record(CRAWL.name, 1, offset, key, value, HEADERS, at), reason=reason, stage=stage)


def give_up(log: Transport, record: Record, *, reason: str = "invalid-json", stage: str = "embedder") -> None:
    producer = log.producer()
    producer.send(dead_letter(record, InvalidRecord(reason, "url", f"field url: {reason}"), stage=stage))
    producer.close()


def crawled(log: Transport) -> list[Record]:
    reader = log.reader([CRAWL.name])
    records: list[Record] = []
    while batch := reader.poll(100, 0.3):
        records += batch
    reader.close()
    return records


def test_list_tells_from_where_and_why_and_shows_the_bytes(shell: Shell, log: Transport) -> None:
    bury(log, b"{\xff")
    (letter,) = shell("dlq", "list", "--json").json()
    assert (letter["topic"], letter["partition"], letter["offset"]) == ("crawl.documents", "1", "3")
    assert (letter["reason"], letter["field"], letter["stage"]) == ("invalid-json", "url", "embedder")
    assert base64.b64decode(letter["value_base64"]) == b"{\xff"
    assert "1 of crawl.documents: invalid-json" in shell("dlq", "list").out


def test_filters_narrow_the_list(shell: Shell, log: Transport) -> None:
    bury(log, b"1")
    bury(log, b"2", reason="too-large", key=b"https://b", stage="other")
    for flags in (["--reason", "too-large"], ["--key", "https://b"], ["--stage", "other"]):
        (letter,) = shell("dlq", "list", "--json", *flags).json()
        assert letter["key"] == "https://b"
    assert shell("dlq", "list", "--json", "--topic", "references").json() == []
    assert len(shell("dlq", "list", "--json", "--hours", "1").json()) == 2
    assert len(shell("dlq", "list", "--json", "--limit", "1").json()) == 1


def test_a_topic_without_dead_letters_is_a_usage_error(shell: Shell, log: Transport) -> None:
    assert shell("dlq", "list", "--topic", "qa.pairs").code == 2


def test_an_empty_list_says_so(shell: Shell, log: Transport) -> None:
    assert shell("dlq", "list").out == "there are no dead letters\n"
    assert shell("dlq", "replay").out == "there are no dead letters to replay\n"


def test_replay_sends_key_value_headers_and_time_back_as_they_were(shell: Shell, log: Transport) -> None:
    bury(log, b"\x00\xff{")
    assert shell("dlq", "replay").out == "sent 1 records back to crawl.documents\n"
    (record,) = crawled(log)
    assert (record.key, record.value) == (b"https://a", b"\x00\xff{")
    assert record.headers == (*HEADERS, ("dlq_attempt", b"1"))
    assert record.timestamp_ms == NOW


def test_a_tombstone_comes_back_as_a_tombstone(shell: Shell, log: Transport) -> None:
    bury(log, None)
    shell("dlq", "replay")
    assert crawled(log)[0].value is None


def test_a_record_older_than_its_topic_keeps_is_sent_with_the_time_of_now(
    shell: Shell, log: Transport
) -> None:
    bury(log, b"old", at=NOW - CRAWL.retention_ms)
    shell("dlq", "replay")
    assert crawled(log)[0].timestamp_ms >= NOW


def test_a_dry_run_sends_nothing(shell: Shell, log: Transport) -> None:
    bury(log, b"1")
    done = shell("dlq", "replay", "--dry-run", "--json").json()
    assert done == {"replayed": {"crawl.documents": 1}, "dead_letters": 1, "dry_run": True}
    assert crawled(log) == []


def test_replay_takes_only_what_the_filters_let_pass(shell: Shell, log: Transport) -> None:
    bury(log, b"1")
    bury(log, b"2", reason="too-large")
    shell("dlq", "replay", "--reason", "too-large")
    assert [record.value for record in crawled(log)] == [b"2"]


def test_what_keeps_failing_does_not_multiply(shell: Shell, log: Transport) -> None:
    bury(log, b"bad")
    for attempt in range(2, 5):
        before = len(crawled(log))
        shell("dlq", "replay")
        *_, again = crawled(log)
        assert again.offset == before
        give_up(log, again)
        assert shell("dlq", "list", "--json").json()[-1]["attempt"] == str(attempt)


def test_a_record_that_is_no_dead_letter_is_listed_all_the_same(shell: Shell, log: Transport) -> None:
    producer = log.producer()
    producer.send(OutgoingRecord("crawl.documents.dlq", b"k", b"v"))
    producer.close()
    (letter,) = shell("dlq", "list", "--json").json()
    assert (letter["topic"], letter["reason"]) == ("crawl.documents", "")
