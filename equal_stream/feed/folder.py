"""What lies in a growing folder, and which of it is whole enough to be read."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from equal_stream.feed.positions import Version

SETTLED_SECONDS = 2.0  # a file that has not changed for so long is taken for complete
_UNFINISHED = (".tmp", ".part", ".partial", ".open", ".crdownload", ".swp", "~")


@dataclass(frozen=True, slots=True)
class FolderFile:
    """A file as it was found; `name` is its path within the folder."""

    name: str
    path: Path
    version: Version


def files_in(folder: Path) -> list[FolderFile]:
    """Return the files of a folder and those below, oldest first; hidden and unfinished ones are left out."""
    return sorted(_files(folder), key=lambda file: (file.version.mtime_ns, file.name))


def _files(folder: Path) -> Iterator[FolderFile]:
    for directory, subdirectories, names in os.walk(folder):
        subdirectories[:] = [each for each in subdirectories if not each.startswith(".")]
        for name in names:
            if name.startswith(".") or name.lower().endswith(_UNFINISHED):
                continue
            path = Path(directory, name)
            try:
                status = path.stat()
            except OSError:
                continue  # gone since it was listed
            if path.is_file():
                yield FolderFile(
                    path.relative_to(folder).as_posix(), path, Version(status.st_size, status.st_mtime_ns)
                )


class Settling:
    """Tells files that nobody writes to any more from those that still grow."""

    def __init__(self, seconds: float = SETTLED_SECONDS) -> None:
        self._seconds = seconds
        self._since: dict[str, tuple[Version, float]] = {}

    def settled(self, file: FolderFile) -> bool:
        """Return whether a file has stayed as it is: by its own date, or since it was first seen so."""
        if time.time() - file.version.mtime_ns / 1e9 >= self._seconds:
            self._since.pop(file.name, None)
            return True
        seen = self._since.get(file.name)
        now = time.monotonic()
        if seen is None or seen[0] != file.version:
            self._since[file.name] = (file.version, now)
            return self._seconds <= 0
        if now - seen[1] < self._seconds:
            return False
        del self._since[file.name]
        return True
