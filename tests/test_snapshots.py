"""State and the positions it stands at never part."""

import errno
import hashlib
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equal_stream.errors import ConfigurationError
from equal_stream.snapshots import SnapshotNotWritten, SnapshotStore

A, B = ("passages.embedded", 0), ("passages.embedded", 1)


def test_the_newest_snapshot_comes_back_with_its_positions(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.save(b"one", {A: 1})
    store.save(b"two", {A: 2, B: 5}, marks={("llm.responses", 0): 7})
    newest = SnapshotStore(tmp_path).newest()
    assert newest is not None
    assert (newest.state, newest.at()) == (b"two", {A: 2, B: 5})
    assert newest.marked() == {("llm.responses", 0): 7}


def test_a_crash_between_snapshot_and_commit_goes_back_to_the_snapshot_that_matches(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.save(b"committed", {A: 10, B: 3})
    store.save(b"ahead of the log", {A: 12, B: 3})
    found = SnapshotStore(tmp_path).matching({A: 10, B: 3})
    assert found is not None
    assert found.state == b"committed"


def test_crashing_again_and_again_before_the_commit_never_loses_the_snapshot_that_matches(
    tmp_path: Path,
) -> None:
    SnapshotStore(tmp_path).save(b"committed", {A: 10})
    for ahead in range(11, 15):
        store = SnapshotStore(tmp_path)
        found = store.matching({A: 10})
        assert found is not None
        assert found.state == b"committed"
        store.save(b"ahead of the log", {A: ahead})


def test_no_snapshot_matches_positions_it_never_stood_at(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.save(b"x", {A: 10})
    assert store.matching({A: 11}) is None
    assert store.matching({}) is None


def test_partitions_added_later_and_never_read_do_not_hide_a_snapshot(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.save(b"x", {A: 10, B: 0})
    assert store.matching({A: 10}) is not None


def test_a_snapshot_ahead_of_the_log_is_passed_over(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.save(b"one", {A: 1}, marks={B: 4})
    store.save(b"published more", {A: 1}, marks={B: 6})
    for ends, state in (
        ({A: 3, B: 6}, b"published more"),
        ({A: 3, B: 5}, b"one"),
        ({A: 0, B: 6}, None),
    ):
        found = SnapshotStore(tmp_path).newest(ends)
        assert (found and found.state) == state


def test_files_that_are_no_snapshots_are_let_alone(tmp_path: Path) -> None:
    SnapshotStore(tmp_path).save(b"one", {A: 1})
    (whole,) = tmp_path.glob("*.snapshot")
    for name in ("backup.snapshot", f"{whole.stem} (copy).snapshot", "000000000009.snapshot.bak"):
        (tmp_path / name).write_bytes(whole.read_bytes())
    store = SnapshotStore(tmp_path)
    for _ in range(3):
        store.save(b"two", {A: 2})
    found = SnapshotStore(tmp_path).newest()
    assert found is not None
    assert found.state == b"two"
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize("body", [b"hello", msgspec.msgpack.encode({"positions": "of a later release"})])
def test_a_whole_snapshot_of_another_kind_is_a_mistake_to_report_and_not_to_repeat(
    tmp_path: Path, body: bytes
) -> None:
    SnapshotStore(tmp_path).save(b"one", {A: 1})
    (tmp_path / "000000000002.snapshot").write_bytes(hashlib.sha256(body).digest() + body)
    for look in (SnapshotStore(tmp_path).newest, lambda: SnapshotStore(tmp_path).matching({A: 1})):
        with pytest.raises(ConfigurationError, match=r"000000000002\.snapshot is whole and none"):
            look()


def test_a_snapshot_that_may_not_be_read_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "000000000002.snapshot").mkdir(parents=True)  # whoever runs the tests may read all files
    with pytest.raises(ConfigurationError, match="cannot be read"):
        SnapshotStore(tmp_path).newest()


def test_a_damaged_snapshot_is_passed_over(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.save(b"good", {A: 1})
    store.save(b"bad", {A: 2})
    newest = max(tmp_path.glob("*.snapshot"))
    newest.write_bytes(newest.read_bytes()[:-1])
    found = store.newest()
    assert found is not None
    assert found.state == b"good"


@settings(deadline=None)  # each example waits for the disk
@given(st.integers(2, 4), st.integers(1, 12))
def test_no_more_than_the_asked_number_stay(tmp_path_factory, keep: int, written: int) -> None:
    directory = tmp_path_factory.mktemp("snapshots")
    store = SnapshotStore(directory, keep=keep)
    for number in range(written):
        store.save(bytes([number]), {A: number})
    assert len(list(directory.iterdir())) == min(keep, written)
    newest = store.newest()
    assert newest is not None
    assert newest.state == bytes([written - 1])


def test_a_full_disk_is_one_sentence_and_leaves_the_snapshots_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SnapshotStore(tmp_path)
    store.save(b"one", {("t", 0): 1})

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(SnapshotNotWritten, match="No space left on device"):
            store.save(b"two", {("t", 0): 2})
    assert [path.suffix for path in tmp_path.iterdir()] == [".snapshot"]
    store.save(b"two", {("t", 0): 2})
    newest = SnapshotStore(tmp_path).matching({("t", 0): 2})
    assert newest is not None
    assert newest.state == b"two"


def test_a_snapshot_says_whose_vectors_its_state_is_made_of_and_older_ones_say_nothing(
    tmp_path: Path,
) -> None:
    store = SnapshotStore(tmp_path)
    store.save(b"state", {A: 1}, model="an encoder/fp32")
    assert store.newest().model == "an encoder/fp32"
    body = msgspec.msgpack.encode({"positions": {"t": {0: 2}}, "state": b"older", "marks": {}})
    (tmp_path / "000000000009.snapshot").write_bytes(hashlib.sha256(body).digest() + body)
    older = SnapshotStore(tmp_path).newest()
    assert (older.state, older.model) == (b"older", "")
