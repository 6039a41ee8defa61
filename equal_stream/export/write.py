"""From pairs to a file that is whole or not there."""

import contextlib
import gzip
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from equal_stream.export.base import ExportFormat, ExportOptions
from equal_stream.messages import QAPair


def write_export(form: ExportFormat, pairs: Iterator[QAPair], path: Path, options: ExportOptions) -> None:
    """Write pairs to `path`, gzipped when its name ends in ``.gz``.

    The file is written aside, synced and renamed: readers see the old one or the new one, and an error
    leaves the old one. The same pairs make the same bytes.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    with _replacing(path) as file:
        if path.suffix == ".gz":
            with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as zipped:
                form.write(pairs, cast("BinaryIO", zipped), options)
        else:
            form.write(pairs, file, options)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
    aside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.chmod(0o666 & ~_umask())  # mkstemp makes files for their owner alone
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
