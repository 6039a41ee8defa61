import os
import signal
import subprocess
import sys

import pytest

from equal_stream.simulate.process import SimulatedLLM, SimulatedLLMFailed

from .documents import BARREN, write

COMMAND = [sys.executable, "-m", "equal_stream.simulate"]


def test_help_shows_an_example():
    shown = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True).stdout
    assert "Example: equal-stream simulate-llm --recorded" in shown


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--recorded", "gone.jsonl"], "gone.jsonl"),
        (["--rate-429", "0.7", "--faults", "0.7"], "add up to 1.4"),
        (["--host", "256.0.0.1"], "cannot listen on 256.0.0.1"),
        (["--audit-file", "missing/audit.jsonl"], "missing/audit.jsonl"),
        (["--port-file", "missing/port"], "missing/port"),
    ],
)
def test_a_mistake_gets_one_sentence_and_exit_code_2(arguments, says, tmp_path):
    ended = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(number):
    llm = SimulatedLLM().start()
    llm.process.send_signal(number)
    assert llm.process.wait(timeout=10) == 0
    llm.stop()


def test_it_ends_when_the_process_that_started_it_is_gone():
    llm = SimulatedLLM().start()
    llm.process.stdin.close()
    assert llm.process.wait(timeout=10) == 0


def test_it_says_where_it_listens_and_never_its_key(tmp_path):
    recorded = write(tmp_path / "a.jsonl", BARREN)
    with subprocess.Popen(
        [*COMMAND, "--recorded", str(recorded), "--until-stdin-closes"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"SIMULATE_LLM_API_KEY": "sk-very-secret"},
    ) as process:
        said = process.communicate(timeout=60)[1].decode()
    assert "/v1 answers from 1 recorded documents" in said
    assert "sk-very-secret" not in said


def test_the_fixture_says_why_a_server_did_not_start():
    with pytest.raises(SimulatedLLMFailed, match=r"gone\.jsonl cannot be read"):
        SimulatedLLM(["gone.jsonl"]).start()
