"""Large blocks of memory that go back to the system when they are freed.

glibc takes blocks above a threshold from the system one by one and returns them as they are freed, but raises
that threshold to the largest block freed so far. A process that writes a snapshot now and then so keeps
a snapshot's size of holes, more of them the longer it runs.
"""

import ctypes
import platform

LARGE = 4 << 20  # bytes; what a choice among a million candidates asks for is smaller, and so stays cheap
_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of malloc.h; once it is set, glibc leaves it there


def return_large_blocks() -> None:
    """Have blocks above `LARGE` returned for as long as this process lives; does nothing beside glibc."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, LARGE)
