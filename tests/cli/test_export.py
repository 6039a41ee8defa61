"""`export`: the pairs in force in a file, and what it says when there are none."""

import json
from pathlib import Path

import pytest

from equal_stream.cli.app import run
from equal_stream.messages import QAPair
from tests.export.pairs import make_pair, open_log, publish


def fill(tmp_path: Path, *changes: QAPair | str | bytes) -> list[str]:
    """Publish pairs and return the arguments that name the log."""
    transport = open_log(tmp_path / "data")
    publish(transport, *changes)
    transport.close()
    return ["--data-dir", str(tmp_path / "data")]


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_last_version_counts_and_withdrawn_pairs_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = fill(tmp_path, make_pair(1), make_pair(2), make_pair(3), make_pair(2, answer="newer"), "id-0003")
    path = tmp_path / "train.jsonl"
    assert run(["export", "--format", "alpaca", "--output", str(path), *log]) == 0
    assert [row["output"] for row in lines(path)] == [make_pair(1).answer, "newer"]
    assert capsys.readouterr().out == f"{path}: 2 pairs as alpaca\n"


def test_target_gain_system_and_evidence_are_heeded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = fill(tmp_path, make_pair(1), make_pair(9), make_pair(8, target="stars"))
    path = tmp_path / "train.jsonl"
    choice = ["--target", "tides", "--min-gain", "0.5", "--system", "Be brief.", "--with-evidence", "--json"]
    assert run(["export", "--format", "messages", "--output", str(path), *choice, *log]) == 0
    (row,) = lines(path)
    assert [turn["content"] for turn in row["messages"]] == [
        "Be brief.",
        "The tide number 9 turns.\n\nWhat does tide 9 do?",
        make_pair(9).answer,
    ]
    assert json.loads(capsys.readouterr().out) == {"file": str(path), "format": "messages", "pairs": 1}


def test_values_that_are_no_pairs_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = fill(tmp_path, make_pair(1), b"{}")
    assert run(["export", "--format", "alpaca", "--output", str(tmp_path / "a.jsonl"), *log]) == 0
    assert "1 values of qa.pairs are no pairs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--format", "csv"], 2, "there is no format csv"),
        (["--target", "tide"], 2, "did you mean tides?"),
        (["--target", "xyz"], 2, "there are pairs for tides"),
        (["--min-gain", "99"], 1, "no pair has a gain of 99.0 or more"),
        (["--output", "missing/a.jsonl"], 2, "there is no folder missing"),
        (["--output", "."], 2, "is a folder"),
        (["--format", "parquet", "--system", "x"], 2, "neither --system nor --with-evidence"),
        (["--format", "parquet", "--output", "a.parquet.gz"], 2, "compressed within"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_no_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    log = fill(tmp_path, make_pair(1))
    defaults = ["--format", "alpaca", "--output", "a.jsonl"]
    assert run(["export", *defaults, *arguments, *log]) == code
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_an_empty_log_and_no_log_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["export", "--format", "alpaca", "--output", str(tmp_path / "a.jsonl")]
    assert run([*arguments, "--data-dir", str(tmp_path / "nowhere")]) == 2
    assert "there is no log under" in capsys.readouterr().err
    assert run([*arguments, *fill(tmp_path)]) == 1
    assert "there are no pairs to export yet" in capsys.readouterr().err
