"""The embedded log under several processes at once, some of which die in the middle."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from equal_stream.transport.base import OutgoingRecord, Record, TopicSpec
from equal_stream.transport.embedded import EmbeddedTransport
from equal_stream.transport.exceptions import TransportUnavailable

OPEN = """
import sys, time
from pathlib import Path
from equal_stream.transport.base import OutgoingRecord
from equal_stream.transport.embedded import EmbeddedTransport

log = EmbeddedTransport(Path(sys.argv[1]), session_timeout=1.0)
"""
WRITE = (
    OPEN
    + """
producer = log.producer(sys.argv[2])
for batch in range(20):
    with producer.transaction() as transaction:
        for i in range(50):
            transaction.send(OutgoingRecord("out", f"{sys.argv[2]}".encode(), str(batch * 50 + i).encode()))
"""
)
TRANSFER = (
    OPEN
    + """
member, producer = log.member(["in"], "group"), log.producer(sys.argv[2])
while True:
    records = member.poll(7, 0.2)
    if records:
        with producer.transaction() as transaction:
            for each in records:
                transaction.send(OutgoingRecord("out", each.key, each.value))
            transaction.commit_positions(member, member.positions())
        time.sleep(0.01)
"""
)
DIE_INSIDE = (
    OPEN
    + """
import os, signal, sqlite3
producer = log.producer("id")
with producer.transaction() as transaction:
    transaction.send(OutgoingRecord("out", b"k", b"whole"))
from equal_stream.transport.embedded import log as table
append = table.append
def append_and_die(connection, records):
    append(connection, records)
    os.kill(os.getpid(), signal.SIGKILL)
table.append = append_and_die
with producer.transaction() as transaction:
    for i in range(3000):
        transaction.send(OutgoingRecord("out", str(i).encode(), bytes(3000)))
"""
)


@pytest.fixture
def log(tmp_path: Path) -> EmbeddedTransport:
    log = EmbeddedTransport(tmp_path, session_timeout=1.0)
    log.create_topics([TopicSpec("in", 4, "delete", -1, 100_000), TopicSpec("out", 4, "delete", -1, 100_000)])
    return log


def start(script: str, directory: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", script, str(directory), *arguments])


def everything(log: EmbeddedTransport, topic: str) -> list[Record]:
    reader = log.reader([topic])
    found: list[Record] = []
    while records := reader.poll(1000, 0):
        found += records
    reader.close()
    return found


def test_writers_in_several_processes_lose_and_mix_nothing(log: EmbeddedTransport, tmp_path: Path) -> None:
    writers = [start(WRITE, tmp_path, f"writer {i}") for i in range(3)]
    assert [each.wait(60) for each in writers] == [0, 0, 0]
    found = everything(log, "out")
    for i in range(3):
        mine = [int(each.value or b"") for each in found if each.key == f"writer {i}".encode()]
        assert mine == list(range(1000))


def test_processes_may_make_the_same_log_at_the_same_moment(tmp_path: Path) -> None:
    make = OPEN + "log.topics(); log.close()"
    makers = [start(make, tmp_path / "new") for _ in range(4)]
    assert [each.wait(60) for each in makers] == [0, 0, 0, 0]


def test_a_process_that_is_killed_while_it_writes_leaves_no_half(
    log: EmbeddedTransport, tmp_path: Path
) -> None:
    assert start(DIE_INSIDE, tmp_path).wait(60) == -signal.SIGKILL
    assert [each.value for each in everything(log, "out")] == [b"whole"]
    producer = log.producer("id")
    with producer.transaction():
        pass


def test_members_killed_again_and_again_pass_every_record_on_exactly_once(
    log: EmbeddedTransport, tmp_path: Path
) -> None:
    producer = log.producer()
    for i in range(2000):
        producer.send(OutgoingRecord("in", str(i).encode(), str(i).encode()))
    producer.flush()
    members = [start(TRANSFER, tmp_path, f"member {i}") for i in range(2)]
    try:
        for i in range(4):
            time.sleep(0.5)
            members[0].kill()
            members.pop(0).wait()
            members.append(start(TRANSFER, tmp_path, f"later {i}"))
        give_up = time.monotonic() + 60
        while sum(log.group_positions("group", ["in"]).values()) < 2000:
            assert time.monotonic() < give_up
            time.sleep(0.1)
    finally:
        for each in members:
            each.kill()
            each.wait()
    assert sorted(int(each.value or b"") for each in everything(log, "out")) == list(range(2000))


def test_a_file_that_is_no_log_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "log.sqlite3").write_bytes(b"something else " * 1000)
    with pytest.raises(TransportUnavailable, match=r"log\.sqlite3 cannot be used"):
        EmbeddedTransport(tmp_path)


def test_a_directory_that_cannot_be_made_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TransportUnavailable, match="cannot be used"):
        EmbeddedTransport(tmp_path / "file" / "data")
