"""WARC files: each record is a page or has a reason."""

import gzip
import zlib
from datetime import UTC, datetime
from pathlib import Path

import brotli
import pytest

from equal_stream.feed import http_body, warc_page
from tests.feed.archives import PAGE, Entry, write_warc, write_wet
from tests.feed.reading import documents, problems, read, reasons

HTML = {"Content-Type": "text/html"}


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz", "archive"])
def test_a_page_keeps_its_url_its_date_and_where_it_came_from(tmp_path: Path, name: str) -> None:
    items, broken = read(write_warc(tmp_path / name, [Entry()]))
    assert not broken
    (page,) = documents(items)
    assert page.url == "http://tides.example/"
    assert page.html == PAGE
    assert page.text is None
    assert page.fetched_at == datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert page.content_type == "text/html"
    assert page.metadata["warc_file"] == name
    assert page.metadata["warc_record_id"].startswith("<urn:uuid:")


def test_plain_text_and_resources_are_pages_too(tmp_path: Path) -> None:
    text = Entry(body=b"plain", http={"Content-Type": "text/plain"})
    resource = Entry(uri="<http://tides.example/r>", kind="resource", content_type="text/html")
    untyped = Entry(uri="http://tides.example/u", http={})
    items, _ = read(write_warc(tmp_path / "a.warc.gz", [text, resource, untyped]))
    assert [(d.url, d.text, d.html) for d in documents(items)] == [
        ("http://tides.example/", "plain", None),
        ("http://tides.example/r", None, PAGE),
        ("http://tides.example/u", None, PAGE),
    ]


def test_every_other_record_has_its_reason(tmp_path: Path) -> None:
    entries = [
        Entry(uri=None, kind="warcinfo", body=b"software: test\r\n", content_type="application/warc-fields"),
        Entry(kind="request", body=b""),
        Entry(status="404 Not Found"),
        Entry(status="301 Moved"),
        Entry(http={"Content-Type": "image/png"}),
        Entry(http={}, body=b"\x00\x01 no page"),
        Entry(body=b" \n"),
        Entry(kind="revisit", body=b""),
        Entry(kind="metadata", body=b"{}", content_type="application/json"),
        Entry(uri="dns:tides.example", kind="response", body=b"1.2.3.4", content_type="text/dns"),
        Entry(http={"Content-Type": "text/html", "Content-Encoding": "zstd"}),
        Entry(),
    ]
    items, broken = read(write_warc(tmp_path / "a.warc.gz", entries))
    assert not broken
    assert reasons(items) == [
        "warcinfo", "request", "http-status", "http-status", "not-a-page", "not-a-page", "no-text", "revisit",
        "metadata", "not-a-page", "content-encoding",
    ]  # fmt: skip
    assert len(documents(items)) == 1
    assert problems(items)[2].where.startswith("record 3 (byte ")
    assert "404" in problems(items)[2].sentence
    assert "http://tides.example/" in problems(items)[2].sentence


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data)[2:-4]),
        ("br", brotli.compress),
        ("identity", bytes),
        ("gzip", bytes),
        ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_transfer_and_content_encodings_are_undone_also_where_they_are_already(
    tmp_path: Path, encoding: str, encode, chunked: bool
) -> None:
    body = encode(PAGE.encode())
    http = HTML | {"Content-Encoding": encoding}
    if chunked:
        http["Transfer-Encoding"] = "chunked"
        body = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (10, body[:10], len(body) - 10, body[10:])
    items, _ = read(write_warc(tmp_path / "a.warc", [Entry(body=body, http=http)]))
    assert [d.html for d in documents(items)] == [PAGE]


def test_a_body_that_is_not_chunked_as_it_says_is_taken_as_it_is(tmp_path: Path) -> None:
    entry = Entry(http=HTML | {"Transfer-Encoding": "chunked"})
    assert documents(read(write_warc(tmp_path / "a.warc", [entry]))[0])[0].html == PAGE


@pytest.mark.parametrize(
    ("encoding", "encode"), [("gzip", gzip.compress), ("br", brotli.compress), ("deflate", zlib.compress)]
)
def test_a_page_that_swells_beyond_measure_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, encode
) -> None:
    monkeypatch.setattr(http_body, "MAX_CONTENT_BYTES", 10_000)
    bomb = Entry(body=encode(b"a" * 3_000_000), http=HTML | {"Content-Encoding": encoding})
    items, _ = read(write_warc(tmp_path / "a.warc", [bomb, Entry()]))
    assert reasons(items) == ["too-large"]
    assert len(documents(items)) == 1


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate"])
def test_a_damaged_body_is_a_problem_of_its_record_alone(tmp_path: Path, encoding: str) -> None:
    body = b"\x1f\x8b\x08\x00 no such data at all"
    items, broken = read(
        write_warc(
            tmp_path / "a.warc", [Entry(body=body, http=HTML | {"Content-Encoding": encoding}), Entry()]
        )
    )
    assert not broken
    assert reasons(items) == ["content-encoding"]
    assert len(documents(items)) == 1


def test_a_record_too_large_to_hold_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warc_page, "MAX_CONTENT_BYTES", 5_000)
    items, broken = read(write_warc(tmp_path / "a.warc", [Entry(body=b"<html>" + b"a" * 9_000), Entry()]))
    assert not broken
    assert reasons(items) == ["too-large"]
    assert len(documents(items)) == 1


def test_a_truncated_archive_keeps_the_records_before_the_cut(tmp_path: Path) -> None:
    path = write_warc(tmp_path / "a.warc.gz", [Entry(), Entry(body=bytes(range(256)) * 200)])
    path.write_bytes(path.read_bytes()[:-300])
    items, broken = read(path)
    assert len(documents(items)) == 1
    assert "a.warc.gz, after record 1 (byte " in broken
    assert "ends too early" in broken


def test_an_uncompressed_archive_that_ends_within_a_record_says_what_is_missing(tmp_path: Path) -> None:
    path = write_warc(tmp_path / "a.warc", [Entry(), Entry()])
    path.write_bytes(path.read_bytes()[:-30])
    items, broken = read(path)
    assert len(documents(items)) == 1
    assert "record 2 lacks its last 26 bytes" in broken


def test_an_archive_that_is_one_gzip_member_is_read_like_any_other(tmp_path: Path) -> None:
    plain = write_warc(tmp_path / "a.warc", [Entry(), Entry()])
    path = tmp_path / "b.warc.gz"
    path.write_bytes(gzip.compress(plain.read_bytes()))
    items, broken = read(path)
    assert not broken
    assert len(documents(items)) == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"this is no archive\n", "it does not begin with WARC/"),
        (b"filedesc://a.arc 0.0.0.0 20260101000000 text/plain 10\n", "warcio recompress"),
        (b"WARC/1.0\r\nWARC-Type: response\r\n\r\n", "has no Content-Length"),
        (b"WARC/1.0\r\nContent-Length: -5\r\n\r\n", "has no Content-Length"),
        (b"WARC/1.0\r\n" + b"X: y\r\n" * 100_000, "does not end"),
        (b"WARC/1.0\r\nX: " + b"y" * 1_000_000, "does not end"),
    ],
)
def test_what_is_no_archive_is_told_in_one_sentence(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(data)
    items, broken = read(path)
    assert items == []
    assert words in broken
    assert str(path) in broken
    assert "\n" not in broken


def test_a_wrong_length_is_found_at_the_next_record(tmp_path: Path) -> None:
    path = write_warc(tmp_path / "a.warc", [Entry(), Entry()])
    data = path.read_bytes()
    first = data.index(b"Content-Length: ") + 16
    length = data[first : data.index(b"\r\n", first)]
    path.write_bytes(data[:first] + b"%d" % (int(length) - 20) + data[first + len(length) :])
    items, broken = read(path)
    assert len(items) == 1
    assert "after record 1" in broken
    assert "no WARC record follows" in broken


def test_endless_http_headers_cost_only_their_record(tmp_path: Path) -> None:
    body = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 60_000
    endless = Entry(body=body, kind="response", content_type="application/http; msgtype=response")
    items, broken = read(write_warc(tmp_path / "a.warc", [endless, Entry()]))
    assert not broken
    assert reasons(items) == ["bad-http"]
    assert len(documents(items)) == 1


def test_pages_the_crawler_cut_say_so(tmp_path: Path) -> None:
    items, _ = read(write_warc(tmp_path / "a.warc", [Entry(warc={"WARC-Truncated": "length"})]))
    assert documents(items)[0].metadata["warc_truncated"] == "length"


def test_a_wet_file_gives_its_texts(tmp_path: Path) -> None:
    texts = {"http://a.example/": "Первый текст", "http://b.example/": "second", "http://c.example/": " "}
    items, broken = read(write_wet(tmp_path / "a.warc.wet.gz", texts))
    assert not broken
    assert [(d.url, d.text) for d in documents(items)] == list(texts.items())[:2]
    assert reasons(items) == ["warcinfo", "no-text"]
