import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.backtest.recorded import RecordedPair, by_arrival, read_documents
from equal_stream.errors import ConfigurationError


def write(path, *lines, zipped=False):
    """A JSONL file; texts stand as they are, anything else is encoded."""
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    return path


def numbered(count, **fields):
    return [{"text": f"text {number}", **fields} for number in range(count)]


def refusal(path):
    with pytest.raises(ConfigurationError) as refused:
        read_documents([path])
    return str(refused.value)


@pytest.mark.parametrize(("name", "zipped"), [("a.jsonl", False), ("a.jsonl.gz", True), ("a.jsonl", True)])
def test_plain_and_gzipped_files_are_told_apart_by_their_first_bytes(tmp_path, name, zipped):
    path = write(tmp_path / name, {"text": "t", "qa": [{"question": "q", "answer": "a"}]}, zipped=zipped)
    (document,) = read_documents([path])
    assert (document.text, document.qa) == ("t", [RecordedPair("q", "a")])


def test_several_files_follow_each_other(tmp_path):
    files = [write(tmp_path / "b.jsonl", *numbered(2)), write(tmp_path / "a.jsonl", {"text": "last"})]
    assert [document.text for document in read_documents(files)] == ["text 0", "text 1", "last"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "truncated"),
        ("[1]", "Expected `object`"),
        ('{"qa": []}', "text"),
        ('{"text": null}', "text"),
        ('{"text": "t", "qa": [{"answer": "a"}]}', "question"),
        ('{"text": "t", "qa": "none"}', "$.qa"),
        ('{"text": "t", "fetched_at": "yesterday"}', "$.fetched_at"),
        ('{"text": "t", "more": ' + "[" * 5000 + "]" * 5000 + "}", "recursion"),
    ],
)
def test_a_bad_line_is_named_with_its_file_and_number(tmp_path, line, said):
    path = write(tmp_path / "crawl.jsonl", {"text": "fine"}, "", line)
    assert refusal(path).startswith(f"{path}, line 3: ")
    assert said in refusal(path)


def test_what_is_no_text_at_all_is_named_too(tmp_path):
    path = tmp_path / "crawl.jsonl"
    path.write_bytes(b'{"text": "\xff\xfe"}\n')
    assert refusal(path).startswith(f"{path}, line 1: ")


def test_a_gzip_file_that_was_cut_off_says_where(tmp_path):
    path = write(tmp_path / "crawl.jsonl.gz", *numbered(2000), zipped=True)
    path.write_bytes(path.read_bytes()[:-2000])
    assert "cannot be read after line " in refusal(path)


def test_files_that_are_not_there_say_so_and_name_no_line(tmp_path):
    assert (
        refusal(tmp_path / "none.jsonl")
        == f"{tmp_path / 'none.jsonl'} cannot be read: No such file or directory"
    )
    assert refusal(tmp_path) == f"{tmp_path} cannot be read: Is a directory"


@pytest.mark.parametrize("lines", [[], ["", "  "], [{"text": " \n"}]])
def test_a_file_without_any_text_is_refused(tmp_path, lines):
    path = write(tmp_path / "crawl.jsonl", *lines)
    assert refusal(path) == f"{path}: there is no document with text"


def test_optional_fields_may_be_null_or_missing_and_others_are_ignored(tmp_path):
    empty = dict.fromkeys(("qa", "url", "doc_id", "title", "lang", "source", "fetched_at"))
    path = write(tmp_path / "crawl.jsonl", {"text": "a", "licence": ["MIT"]}, {"text": "b", **empty})
    assert [not document.qa for document in read_documents([path])] == [True, True]


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path):
    path = tmp_path / "crawl.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "a"}\r\n{"text": "b"}')
    assert [document.text for document in read_documents([path])] == ["a", "b"]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("yes", "yes"),
        (42, "42"),
        (1.5, "1.5"),
        (["a", "字"], '["a","字"]'),
        (True, "true"),
        (None, ""),
        ("", ""),
    ],
)
def test_answers_that_are_no_text_are_taken_as_they_are_written(tmp_path, answer, text):
    pair = {"question": "q", "answer": answer}
    (document,) = read_documents([write(tmp_path / "crawl.jsonl", {"text": "t", "qa": [pair]})])
    assert document.qa[0].answer_text == text


def test_repeated_texts_and_blank_ones_are_left_out_and_told(tmp_path):
    lines = [{"text": "a", "url": "https://one.example/"}, {"text": "b"}, {"text": "a"}, {"text": ""}]
    told = []
    documents = read_documents([write(tmp_path / "crawl.jsonl", *lines)], warn=told.append)
    assert [(each.text, each.url) for each in documents] == [("a", "https://one.example/"), ("b", None)]
    why = ("their text came before", "they have no text")
    assert told == [f"documents left out because {each}: 1" for each in why]


@given(count=st.integers(1, 40), limit=st.integers(1, 45), seed=st.integers(0, 5))
def test_a_sample_has_its_size_keeps_the_order_and_is_seeded(tmp_path_factory, count, limit, seed):
    path = write(tmp_path_factory.getbasetemp() / "sampled.jsonl", *numbered(count))
    sample = [int(each.text.split()[1]) for each in read_documents([path], limit=limit, seed=seed)]
    again = [int(each.text.split()[1]) for each in read_documents([path], limit=limit, seed=seed)]
    assert len(sample) == min(limit, count)
    assert sample == sorted(sample) == again


def test_other_seeds_draw_other_samples(tmp_path):
    path = write(tmp_path / "crawl.jsonl", *numbered(40))
    drawn = {tuple(each.text for each in read_documents([path], limit=20, seed=seed)) for seed in range(4)}
    assert len(drawn) == 4


def test_documents_are_put_in_the_order_in_which_they_were_fetched(tmp_path):
    times = ["2026-01-01T12:00:00Z", "2026-01-01T12:30:00+02:00", "2026-01-01T11:00:00"]
    lines = [{"text": str(i), "fetched_at": at} for i, at in enumerate(times)]
    documents = by_arrival(read_documents([write(tmp_path / "crawl.jsonl", *lines)]))
    assert [each.text for each in documents] == ["1", "2", "0"]  # 10:30, 11:00 and 12:00 UTC


def test_one_document_without_a_time_leaves_the_order_as_it_is(tmp_path):
    lines = [{"text": "late", "fetched_at": "2026-02-01T00:00:00Z"}, {"text": "undated"}, {"text": "more"}]
    documents = by_arrival(read_documents([write(tmp_path / "crawl.jsonl", *lines)]))
    assert [each.text for each in documents] == ["late", "undated", "more"]
