"""Pairs recorded with documents, given to the passages that hold their answers."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from equal_stream.alignment.examples import HarvestedPair
from equal_stream.alignment.recorded import recorded_pairs
from equal_stream.embedding.passages import PassageCutter
from equal_stream.errors import ConfigurationError
from tests.embedding.world import minilm_tokens, sentences

FIRST = f"{sentences(1, 8)} The lighthouse keeper was called Matilda Grey."
SECOND = f"{sentences(2, 8)} Her boat carried forty barrels of salted herring."
TEXT = f"{FIRST}\n\n{SECOND}"
KEEPER = {"question": "Who kept the lighthouse?", "answer": "Matilda Grey"}
CARGO = {"question": "What did the boat carry?", "answer": "forty barrels of salted herring"}


def write(path: Path, *documents: dict[str, Any]) -> Path:
    lines = "".join(json.dumps(document) + "\n" for document in documents)
    path.write_bytes(gzip.compress(lines.encode()) if path.suffix == ".gz" else lines.encode())
    return path


def read(*files: Path, most: int = 5) -> list[HarvestedPair]:
    target = minilm_tokens().count([FIRST])[0]
    return list(recorded_pairs(files, PassageCutter(minilm_tokens(), target, 256), most))


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_pair_belongs_to_the_passage_that_holds_its_answer(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / name, {"url": "https://a.example/", "text": TEXT, "qa": [CARGO, KEEPER]})
    cargo, keeper = read(file)
    assert (cargo.document, keeper.document) == ("https://a.example/", "https://a.example/")
    assert "Matilda Grey" in keeper.passage
    assert "salted herring" not in keeper.passage
    assert "salted herring" in cargo.passage
    assert keeper.pair == "Who kept the lighthouse?\nMatilda Grey"


def test_a_gzipped_file_without_its_ending_is_read_all_the_same(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl.gz", {"url": "https://a.example/", "text": TEXT, "qa": [CARGO, KEEPER]})
    assert len(read(file.rename(tmp_path / "a.jsonl"))) == 2


def test_an_answer_that_reaches_beyond_its_passage_belongs_where_it_begins(tmp_path: Path) -> None:
    answer = f"The lighthouse keeper was called Matilda Grey.\n\n{SECOND[:60]}"
    file = write(tmp_path / "a.jsonl", {"text": TEXT, "qa": [{"question": "Who?", "answer": answer}]})
    (found,) = read(file)
    assert "Matilda Grey" in found.passage


def test_a_pair_that_the_text_does_not_support_is_passed_over(tmp_path: Path) -> None:
    pair = {"question": "Which comet came by?", "answer": "Hyakutake in ninety-six"}
    assert read(write(tmp_path / "a.jsonl", {"text": TEXT, "qa": [pair, KEEPER]})) == [
        *read(write(tmp_path / "b.jsonl", {"text": TEXT, "qa": [KEEPER]}))
    ]


def test_a_passage_gives_no_more_pairs_than_a_call_asks_for(tmp_path: Path) -> None:
    many = [{"question": f"Who, by account {n}?", "answer": "Matilda Grey"} for n in range(9)]
    file = write(tmp_path / "a.jsonl", {"text": TEXT, "qa": [*many, CARGO]})
    assert len(read(file, most=3)) == 4


def test_documents_are_told_apart_by_url_then_id_then_text(tmp_path: Path) -> None:
    file = write(
        tmp_path / "a.jsonl",
        {"doc_id": "seven", "text": TEXT, "qa": [KEEPER]},
        {"text": TEXT, "qa": [KEEPER]},
        {"text": TEXT},
    )
    assert [each.document for each in read(file)] == ["seven", TEXT]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "line 1"),
        (b'{"qa": []}', "text"),
        (b'{"text": "a", "doc_id": 7}\n', "doc_id"),
        (b"", "is empty"),
    ],
)
def test_a_file_that_holds_something_else_is_said_in_one_sentence(
    tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "bad.jsonl").write_bytes(content)
    with pytest.raises(ConfigurationError, match=rf"bad\.jsonl.*{said}"):
        read(tmp_path / "bad.jsonl")
    with pytest.raises(ConfigurationError, match=r"missing\.jsonl"):
        read(tmp_path / "missing.jsonl")
