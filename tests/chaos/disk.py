"""A small disk for the data directory, which can be filled up: a tmpfs, mounted for the run."""

import errno
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

BYTES = 1 << 30  # several times what the longest run keeps
_PIECES = (16 << 20, 1 << 20, 64 << 10, 4 << 10)  # of the ballast, down to a page


class SmallDisk:
    """A directory with little room.

    Attributes
    ----------
    why_not
        Why there is no such disk here, in one sentence; then the directory is an ordinary one.
    """

    def __init__(self, size: int = BYTES) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="chaos-disk-"))
        self._ballast = self.path / "ballast"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "chaos", self.path],
            capture_output=True,
            text=True,
            check=False,
        )
        self._mounted = done.returncode == 0
        self.why_not = "" if self._mounted else f"no tmpfs can be mounted ({done.stderr.strip()})"

    def fill(self) -> int:
        """Leave no byte free; return how many were taken. Only on a disk of its own."""
        assert self._mounted, self.why_not
        taken = 0
        with self._ballast.open("wb") as file:
            for piece in _PIECES:
                taken += self._take(file.fileno(), taken, piece)
        return taken

    @staticmethod
    def _take(file: int, begin: int, piece: int) -> int:
        """Extend a file by pieces as long as there is room; return how many bytes that were."""
        taken = 0
        while True:
            try:
                os.posix_fallocate(file, begin + taken, piece)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                return taken
            taken += piece

    def used(self) -> int:
        """Return how many bytes are taken."""
        return shutil.disk_usage(self.path).used

    def free(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount it and remove the directory; calling again does nothing."""
        if self._mounted:
            self._mounted = False
            subprocess.run(["umount", "--lazy", self.path], check=True, capture_output=True)
        shutil.rmtree(self.path, ignore_errors=True)
