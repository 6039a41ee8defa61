"""Dead letters keep the original, and say why, where and when."""

import pytest

from equal_stream.errors import InvalidRecord
from equal_stream.transport.base import Record
from equal_stream.transport.codec import dead_letter
from equal_stream.transport.dead_letters import replayed_headers

ORIGINAL = Record(
    "crawl.documents", 3, 14, b"\xffkey", b"\x00not json", (("traceparent", b"t"), ("x", b"\xff")), 99
)
ERROR = InvalidRecord("wrong-type", "url", "field url is a number where a string belongs")


def about(record: Record = ORIGINAL, error: Exception = ERROR) -> dict[str, str]:
    letter = dead_letter(record, error, stage="embedder")
    return {name: value.decode() for name, value in letter.headers if name.startswith("dlq_")}


def test_key_value_and_headers_stay_as_they_came() -> None:
    letter = dead_letter(ORIGINAL, ERROR, stage="embedder")
    assert (letter.topic, letter.key, letter.value) == ("crawl.documents.dlq", ORIGINAL.key, ORIGINAL.value)
    assert letter.headers[:2] == ORIGINAL.headers


def test_headers_tell_what_happened() -> None:
    told = about()
    assert told.pop("dlq_at").endswith("+00:00")
    assert told == {
        "dlq_topic": "crawl.documents",
        "dlq_partition": "3",
        "dlq_offset": "14",
        "dlq_timestamp": "99",
        "dlq_stage": "embedder",
        "dlq_error_class": "InvalidRecord",
        "dlq_reason": "wrong-type",
        "dlq_field": "url",
        "dlq_message": "field url is a number where a string belongs",
        "dlq_attempt": "1",
        "dlq_version": "1",
    }


def test_other_errors_are_named_too() -> None:
    told = about(error=ZeroDivisionError("x" * 5000))
    assert (told["dlq_error_class"], told["dlq_reason"], told["dlq_field"]) == (
        "ZeroDivisionError",
        "error",
        "",
    )
    assert len(told["dlq_message"]) == 2000


def test_a_second_failure_replaces_what_the_first_one_said() -> None:
    first = dead_letter(ORIGINAL, ERROR, stage="embedder")
    replayed = Record("crawl.documents", 0, 20, first.key, first.value, replayed_headers(first.headers), 100)
    letter = dead_letter(replayed, InvalidRecord("missing-field", "url", "it"), stage="embedder")
    names = [name for name, _ in letter.headers]
    assert len(names) == len(set(names))
    assert dict(letter.headers)["dlq_reason"] == b"missing-field"
    assert dict(letter.headers)["dlq_attempt"] == b"2"


@pytest.mark.parametrize("forged", [b"", b"-1", b"one", b"9" * 5000, b"\xff", "²".encode()])
def test_a_count_that_is_none_begins_anew(forged: bytes) -> None:
    record = Record("crawl.documents", 0, 0, b"k", b"v", (("dlq_attempt", forged),), 0)
    assert about(record)["dlq_attempt"] == "1"


@pytest.mark.parametrize(("value", "key"), [(b"value", None), (None, b"")])
def test_a_record_without_a_key_keeps_having_none_unless_it_has_no_value_either(
    value: bytes | None, key: bytes | None
) -> None:
    letter = dead_letter(Record("references", 0, 0, None, value, (), 0), ERROR, stage="allocator")
    assert (letter.key, letter.value) == (key, value)
    assert ("dlq_key" in dict(letter.headers)) == (value is None)
