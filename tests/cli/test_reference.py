"""`reference`: targets come, change and go while everything runs; every bad line is named."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.errors import ConfigurationError
from equal_stream.ids import reference_id
from equal_stream.messages import ReferencePair
from equal_stream.reference_files import BadLine, read_references, require_target_name
from equal_stream.settings import Settings
from equal_stream.transport.factory import open_transport
from tests.cli.shell import Shell

GOOD = {"question": "What is a median?", "answer": "The middle value."}


def write(path: Path, *lines: object) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def reasons(path: Path) -> dict[int, str]:
    return {each.line: each.reason for each in read_references(path, "t") if isinstance(each, BadLine)}


def pairs(path: Path, weight: float = 1.0) -> list[ReferencePair]:
    return [each for each in read_references(path, "t", weight) if isinstance(each, ReferencePair)]


def test_a_line_needs_only_question_and_answer(tmp_path: Path) -> None:
    (pair,) = pairs(write(tmp_path / "r.jsonl", GOOD), weight=2.0)
    assert pair == ReferencePair(
        target="t",
        ref_id=reference_id(GOOD["question"]),
        question=GOOD["question"],
        answer=GOOD["answer"],
        weight=2.0,
    )


def test_id_topic_and_weight_are_taken_over(tmp_path: Path) -> None:
    (pair,) = pairs(write(tmp_path / "r.jsonl", GOOD | {"id": 7, "topic": "robust", "weight": 0.5}))
    assert (pair.ref_id, pair.topic, pair.weight) == ("7", "robust", 0.5)


def test_gzip_is_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "named-without-gz.jsonl"
    path.write_bytes(gzip.compress(json.dumps(GOOD).encode()))
    assert len(pairs(path)) == 1


def test_every_bad_line_is_named_with_its_reason_and_costs_only_itself(tmp_path: Path) -> None:
    path = write(
        tmp_path / "r.jsonl",
        GOOD, "{", [], {"question": "q"}, {"question": "q", "answer": " "}, {"question": 3, "answer": "a"},
        "", GOOD | {"weight": -1}, GOOD | {"topic": 3}, GOOD | {"id": []}, GOOD | {"answer": "other"},
        {"question": "Another?", "answer": "Yes."},
    )  # fmt: skip
    found = reasons(path)
    assert list(found) == [2, 3, 4, 5, 6, 8, 9, 10, 11]
    assert found[2].startswith("is not JSON")
    assert found[3] == "is not a JSON object"
    assert found[4] == "has no answer"
    assert found[5] == "has an empty answer"
    assert found[6] == "has a question that is not text"
    assert "weight" in found[8]
    assert found[11] == "has the same id or question as line 1"
    assert len(pairs(path)) == 2


def test_a_gzip_file_that_was_cut_keeps_what_came_before(tmp_path: Path) -> None:
    lines = b"".join(
        json.dumps({"question": f"{n}?" * 50, "answer": str(n)}).encode() + b"\n" for n in range(2000)
    )
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(gzip.compress(lines)[:-200])
    assert "the file ends or breaks here" in list(reasons(path).values())[-1]
    assert len(pairs(path)) > 100


@given(st.binary(max_size=200))
def test_no_file_makes_the_reader_fail(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "r.jsonl"
    path.write_bytes(content)
    for each in read_references(path, "t"):
        assert isinstance(each, BadLine | ReferencePair)


@pytest.mark.parametrize("name", ["", " ", "a/b", " a", "a\nb"])
def test_a_target_needs_a_name_that_fits_into_a_key(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot name a target"):
        require_target_name(name)


def test_add_list_and_remove(shell: Shell, tmp_path: Path) -> None:
    file = write(
        tmp_path / "r.jsonl", GOOD, {"question": "Why?", "answer": "So.", "topic": "t1", "weight": 3}
    )
    assert shell("reference", "add", "stats", str(file)).out == "target stats: 2 references added\n"
    assert shell("reference", "list", "--json").json() == [
        {"target": "stats", "references": 2, "topics": 1, "weight": 4.0}
    ]
    listed = shell("reference", "list", "stats", "--json").json()
    assert {each["question"] for each in listed} == {"What is a median?", "Why?"}
    assert shell("reference", "remove", "stats", "--json").json() == {"target": "stats", "removed": 2}
    assert shell("reference", "list", "--json").json() == []


def test_records_are_keyed_by_target_and_id(shell: Shell, tmp_path: Path) -> None:
    shell("reference", "add", "stats", str(write(tmp_path / "r.jsonl", GOOD | {"id": "a/1"})))
    transport = open_transport(Settings(data_dir=shell.data_dir))
    try:
        (record,) = transport.reader(["references"]).poll(10, 5.0)
        assert record.key == b"stats/a/1"
    finally:
        transport.close()


def test_adding_again_replaces_by_id_and_replace_removes_the_rest(shell: Shell, tmp_path: Path) -> None:
    first = write(tmp_path / "1.jsonl", GOOD | {"id": "a"}, GOOD | {"id": "b", "question": "Why?"})
    second = write(tmp_path / "2.jsonl", GOOD | {"id": "a", "answer": "New."})
    shell("reference", "add", "stats", str(first))
    shell("reference", "add", "stats", str(second))
    listed = {each["ref_id"]: each["answer"] for each in shell("reference", "list", "stats", "--json").json()}
    assert listed == {"a": "New.", "b": GOOD["answer"]}
    assert shell("reference", "add", "stats", str(second), "--replace", "--json").json()["removed"] == 1
    assert len(shell("reference", "list", "stats", "--json").json()) == 1


def test_bad_lines_go_to_stderr_and_good_ones_are_kept(shell: Shell, tmp_path: Path) -> None:
    file = write(tmp_path / "r.jsonl", {"question": "q", "answer": ""}, GOOD)
    done = shell("reference", "add", "stats", str(file))
    assert done.code == 0
    assert done.out == "target stats: 1 references added, 1 lines left out\n"
    assert done.err == f"{file} line 1 has an empty answer\n"


def test_a_file_without_a_good_line_is_a_failure(shell: Shell, tmp_path: Path) -> None:
    done = shell("reference", "add", "stats", str(write(tmp_path / "r.jsonl", "nope")))
    assert done.code == 1
    assert "no line that could be used" in done.err
    assert shell("reference", "add", "stats", str(tmp_path / "absent")).code == 2


def test_an_unknown_target_names_the_nearest(shell: Shell, tmp_path: Path) -> None:
    shell("reference", "add", "statistics", str(write(tmp_path / "r.jsonl", GOOD)))
    done = shell("reference", "remove", "statistic")
    assert done.code == 2
    assert "did you mean statistics?" in done.err
