"""What was large and is freed does not stay with the process."""

import platform
import subprocess
import sys

import pytest

# Blocks of 6 MB, each with something small after it that stays; half of them are freed again.
PLAY = """
import os, sys
from pathlib import Path
from equal_stream.heap import return_large_blocks

if sys.argv[1] == "returned":
    return_large_blocks()
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20
def block():
    return bytearray(os.urandom(1)) * (6 << 20)
for _ in range(3):
    block()  # what raises the threshold
before, kept, large = resident(), [], []
for _ in range(20):
    large.append(block())
    kept += [bytearray(100_000) for _ in range(5)]
large.clear()
print(resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another libc has other ways")
def test_large_blocks_that_are_freed_go_back_to_the_system():
    left = {
        how: int(subprocess.run([sys.executable, "-c", PLAY, how], capture_output=True, check=True).stdout)
        for how in ("as-it-is", "returned")
    }
    assert left["returned"] < 20 < left["as-it-is"]  # MB, of which 10 are kept
