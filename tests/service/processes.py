"""What a service leaves running: its processes, told by the environment they inherited."""

import os
import time
from collections.abc import Callable
from pathlib import Path


def carrying(variable: str, value: str) -> set[int]:
    """Return the living processes, but this one, that have a variable of this value in their environment."""
    wanted = f"{variable}={value}".encode()
    found = set()
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit() and int(directory.name) != os.getpid():
            try:
                carried = (directory / "environ").read_bytes().split(b"\0")
            except OSError:  # ended meanwhile, or another user's
                continue
            if wanted in carried:
                found.add(int(directory.name))
    return found


def named(pid: int) -> str:
    """Return the command line of a process, empty once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def eventually(held: Callable[[], bool], seconds: float) -> bool:
    """Return whether something came to hold within so many seconds."""
    deadline = time.monotonic() + seconds
    while not held():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def in_session(session: int) -> dict[int, str]:
    """Return the living processes of a session (`setsid`) with their command lines."""
    found = {}
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            try:
                fields = (directory / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # ended meanwhile
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                found[int(directory.name)] = named(int(directory.name))
    return found
