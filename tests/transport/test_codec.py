"""From message to record and back, and what is said about values that are none."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.errors import InvalidRecord
from equal_stream.messages import ClusterEvent, CrawledDocument, DocumentOutcome, LedgerEntry, Message, now
from equal_stream.transport.base import OutgoingRecord, Record
from equal_stream.transport.codec import decode, encode, tombstone, trace_of

TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
DOCUMENT = CrawledDocument(url="https://example.org/", text="Text.")


def received(value: bytes | None, headers: tuple[tuple[str, bytes], ...] = ()) -> Record:
    return Record("crawl.documents", 3, 14, b"https://example.org/", value, headers, 1_700_000_000_000)


def header(record: OutgoingRecord, name: str) -> str:
    (value,) = [value for key, value in record.headers if key == name]
    return value.decode()


def problem(value: bytes | None, kind: type = CrawledDocument) -> InvalidRecord:
    with pytest.raises(InvalidRecord) as caught:
        decode(received(value), kind)
    return caught.value


class TestEncoding:
    def test_carries_cloudevents_attributes_in_headers(self) -> None:
        record = encode(DOCUMENT, topic="crawl.documents", key=DOCUMENT.url, source="ingest")
        assert (record.topic, record.key) == ("crawl.documents", b"https://example.org/")
        assert header(record, "ce_type") == "equal-stream.crawled-document.v1"
        assert header(record, "ce_source") == "/equal-stream/ingest"
        assert header(record, "ce_specversion") == "1.0"
        assert header(record, "content-type") == "application/json"
        assert header(record, "ce_time").endswith("+00:00")

    def test_gives_every_record_an_id_of_its_own(self) -> None:
        records = [encode(DOCUMENT, topic="t", key="k", source="s") for _ in range(100)]
        assert len({header(each, "ce_id") for each in records}) == 100

    def test_decodes_to_what_went_in(self) -> None:
        record = encode(DOCUMENT, topic="t", key="k", source="s")
        assert decode(received(record.value), CrawledDocument) == DOCUMENT

    def test_of_a_tombstone_has_no_value(self) -> None:
        record = tombstone(topic="qa.pairs", key="id", source="allocator")
        assert (record.topic, record.key, record.value) == ("qa.pairs", b"id", None)
        assert header(record, "ce_type") == "equal-stream.tombstone.v1"


class TestTrace:
    def test_begins_where_there_is_none(self) -> None:
        assert TRACEPARENT.fullmatch(header(encode(DOCUMENT, topic="t", key="k", source="s"), "traceparent"))

    def test_goes_on_under_the_same_trace_id_with_another_span(self) -> None:
        first = encode(DOCUMENT, topic="t", key="k", source="s")
        incoming = received(first.value, first.headers)
        second = encode(DOCUMENT, topic="t", key="k", source="s", trace=trace_of(incoming))
        _, trace, span, flags = header(first, "traceparent").split("-")
        assert header(second, "traceparent").split("-")[1::2] == [trace, flags]
        assert header(second, "traceparent").split("-")[2] != span

    @pytest.mark.parametrize(
        "invalid",
        [
            "",
            "rubbish",
            f"00-{'0' * 32}-{'a' * 16}-01",
            f"00-{'a' * 32}-{'0' * 16}-01",
            f"ff-{'a' * 32}-{'a' * 16}-01",
            f"00-{'A' * 32}-{'a' * 16}-01",
            f"00-{'a' * 32}-{'a' * 16}-01-more",
        ],
    )
    def test_begins_anew_when_the_incoming_one_is_invalid(self, invalid: str) -> None:
        fresh = header(encode(DOCUMENT, topic="t", key="k", source="s", trace=invalid), "traceparent")
        assert TRACEPARENT.fullmatch(fresh)
        assert "a" * 32 not in fresh

    def test_of_a_later_version_is_understood(self) -> None:
        later = f"01-{'a' * 32}-{'b' * 16}-00-more"
        assert header(
            encode(DOCUMENT, topic="t", key="k", source="s", trace=later), "traceparent"
        ).startswith(f"00-{'a' * 32}-")

    def test_absent_from_a_record_is_none(self) -> None:
        assert trace_of(received(b"{}", (("other", b"x"),))) is None


class TestInvalidValues:
    @pytest.mark.parametrize(
        ("value", "reason", "field"),
        [
            (None, "null-value", ""),
            (b"", "invalid-json", ""),
            (b'{"url": "a"', "invalid-json", ""),
            (b'{"url": "a\x00b"}', "invalid-json", ""),
            (b'\xef\xbb\xbf{"url": "a"}', "invalid-json", ""),
            (b'{"url": "\xff"}', "invalid-utf8", ""),
            (b"[1]", "wrong-type", ""),
            (b"7", "wrong-type", ""),
            (b"null", "wrong-type", ""),
            (b"{}", "missing-field", "url"),
            (b'{"url": null}', "wrong-type", "url"),
            (b'{"url": 5}', "wrong-type", "url"),
            (b'{"url": ""}', "invalid-value", "url"),
            (b'{"url": "a", "text": ["b"]}', "wrong-type", "text"),
            (b'{"url": "a", "fetched_at": "yesterday"}', "invalid-value", "fetched_at"),
            (b'{"url": "a", "fetched_at": 5}', "wrong-type", "fetched_at"),
            (b'{"url": "a", "metadata": {"b": 1}}', "wrong-type", "metadata"),
            (b"[" * 100_000 + b"]" * 100_000, "too-deep", ""),
            (b'{"url": "a", "b": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too-deep", ""),
        ],
    )
    def test_name_reason_and_field(self, value: bytes | None, reason: str, field: str) -> None:
        error = problem(value)
        assert (error.reason, error.field) == (reason, field)
        assert field in str(error)

    def test_of_structs_within_structs_name_the_path(self) -> None:
        outcome = b'{"url":"a","doc_id":"b","outcome":"embedded","at":"2026-01-01T00:00:00Z","source":'
        assert problem(outcome + b'{"topic":"t","partition":0}}', DocumentOutcome).field == "source.offset"
        error = problem(outcome + b'{"topic":"t","partition":0,"offset":-1}}', DocumentOutcome)
        assert (error.reason, error.field) == ("invalid-value", "source.offset")
        assert problem(outcome + b"7}", DocumentOutcome).field == "source"

    def test_outside_a_choice_are_invalid_values(self) -> None:
        event = b'{"cluster_id":1,"parents":[],"children":[],"size":1,"at":"2026-01-01T00:00:00Z","event":'
        assert problem(event + b'"eruption"}', ClusterEvent).reason == "invalid-value"
        assert problem(event + b"3}", ClusterEvent).reason == "wrong-type"

    def test_larger_than_the_limit_are_not_parsed(self) -> None:
        with pytest.raises(InvalidRecord) as caught:
            decode(received(b"{" * 101), CrawledDocument, max_bytes=100)
        assert caught.value.reason == "too-large"
        with pytest.raises(InvalidRecord) as caught:
            decode(received(bytes(20_000_000)), CrawledDocument)
        assert caught.value.reason == "too-large"

    def test_with_unknown_fields_are_fine(self) -> None:
        assert decode(received(b'{"url": "a", "new": {"b": [1, 2]}}'), CrawledDocument).url == "a"

    @given(st.binary(max_size=200))
    def test_of_any_bytes_decode_or_say_why(self, value: bytes) -> None:
        assert faults(value, CrawledDocument) != [""]

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
            ),
        ),
        st.sampled_from(["entry", "ticket_id", "tokens", "usd", "at", "attempt"]),
    )
    def test_of_any_json_decode_or_name_the_field(self, part: object, name: str) -> None:
        entry = LedgerEntry(entry="settle", ticket_id="t", tokens=1, usd=0.5, at=now())
        value = msgspec.json.encode({**msgspec.to_builtins(entry), name: part})
        assert faults(value, LedgerEntry, "field") in ([], [name])


def faults(value: bytes, kind: type[Message], what: str = "reason") -> list[str]:
    """Return what is wrong with a value, if anything."""
    try:
        decode(received(value), kind)
    except InvalidRecord as error:
        return [getattr(error, what)]
    return []
