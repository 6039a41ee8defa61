"""An open file as feeds read it: decompressed, with a position, and every damage is a `BrokenFile`."""

import contextlib
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

from equal_stream.feed.base import BrokenFile

_GZIP = b"\x1f\x8b"
_UNREADABLE = {
    b"\x04\x22\x4d\x18": ("LZ4", "lz4 -d"),
    b"\x28\xb5\x2f\xfd": ("Zstandard", "zstd -d"),
    b"\xfd7zXZ\x00": ("XZ", "xz -d"),
    b"BZh": ("bzip2", "bzip2 -d"),
    b"PK\x03\x04": ("ZIP", "unzip"),
}


class Source:
    """The decompressed bytes of one file.

    Parameters
    ----------
    path
        Names the file in errors.
    stream
        Its bytes, decompressed.

    Attributes
    ----------
    gzipped
        Whether the file is gzipped.
    offset
        Where the next read begins, in bytes after decompression.
    after
        The last thing that was read whole, such as ``line 12``, for errors; feeds keep it.
    """

    def __init__(self, path: Path, stream: io.BufferedReader | gzip.GzipFile) -> None:
        self.path = path
        self.gzipped = isinstance(stream, gzip.GzipFile)
        self.offset = 0
        self.after = ""
        self._stream = stream

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes; fewer only at the end."""
        with self._damage_told():
            data = self._stream.read(size)
        self.offset += len(data)
        return data

    def readline(self, size: int) -> bytes:
        """Return the next line with its end, cut after `size` bytes; nothing at the end."""
        with self._damage_told():
            line = self._stream.readline(size)
        self.offset += len(line)
        return line

    def peek(self, size: int) -> bytes:
        """Return up to `size` of the next bytes without reading past them."""
        with self._damage_told():
            return self._stream.peek(size)[:size]

    def broken(self, what: str) -> BrokenFile:
        """Return the error that says what is wrong here."""
        if not self.after:
            return BrokenFile(f"{self.path}, byte {self.offset:,}: {what}")
        where = f"{self.path}, after {self.after} (byte {self.offset:,})"
        return BrokenFile(f"{where}: {what}; what came before is kept")

    def seek(self, offset: int) -> None:
        """Read on from a byte, counted after decompression."""
        with self._damage_told():
            self.offset = self._stream.seek(offset)

    @contextlib.contextmanager
    def _damage_told(self) -> Iterator[None]:
        try:
            yield
        except EOFError:
            raise self.broken("the gzip data ends too early, so fetch or copy the file again") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise self.broken(f"the gzip data is damaged ({error}), so fetch or copy it again") from None
        except OSError as error:
            raise self.broken(f"the file cannot be read: {error.strerror or error}") from error


@contextlib.contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a file, gunzipping it when its first bytes say that it is gzipped, whatever its name.

    Raises
    ------
    BrokenFile
        The file cannot be opened, or is compressed in another way.
    """
    try:
        plain = path.open("rb")
    except OSError as error:
        raise BrokenFile(f"{path} cannot be opened: {error.strerror}") from error
    with plain:
        source = Source(path, plain)
        start = source.peek(8)
        for magic, (name, command) in _UNREADABLE.items():
            if start.startswith(magic):
                raise BrokenFile(
                    f"{path} is {name}-compressed, which is not read; decompress it first: {command} {path}"
                )
        if start.startswith(_GZIP):
            with gzip.GzipFile(fileobj=plain, mode="rb") as unzipped:
                yield Source(path, unzipped)
        else:
            yield source
