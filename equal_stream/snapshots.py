"""State on disk together with the log positions it stands at, so that state and offsets never part.

A role that keeps state writes a snapshot *before* it commits the positions that the snapshot stands at.
After a crash between the two, the newest snapshot is ahead of the log, and the one before it matches:
so at least two are kept. Files are complete or absent (written aside, synced, renamed), and one that
is damaged is passed over. Whatever else lies in the directory is not ours and is let alone.
"""

import contextlib
import hashlib
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from equal_stream.errors import ConfigurationError, EqualStreamError
from equal_stream.steps import Step, passed
from equal_stream.transport.base import Positions, TopicPartition

_LOG = logging.getLogger(__name__)
_SUFFIX = ".snapshot"


class SnapshotNotWritten(EqualStreamError):
    """The disk is full, or may not be written: what was to be committed with the snapshot must not be."""


class SnapshotForeign(ConfigurationError):
    """A file that bears a snapshot's name may not be read, or is none that this release knows."""


class Snapshot(msgspec.Struct, frozen=True):
    """State and the positions it stands at; `marks` holds further positions its owner wants back.

    `model` is the encoder whose vectors the state is made of; empty where a release before it was noted
    wrote the snapshot.
    """

    positions: dict[str, dict[int, int]]
    state: bytes
    marks: dict[str, dict[int, int]] = {}
    model: str = ""

    def at(self) -> Positions:
        """Return the positions as `{(topic, partition): offset}`."""
        return _flat(self.positions)

    def marked(self) -> Positions:
        """Return the further positions as `{(topic, partition): offset}`."""
        return _flat(self.marks)


def _nested(positions: Mapping[TopicPartition, int]) -> dict[str, dict[int, int]]:
    nested: dict[str, dict[int, int]] = {}
    for (topic, partition), offset in positions.items():
        nested.setdefault(topic, {})[partition] = offset
    return nested


def _ahead(positions: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]) -> set[str]:
    """Return the topics in which some position lies beyond the end."""
    return {at[0] for at, offset in positions.items() if offset > ends.get(at, offset)}


def _flat(nested: Mapping[str, Mapping[int, int]]) -> Positions:
    return {(topic, partition): offset for topic, of in nested.items() for partition, offset in of.items()}


class SnapshotStore:
    """The newest few snapshots of one role, under a directory of its own.

    Parameters
    ----------
    directory
        Made when missing.
    keep
        How many snapshots stay; at least two (see the module's opening).
    """

    def __init__(self, directory: Path, keep: int = 2) -> None:
        self.directory = directory
        self.keep = max(2, keep)
        directory.mkdir(parents=True, exist_ok=True)
        self._next = max((self._number(path) for path in self._paths()), default=0) + 1

    def save(
        self,
        state: bytes,
        positions: Mapping[TopicPartition, int],
        marks: Mapping[TopicPartition, int] | None = None,
        model: str = "",
    ) -> None:
        """Write a snapshot durably, then drop the oldest beyond `keep`; see `Snapshot` for what it holds.

        Raises `SnapshotNotWritten`; those before it stay as they are.
        """
        body = msgspec.msgpack.encode(Snapshot(_nested(positions), state, _nested(marks or {}), model))
        path = self.directory / f"{self._next:012d}{_SUFFIX}"
        aside = path.with_suffix(".partial")
        try:
            with aside.open("wb") as file:
                file.write(hashlib.sha256(body).digest())
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            passed(Step.SNAPSHOT_SYNCED)
            aside.replace(path)
            self._sync_directory()
        except OSError as error:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)  # a full disk gets its room back
            raise SnapshotNotWritten(
                f"the snapshot {path} of {len(body):,} bytes cannot be written ({error.strerror or error}): "
                "make room on its disk, or let this user write there; the ones before it are whole"
            ) from error
        passed(Step.SNAPSHOT_IN_PLACE)
        self._next += 1
        for old in self._paths()[: -self.keep]:
            old.unlink(missing_ok=True)
        passed(Step.SNAPSHOT_ALONE)

    def newest(self, ends: Mapping[TopicPartition, int] | None = None) -> Snapshot | None:
        """Return the newest snapshot that reads back, or None.

        Parameters
        ----------
        ends
            Where the log ends. A snapshot beyond it is passed over: it stands for records that are not in
            this log, and those that come to their places would be taken for known.

        Raises `SnapshotForeign`.
        """
        for path, snapshot in self._readable():
            ahead = _ahead({**snapshot.marked(), **snapshot.at()}, ends or {})
            if not ahead:
                return snapshot
            _LOG.warning(
                "snapshot %s is passed over: it stands beyond the end of %s, so it belongs to another log, "
                "or this one has lost its last records",
                path.name,
                " and ".join(sorted(ahead)),
            )
        return None

    def matching(self, committed: Mapping[TopicPartition, int]) -> Snapshot | None:
        """Return the newest snapshot that stands exactly at the committed positions, or None.

        Snapshots ahead of it are dropped: what they hold was never committed, and after a second crash
        they would be in the place of the one that matches. Raises `SnapshotForeign`.
        """
        for path, snapshot in self._readable():
            at = snapshot.at()
            if all(at.get(partition, offset) == offset for partition, offset in committed.items()) and all(
                committed.get(partition, 0) == offset for partition, offset in at.items()
            ):
                for newer in self._paths():
                    if newer > path:
                        newer.unlink(missing_ok=True)
                return snapshot
        return None

    def _readable(self) -> Iterator[tuple[Path, Snapshot]]:
        for path in reversed(self._paths()):
            try:
                data = path.read_bytes()
            except OSError as error:
                raise SnapshotForeign(
                    f"the snapshot {path} cannot be read ({error.strerror or error}): let this user read it, "
                    "or move it away"
                ) from error
            body = data[32:]
            if hashlib.sha256(body).digest() != data[:32]:
                _LOG.warning("snapshot %s is damaged and is passed over", path.name)
                continue
            try:
                yield path, msgspec.msgpack.decode(body, type=Snapshot)
            except msgspec.DecodeError as error:
                raise SnapshotForeign(
                    f"the snapshot {path} is whole and none that this release reads ({error}): start the "
                    "release that wrote it, or move it away"
                ) from error

    def _paths(self) -> list[Path]:
        found = self.directory.glob(f"*{_SUFFIX}")
        return sorted(path for path in found if path.name.removesuffix(_SUFFIX).isdecimal())

    @staticmethod
    def _number(path: Path) -> int:
        return int(path.name.removesuffix(_SUFFIX))

    def _sync_directory(self) -> None:
        descriptor = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
