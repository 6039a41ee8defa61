"""Probes: alive while the loop turns, ready once it has begun, and where a role answers."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from equal_stream.errors import ConfigurationError
from equal_stream.observability import metrics
from equal_stream.observability.health import Health
from equal_stream.observability.run_files import RunningRole, record_role, running_roles
from equal_stream.observability.server import RoleServer
from equal_stream.observability.stopping import StopSignal


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(30.0, clock)


@pytest.fixture
def server(health: Health, tmp_path: Path) -> Iterator[RoleServer]:
    server = RoleServer("embedder", health, "127.0.0.1", 0, tmp_path)
    yield server
    server.close()


def get(server: RoleServer, path: str) -> tuple[int, Any]:
    answer = httpx2.get(server.url + path, trust_env=False)
    return answer.status_code, answer.json()


def test_a_role_that_starts_is_alive_and_not_ready(health: Health, clock: Clock) -> None:
    clock.now += 1000
    assert health.alive
    assert (health.ready, health.reason) == (False, "starting")


def test_the_first_beat_makes_it_ready(health: Health) -> None:
    health.beat()
    assert health.ready


def test_a_loop_that_falls_silent_is_dead(health: Health, clock: Clock) -> None:
    health.beat()
    clock.now += 30
    assert health.alive
    clock.now += 1
    assert not health.alive
    assert health.reason == "the loop has been silent for 31 s"
    health.beat()
    assert health.ready


def test_a_role_says_itself_why_it_takes_no_work(health: Health) -> None:
    health.beat()
    health.not_ready("the store is away")
    health.beat()
    assert (health.alive, health.reason) == (True, "the store is away")
    health.not_ready("")
    assert health.ready


def test_the_probes_answer_with_status_and_reason(server: RoleServer, health: Health, clock: Clock) -> None:
    assert get(server, "/healthz")[0] == 200
    assert get(server, "/readyz") == (503, {"ready": False, "reason": "starting"})
    health.beat()
    assert get(server, "/readyz") == (200, {"ready": True, "reason": ""})
    clock.now += 31
    assert get(server, "/healthz")[0] == 503
    assert get(server, "/nowhere")[0] == 404


def test_metrics_are_in_the_format_of_prometheus(server: RoleServer, health: Health) -> None:
    health.beat()
    metrics.DOCUMENTS.labels("embedded", "").inc()
    answer = httpx2.get(f"{server.url}/metrics", trust_env=False)
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'equal_stream_documents_total{outcome="embedded",reason=""}' in answer.text
    assert 'equal_stream_ready{role="embedder"} 1.0' in answer.text


def test_every_metric_of_the_service_carries_its_prefix() -> None:
    names = {family.name for family in metrics.REGISTRY.collect()}
    own = {name for name in names if not name.startswith(("process_", "python_"))}
    assert own
    assert all(name.startswith("equal_stream_") for name in own)


def test_status_shows_the_facts_that_were_reported(server: RoleServer, health: Health) -> None:
    health.report("clusters", lambda: {"alive": 12})
    _, body = get(server, "/status")
    assert body["role"] == "embedder"
    assert body["pid"] == os.getpid()
    assert body["clusters"] == {"alive": 12}


def test_a_role_can_be_found_while_it_runs(health: Health, tmp_path: Path) -> None:
    server = RoleServer("clusterer", health, "127.0.0.1", 0, tmp_path)
    assert running_roles(tmp_path) == [RunningRole("clusterer", os.getpid(), server.url)]
    assert json.loads((tmp_path / "run" / "clusterer.json").read_text())["url"] == server.url
    server.close()
    assert running_roles(tmp_path) == []


def test_a_second_process_of_a_role_gets_a_file_of_its_own(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        file = tmp_path / "run" / "embedder.json"
        file.parent.mkdir()
        file.write_text(json.dumps({"role": "embedder", "pid": other.pid, "url": "http://127.0.0.1:1"}))
        assert record_role(tmp_path, "embedder", "http://127.0.0.1:2") != file
        assert {role.pid for role in running_roles(tmp_path)} == {other.pid, os.getpid()}
    finally:
        other.communicate(b"\n")
    assert [role.pid for role in running_roles(tmp_path)] == [os.getpid()]
    assert record_role(tmp_path, "embedder", "http://127.0.0.1:2") == file


def test_files_of_killed_processes_go_away_when_one_of_their_role_starts(tmp_path: Path) -> None:
    record_role(tmp_path, "embedder", "http://127.0.0.1:1")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    others = {name: tmp_path / "run" / f"{name}.json" for name in (f"embedder-{ended.pid}", "clusterer-7")}
    for path in others.values():
        path.write_text(json.dumps({"role": "embedder", "pid": ended.pid, "url": "http://127.0.0.1:3"}))
    record_role(tmp_path, "embedder", "http://127.0.0.1:1")
    assert [path.exists() for path in others.values()] == [False, True]


def test_who_asks_and_does_not_wait_for_the_answer_leaves_no_traceback(
    server: RoleServer, health: Health, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    asked, gone = threading.Event(), threading.Event()

    def facts() -> dict[str, str]:
        asked.set()
        gone.wait(10)
        return {"much": "x" * 10_000_000}  # more than the socket takes at once

    health.report("slow", facts)
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset at close
        connection.sendall(b"GET /status HTTP/1.0\r\n\r\n")
        assert asked.wait(10)
    with caplog.at_level("DEBUG", logger="equal_stream.observability.server"):
        gone.set()
        deadline = time.monotonic() + 10
        while "went away" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.02)
    assert "went away" in caplog.text
    assert "Traceback" not in capfd.readouterr().err
    health.report("slow", dict)
    assert get(server, "/status")[0] == 200


def test_a_file_that_does_not_read_back_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "embedder.json").write_text("{")
    assert running_roles(tmp_path) == []


def test_a_port_that_is_taken_is_one_sentence(server: RoleServer, health: Health, tmp_path: Path) -> None:
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(ConfigurationError, match=r"observability\.port"):
        RoleServer("clusterer", health, "127.0.0.1", port, tmp_path)


def test_a_data_directory_that_cannot_be_written_does_not_stop_the_role(
    health: Health, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    RoleServer("clusterer", health, "127.0.0.1", 0, tmp_path / "file").close()


def test_asking_whether_to_stop_is_a_sign_of_life(health: Health, clock: Clock) -> None:
    stop = StopSignal(health)
    assert not stop.is_set()
    assert health.ready
    clock.now += 100
    assert not health.alive
    assert not stop.wait(0.0)
    assert health.alive
    stop.set()
    assert stop.is_set()
    assert stop.wait(0.0)


LOOP = """
import sys, threading
from equal_stream.observability.stopping import StopSignal
stop = StopSignal()
stop.listen()
waiter = threading.Thread(target=stop.wait)
waiter.start()
print("ready", flush=True)
while not stop.is_set():
    stop.wait(0.05)
waiter.join()
print("stopped in good order", flush=True)
if sys.argv[1:]:
    import time
    time.sleep(60)
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_the_loop_in_good_order(name: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", LOOP], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(getattr(signal, name))
    output, _ = process.communicate(timeout=60)
    assert output == "stopped in good order\n"
    assert process.returncode == 0


def test_a_second_signal_ends_the_process_at_once() -> None:
    process = subprocess.Popen([sys.executable, "-c", LOOP, "hang"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    process.stdout.readline()
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 128 + 15


def test_waiters_in_other_threads_are_woken(health: Health) -> None:
    stop = StopSignal(health)
    woken = threading.Event()
    thread = threading.Thread(target=lambda: (stop.wait(), woken.set()))
    thread.start()
    stop.set()
    thread.join(timeout=30)
    assert woken.is_set()
