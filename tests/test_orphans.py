"""A process whose parent is killed ends too, and not before."""

import os
import signal
import subprocess
import sys
import time

import pytest

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, text=True)
print(child.stdout.readline().strip(), flush=True)
child.wait()
"""
CHILD = """
import os, time
from equal_stream.orphans import end_with_parent
end_with_parent()
print(os.getpid(), flush=True)
while True:
    time.sleep(60)
"""


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("watched", [True, False])
def test_it_ends_with_its_parent_and_would_not_by_itself(watched: bool) -> None:
    code = CHILD if watched else CHILD.replace("\nend_with_parent()\n", "\n")
    parent = subprocess.Popen([sys.executable, "-c", PARENT, code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        time.sleep(2.5)
        assert lives(child)
        parent.kill()
        parent.wait()
        parent.stdout.close()
        give_up = time.monotonic() + (30 if watched else 3)
        while lives(child) and time.monotonic() < give_up:
            time.sleep(0.05)
        assert lives(child) is not watched
    finally:
        if lives(child):
            os.kill(child, signal.SIGKILL)
