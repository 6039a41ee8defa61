"""Ray: a cluster that child processes join, that leaves nothing behind, and clear words when it fails."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from equal_stream.ray_runtime import RayConnection

HEAD = """
import json, signal, sys
from equal_stream.ray_runtime import start_local
from equal_stream.settings import Settings

signal.signal(signal.SIGTERM, lambda *_: print("own handler", flush=True))
connection = start_local(Settings())
print(json.dumps([connection.address, dict(connection.environment)]), flush=True)
sys.stdin.readline()
signal.raise_signal(signal.SIGTERM)
connection.stop()
connection.stop()
"""

LOSER = """
import os, signal, sys, time
import ray
from equal_stream.ray_runtime import start_local
from equal_stream.settings import Settings

connection = start_local(Settings())
assert not connection.lost()
os.kill(ray._private.worker._global_node.all_processes[sys.argv[1]][0].process.pid, signal.SIGKILL)
give_up = time.monotonic() + 30
while not connection.lost() and time.monotonic() < give_up:
    time.sleep(0.05)
print("lost" if connection.lost() else "there", flush=True)
os._exit(0)
"""

JOINER = """
import sys
import ray
from equal_stream.errors import EqualStreamError
from equal_stream.ray_runtime import connect, detached_actor
from equal_stream.settings import Settings, RaySettings
import os

class Counter:
    def __init__(self, start):
        self.value = start
    def add(self):
        self.value += 1
        return self.value

ray.__version__ = sys.argv[2] or ray.__version__
settings = Settings(ray=RaySettings(address=sys.argv[1]))
try:
    connection = connect(settings, deadline_seconds=5)
    print(ray.get(detached_actor(settings, Counter, "counter", 10, max_restarts=-1).add.remote()))
    assert connect(settings).address == sys.argv[1]
    connection.stop()
    assert not ray.is_initialized()
except EqualStreamError as error:
    print(type(error).__name__, error)
"""


class Head:
    """A process that started a cluster."""

    def __init__(self) -> None:
        self.directory = tempfile.mkdtemp()
        self.process = subprocess.Popen(
            [sys.executable, "-c", HEAD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": self.directory},
        )
        self.address, self.environment = json.loads(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()
        shutil.rmtree(self.directory, ignore_errors=True)

    def join(self, version: str = "", **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", JOINER, self.address, version],
            env={**os.environ, **self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip()

    def processes(self) -> set[int]:
        """Return the processes of this cluster: the descendants of the one that started it."""
        table = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout
        parents = dict(map(int, line.split()) for line in table.splitlines()[1:])
        found = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found - {self.process.pid}


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    running = Head()
    yield running
    running.kill()


def gone(pids: set[int]) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if not any(alive(pid) for pid in pids):
            return True
        time.sleep(0.2)
    return False


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_child_processes_join_with_the_environment_given_and_share_its_detached_actors(head):
    assert head.join() == "11"
    assert head.join() == "12"


def test_another_version_of_ray_is_refused_in_one_sentence(head):
    said = head.join("1.2.3")
    assert said.startswith("RayUnavailable The Ray cluster at " + head.address)
    assert "must run Ray 1.2.3" in said
    assert "\n" not in said


def test_a_process_without_the_token_cannot_join(head):
    said = head.join(RAY_AUTH_TOKEN="0" * 64)
    assert said.startswith("RayUnavailable")
    assert "RAY_AUTH_TOKEN" in said


def test_the_token_does_not_show_in_what_may_be_logged():
    shown = repr(RayConnection("head:6379", {"RAY_AUTH_TOKEN": "s3cret"}))
    assert "head:6379" in shown
    assert "s3cret" not in shown


def refusal(address: str) -> str:
    """Return what a process of its own, which is in no cluster yet, is told at this address."""
    return subprocess.run(
        [sys.executable, "-c", JOINER, address, ""], capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.mark.parametrize("address", ["ray-head", "ray-head:", ":6379", "ray://ray-head", "http://ray-head"])
def test_an_address_that_is_none_is_a_configuration_error(address):
    said = refusal(address)
    assert said.startswith("ConfigurationError")
    assert "EQUAL_STREAM_RAY__ADDRESS" in said


def test_a_cluster_that_is_not_there_is_named_with_what_to_do():
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{reserved.getsockname()[1]}"
    said = refusal(address)
    assert said.startswith("RayUnavailable")
    assert "EQUAL_STREAM_RAY__ADDRESS" in said
    assert address in said
    assert said.count("\n") == 1


def test_stopping_leaves_no_process_and_keeps_the_handler_for_sigterm(head):
    processes = head.processes()
    assert len(processes) >= 3
    said, _ = head.process.communicate("\n", timeout=60)
    assert said == "own handler\n"
    assert head.process.returncode == 0
    assert gone(processes)


@pytest.mark.slow
def test_a_head_that_is_killed_takes_its_raylet_and_workers_with_it():
    head = Head()
    # Ray's two agents see the end at once, too, but try for a minute to report it
    processes = {pid for pid in head.processes() if "Agent" not in command(pid)}
    assert len(processes) >= 3
    head.kill()
    assert gone(processes)


@pytest.mark.slow
@pytest.mark.parametrize("process", ["raylet", "gcs_server"])
def test_whoever_started_a_cluster_learns_that_it_lost_what_it_cannot_do_without(
    process: str,
) -> None:
    done = subprocess.run([sys.executable, "-c", LOSER, process], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["lost"], done.stderr  # after what Ray prints of it
