"""JSONL files: which lines are documents, and what is said about the others."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.feed import lines
from equal_stream.feed.base import FeedOptions
from equal_stream.feed.jsonl import document_of
from equal_stream.feed.lines import Line
from equal_stream.messages import CrawledDocument
from tests.feed.reading import documents, problems, read, reasons

PAGE = {"url": "https://a.example/1", "text": "A text."}


def write(path: Path, *entries: object) -> Path:
    data = b"".join((e if isinstance(e, bytes) else json.dumps(e).encode()) + b"\n" for e in entries)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["pages.jsonl", "pages.jsonl.gz", "pages.ndjson", "pages"])
def test_each_line_is_a_document_whatever_the_file_is_called(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, PAGE, {"url": "https://a.example/2", "html": "<p>B</p>", "title": "B"})
    items, broken = read(path)
    assert not broken
    assert [d.url for d in documents(items)] == ["https://a.example/1", "https://a.example/2"]
    assert documents(items)[1].html == "<p>B</p>"


def test_all_fields_of_a_document_are_read_and_unknown_ones_passed_over(tmp_path: Path) -> None:
    entry = PAGE | {
        "title": "T",
        "lang": "en",
        "fetched_at": "2026-01-02T03:04:05Z",
        "content_type": "text/plain",
        "metadata": {"depth": 2, "seed": "s", "list": [1]},
        "qa": [{"question": "?", "answer": "!"}],
    }
    items, _ = read(write(tmp_path / "a.jsonl", entry))
    assert documents(items) == [
        CrawledDocument(
            url="https://a.example/1",
            text="A text.",
            title="T",
            lang="en",
            fetched_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            content_type="text/plain",
            metadata={"depth": "2", "seed": "s"},
        )
    ]


def test_a_gzipped_file_is_recognised_without_the_suffix(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl.gz", PAGE).rename(tmp_path / "a.jsonl")
    assert len(documents(read(path)[0])) == 1


def test_a_line_without_a_url_is_named_by_its_number(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", PAGE, {"text": "lost"}, PAGE)
    items, broken = read(path)
    assert not broken
    assert len(documents(items)) == 2
    (problem,) = problems(items)
    assert (problem.where, problem.reason, problem.fault) == ("line 2", "missing-url", True)
    assert "no url" in problem.sentence


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ({"doc_id": "medquad:1/a b", "source": "MedQuAD"}, "https://medquad.invalid/medquad:1/a%20b"),
        ({"doc_id": "7", "url": None}, "https://corpus.invalid/7"),
        ({"id": 7, "url": ""}, "https://corpus.invalid/7"),
        ({"id": "x?y#z", "source": "my set"}, "https://my-set.invalid/x%3Fy%23z"),
        ({"id": 0}, "https://corpus.invalid/0"),
    ],
)
def test_a_line_with_an_id_in_place_of_a_url_gets_one_that_can_never_be_fetched(
    tmp_path: Path, entry: dict, url: str
) -> None:
    items, _ = read(write(tmp_path / "corpus.jsonl", entry | {"text": "t"}))
    assert [d.url for d in documents(items)] == [url]


def test_fields_can_have_other_names_and_lie_inside_others(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", {"meta": {"url": "https://a.example/"}, "content": "c"})
    items, _ = read(path, FeedOptions(url_field="meta.url", text_field="content"))
    assert [(d.url, d.text) for d in documents(items)] == [("https://a.example/", "c")]


@pytest.mark.parametrize(
    ("line", "reason", "words"),
    [
        (b"{broken", "invalid-json", "not JSON"),
        (b"[1]", "wrong-type", "array"),
        (b"{", "invalid-json", "not JSON"),
        (b'{"url": "u:x", "text": "\xff"}', "invalid-utf8", "UTF-8"),
        (b"[" * 5_000, "too-deep", "deep"),
        (b'{"url": 5, "text": "t"}', "wrong-type", "field url"),
        (b'{"url": "u:x", "text": 5}', "wrong-type", "field text"),
        (b'{"url": "u:x", "text": "t", "fetched_at": "yesterday"}', "invalid-value", "field fetched_at"),
        (b'{"url": "u:x", "text": ""}', "no-text", "neither text nor html"),
        (b'{"url": "u:x"}', "no-text", "neither text nor html"),
    ],
)
def test_a_bad_line_costs_only_itself_and_says_why(
    tmp_path: Path, line: bytes, reason: str, words: str
) -> None:
    items, broken = read(write(tmp_path / "a.jsonl", PAGE, line, PAGE))
    assert not broken
    assert len(documents(items)) == 2
    assert reasons(items) == [reason]
    assert words in problems(items)[0].sentence
    assert problems(items)[0].where == "line 2"


def test_a_byte_order_mark_and_blank_lines_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        b"\xef\xbb\xbf" + json.dumps(PAGE).encode() + b"\r\n\r\n  \n" + json.dumps(PAGE).encode()
    )
    items, _ = read(path)
    assert len(documents(items)) == len(items) == 2


def test_a_line_too_long_to_hold_is_passed_over_and_the_next_one_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 100)
    path = write(tmp_path / "a.jsonl", PAGE | {"text": "x" * 1_000}, PAGE, PAGE | {"text": "y" * 300})
    items, _ = read(path)
    assert reasons(items) == ["too-large", "too-large"]
    assert [problem.where for problem in problems(items)] == ["line 1", "line 3"]
    assert len(documents(items)) == 1


@given(st.binary(max_size=200))
def test_no_line_whatsoever_is_dropped_without_a_word(data: bytes) -> None:
    data = data.replace(b"\n", b"")
    item = document_of(Line(1, data, len(data), True), Path("a.jsonl"), FeedOptions())
    assert (item is None) == (not data.removeprefix(b"\xef\xbb\xbf").strip())
