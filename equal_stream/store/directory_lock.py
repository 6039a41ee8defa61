"""One process a directory: an advisory lock that the kernel frees when its process dies, however it dies."""

import fcntl
import os
import time
from pathlib import Path

from equal_stream.store.base import StoreInUse


class DirectoryLock:
    """Holds `<directory>/owner.lock` until `release`.

    Parameters
    ----------
    directory
        Made when missing.
    wait_seconds
        How long to wait for another process to let go.

    Raises
    ------
    StoreInUse
        Another process, or another object of this one, holds the lock after that time.
    """

    def __init__(self, directory: Path, wait_seconds: float = 0.0) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(directory / "owner.lock", os.O_RDWR | os.O_CREAT, 0o644)
        deadline = time.monotonic() + wait_seconds
        while not self._try():
            if time.monotonic() >= deadline:
                owner = os.read(self._descriptor, 32).decode(errors="replace").strip() or "unknown"
                os.close(self._descriptor)
                raise StoreInUse(
                    f"The embedded store in {directory} is open in process {owner}: stop that process, or "
                    "give this one its own EQUAL_STREAM_DATA_DIR, or a server in EQUAL_STREAM_STORE__URL."
                )
            time.sleep(0.05)
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def _try(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Let another process in; calling again does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
