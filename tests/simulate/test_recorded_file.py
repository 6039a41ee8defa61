import gzip

import pytest

from equal_stream.simulate.recorded_file import RecordedFileError, read_lines

from .documents import BARREN, write


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", b"", "empty"),
        ("a.jsonl", b'{"text": "x"}\nnot json\n', "line 2"),
        ("a.jsonl", b'{"qa": []}\n', "text"),
        ("a.jsonl", b'{"text": "x", "qa": [{"question": 1, "answer": "y"}]}\n', "question"),
        ("a.jsonl", b'{"text": "\xff"}\n', "line 1"),
        ("a.jsonl.gz", b'{"text": "x"}\n', "gzip"),
        ("a.jsonl.gz", gzip.compress(b'{"text": "x"}\n' * 99, mtime=0)[:-9], "ended"),
    ],
)
def test_a_broken_file_is_one_sentence_with_its_name_and_what_is_wrong(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RecordedFileError, match=says) as raised:
        list(read_lines(path))
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RecordedFileError, match=r"gone\.jsonl cannot be read.*No such file"):
        list(read_lines(tmp_path / "gone.jsonl"))


def test_blank_lines_and_further_fields_are_ignored(tmp_path):
    path = write(tmp_path / "a.jsonl", BARREN | {"licence": "CC0", "title": None})
    path.write_bytes(b"\n" + path.read_bytes() + b"  \n")
    assert [document.text for _, document in read_lines(path)] == [BARREN["text"]]
