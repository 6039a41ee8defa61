"""The machine: Python and the data directory."""

import platform
import shutil
import sys
import tempfile

from equal_stream.checkup.finding import Verdict
from equal_stream.settings import Settings

OLDEST_PYTHON = (3, 11)
LITTLE_DISK_BYTES = 2 * 2**30  # a million passages with vectors and text take some 3 GB


def python(_: Settings) -> tuple[Verdict, str, str]:
    """Check the interpreter's version."""
    found = f"{platform.python_implementation()} {platform.python_version()}"
    if sys.version_info < OLDEST_PYTHON:
        return "failed", found, "install Python 3.11 or later"
    return "ok", found, ""


def data_directory(settings: Settings) -> tuple[Verdict, str, str]:
    """Check that the data directory can be written and has room."""
    directory = settings.data_dir.absolute()
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"probe")
            file.flush()
    except OSError as error:
        advice = "make it writable, or name another with --data-dir"
        return "failed", f"{existing} cannot be written: {error.strerror}", advice
    free = shutil.disk_usage(existing).free
    found = f"{directory} can be written, {free / 2**30:,.1f} GiB free"
    if free < LITTLE_DISK_BYTES:
        return "warning", found, "make room: state, the embedded log and the embedded store live there"
    return "ok", found, ""
