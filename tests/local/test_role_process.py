"""A role as a child process: how it ends, and that it never outlives whoever started it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from equal_stream.observability.run_files import running_roles
from tests.service.processes import carrying, eventually, named

# Starts the clusterer, which needs neither Ray nor a model, and stays.
PARENT = """
import sys
from pathlib import Path
from equal_stream.local.role_process import start_role
from equal_stream.roles import CLUSTERER
from equal_stream.settings_sources import load_settings
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport

if __name__ == "__main__":
    settings = load_settings(flags={"data_dir": sys.argv[1], "clustering.algorithm": sys.argv[2]})
    transport = open_transport(settings)
    transport.create_topics(topic_specs(settings))
    process = start_role(CLUSTERER, settings)
    process.join()
    print(process.name, process.exitcode)
"""

# Starts a process that waits for something that never comes, as a call to a lost Ray cluster does.
STUCK = """
import multiprocessing, signal, time
from equal_stream.local import role_process

def stuck():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    role_process.ORPHAN_SECONDS = 0.5
    role_process._end_with_parent()
    print("stuck", flush=True)
    time.sleep(600)

if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=stuck)
    process.start()
    process.join()
"""


class Parent:
    """A process that started a role and waits for it; both carry a mark in their environment."""

    def __init__(self, directory: Path, algorithm: str) -> None:
        self.data_dir = directory / "data"
        script = directory / "parent.py"
        script.write_text(PARENT)
        self.process = subprocess.Popen(
            [sys.executable, script, self.data_dir, algorithm],
            env={**os.environ, "STARTED_FOR": str(directory)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def role(self) -> int:
        """Return the pid of the role once it takes work."""
        assert eventually(lambda: bool(running_roles(self.data_dir)), seconds=60), self.process.poll()
        return running_roles(self.data_dir)[0].pid


@pytest.fixture
def parent(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Parent]:
    parent = Parent(tmp_path, getattr(request, "param", "evolving"))
    yield parent
    parent.process.kill()
    parent.process.communicate()
    for pid in carrying("STARTED_FOR", str(tmp_path)):
        os.kill(pid, signal.SIGKILL)


def test_a_role_stops_in_good_order_when_it_is_asked_to(parent: Parent) -> None:
    os.kill(parent.role(), signal.SIGTERM)
    said, _ = parent.process.communicate(timeout=60)
    assert said == "clusterer 0\n"
    assert running_roles(parent.data_dir) == []


@pytest.mark.parametrize("parent", ["no-such-algorithm"], indirect=True)
def test_a_mistake_in_the_configuration_is_said_in_one_sentence_and_ends_with_code_2(parent: Parent) -> None:
    said, errors = parent.process.communicate(timeout=60)
    assert said == "clusterer 2\n"
    assert any(line.startswith("clusterer: ") and "no-such-algorithm" in line for line in errors.splitlines())
    assert "Traceback" not in errors


def test_a_role_ends_when_its_parent_is_killed(parent: Parent, tmp_path: Path) -> None:
    role = parent.role()
    parent.process.kill()
    parent.process.wait()
    assert eventually(lambda: not named(role), seconds=60)
    assert eventually(lambda: not carrying("STARTED_FOR", str(tmp_path)), seconds=20)


def test_an_orphan_that_cannot_stop_in_good_order_ends_all_the_same(tmp_path: Path) -> None:
    script = tmp_path / "stuck.py"
    script.write_text(STUCK)
    parent = subprocess.Popen(
        [sys.executable, script],
        env={**os.environ, "STARTED_FOR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "stuck\n"
    parent.kill()
    parent.communicate()
    assert eventually(lambda: not carrying("STARTED_FOR", str(tmp_path)), seconds=60)
