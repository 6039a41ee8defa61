"""The world a service is put into: a clock that can be stepped, and a disk that can be full."""

import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.clock import Clock
from tests.chaos.disk import SmallDisk

_TELL = "import time; input(); print(time.time(), flush=True); input(); print(time.time(), flush=True)"


def test_a_running_process_sees_its_clock_stepped(tmp_path: Path) -> None:
    clock = Clock(tmp_path)
    if clock.why_not:
        pytest.skip(clock.why_not)
    environment = {**os.environ, **clock.environment}
    with subprocess.Popen(
        [sys.executable, "-c", _TELL],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        for seconds in (3_600, -3_600):
            clock.step(seconds)
            process.stdin.write("\n")
            process.stdin.flush()
            told = float(process.stdout.readline())
            assert abs(told - time.time() - seconds) < 60


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    made = SmallDisk(4 << 20)
    yield made
    made.close()


def test_a_full_disk_takes_nothing_until_room_is_made(disk: SmallDisk) -> None:
    if disk.why_not:
        pytest.skip(disk.why_not)
    assert disk.fill() > 3 << 20
    with pytest.raises(OSError, match="No space left") as refused:
        (disk.path / "one").write_bytes(b"1")
    assert refused.value.errno == errno.ENOSPC
    disk.free()
    (disk.path / "one").write_bytes(b"1")


def test_a_disk_that_is_closed_leaves_nothing(disk: SmallDisk) -> None:
    disk.close()
    assert not disk.path.exists()
    assert str(disk.path) not in Path("/proc/mounts").read_text()
