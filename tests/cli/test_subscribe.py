"""`subscribe`: pairs on a stream or in a file, and an end in good order."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from equal_stream.cli.app import run
from tests.export.pairs import make_pair, open_log, publish

COMMAND = [sys.executable, "-c", "from equal_stream.cli.app import main; main()", "subscribe"]


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Give back the signal handlers that a command takes over."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def log(tmp_path: Path) -> list[str]:
    """Return the arguments that name a log with five pairs and a withdrawal."""
    transport = open_log(tmp_path / "data")
    publish(transport, *(make_pair(n) for n in range(1, 6)), "id-0002")
    transport.close()
    return ["--data-dir", str(tmp_path / "data")]


def numbers(lines: list[str]) -> list[str]:
    found = [json.loads(line) for line in lines]
    return sorted(entry["qa_id"] for entry in found if "withdrawn" not in entry)


def test_pairs_are_lines_of_json_up_to_the_limit(log: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["subscribe", "--limit", "2", *log]) == 0
    printed = capfd.readouterr()
    assert len(numbers(printed.out.splitlines())) == 2
    assert printed.err == ""


def test_a_choice_by_target_and_gain_is_heeded(log: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["--target", "tides", "--min-gain", "0.5", "--limit", "1", "--format", "jsonl"]
    assert run(["subscribe", *arguments, *log]) == 0
    assert numbers(capfd.readouterr().out.splitlines()) == ["id-0005"]


def test_a_table_can_be_asked_for(log: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["subscribe", "--format", "table", "--limit", "5", *log]) == 0
    assert "What does tide 5 do?" in capfd.readouterr().out


def test_a_group_appends_to_its_file_without_repeating(log: list[str], tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    arguments = ["subscribe", "--group", "g", "--output", str(path), *log]
    assert run([*arguments, "--limit", "3"]) == 0
    with path.open("a") as file:
        file.write('{"half')
    assert run([*arguments, "--limit", "2"]) == 0
    assert numbers(path.read_text().splitlines()) == [f"id-000{n}" for n in range(1, 6)]


def test_without_a_group_the_file_is_written_anew(log: list[str], tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    for _ in range(2):
        assert run(["subscribe", "--output", str(path), "--limit", "5", *log]) == 0
    assert len(numbers(path.read_text().splitlines())) == 5


def test_a_table_in_a_file_is_refused(log: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["subscribe", "--format", "table", "--output", "pairs.jsonl", *log]) == 2
    assert "a table cannot be written to a file" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order_and_a_group_has_lost_nothing(
    log: list[str], tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "pairs.jsonl"
    process = subprocess.Popen([*COMMAND, "--group", "g", "--output", str(path), *log])
    deadline = time.monotonic() + 60
    while not path.exists() or path.read_text().count("\n") < 6:
        assert time.monotonic() < deadline, "the pairs did not come"
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(timeout=30) == 0
    transport = open_log(tmp_path / "data")
    publish(transport, make_pair(6))
    transport.close()
    assert run(["subscribe", "--group", "g", "--output", str(path), "--limit", "1", *log]) == 0
    assert numbers(path.read_text().splitlines()) == [f"id-000{n}" for n in range(1, 7)]


def test_it_ends_when_the_reader_of_the_pipe_goes_away_though_no_pair_comes(log: list[str]) -> None:
    process = subprocess.Popen([*COMMAND, *log], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=30) in {0, 141}


def test_a_directory_in_which_nothing_ran_is_named_and_waited_for(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--data-dir", str(tmp_path / "typo"), "--limit", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    assert f"no service has run under {tmp_path / 'typo'} yet" in process.stderr.readline().decode()
    transport = open_log(tmp_path / "typo")
    publish(transport, make_pair(1))
    transport.close()
    out, err = process.communicate(timeout=60)
    assert numbers(out.decode().splitlines()) == ["id-0001"]
    assert err == b""
    assert process.returncode == 0
