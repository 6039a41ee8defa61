"""Evaluation questions stay out of what is published."""

import gzip
from pathlib import Path

import pytest

from equal_stream.errors import ConfigurationError
from equal_stream.extraction.protected import ProtectedQuestions, read_protected

LONG = "Natalia sold clips to 48 of her friends in April and then she sold half as many clips in May overall"


def test_the_question_itself_is_covered_whatever_its_case_and_closing_mark() -> None:
    assert ProtectedQuestions(["What is 6 x 7?"]).covers("what is 6 X 7", "42")


def test_thirteen_words_in_a_row_are_covered_in_question_or_answer() -> None:
    protected = ProtectedQuestions([LONG])
    overlap = " ".join(LONG.split()[3:16])
    assert protected.covers(f"Tell me: {overlap}?", "no")
    assert protected.covers("What happened?", f"It is said that {overlap}.")


def test_twelve_words_in_a_row_are_not() -> None:
    twelve = " ".join(LONG.split()[3:15])
    assert not ProtectedQuestions([LONG]).covers(f"Tell me: {twelve}?", "no")


def test_scripts_without_spaces_count_characters() -> None:
    protected = ProtectedQuestions(["长城始建于春秋战国时期全长有多少公里"])
    assert protected.covers("请问春秋战国时期全长有多少公里是真的吗", "是")


def test_an_empty_set_covers_nothing() -> None:
    assert not ProtectedQuestions().covers("", "")


def test_files_are_read_plain_and_gzipped(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    plain.write_text('{"question": "One question?", "answer": "x"}\n\n')
    packed.write_bytes(gzip.compress(b'{"question": "Another question?"}\n'))
    protected = read_protected([plain, packed])
    assert len(protected) == 2
    assert protected.covers("another question", "")


@pytest.mark.parametrize("content", ['{"question": 3}', "no json", '{"answer": "x"}', "\xff"])
def test_a_file_that_protects_less_than_it_seems_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b'{"question": "Fine?"}\n' + content.encode("latin-1") + b"\n")
    with pytest.raises(ConfigurationError, match="line 2"):
        read_protected([path])


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_protected([tmp_path / "none.jsonl"])
