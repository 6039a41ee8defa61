"""The directory that a model is saved to: made beside its place, and moved there when it is whole."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from equal_stream.alignment.report import FILE_NAME
from equal_stream.errors import ConfigurationError


def require_free(output: Path) -> None:
    """Require a directory that is not there yet, or holds nothing but the report of an earlier try.

    A model that is there may be in service: its weights are part of its name (see
    `equal_stream.embedding.model_files`), so nothing is ever written over it.

    Raises
    ------
    ConfigurationError
        It is in use, or cannot be made.
    """
    if output.exists() and not output.is_dir():
        raise ConfigurationError(f"--output names {output}, which is a file; name a new directory")
    if output.is_dir() and {path.name for path in output.iterdir()} - {FILE_NAME}:
        raise ConfigurationError(
            f"--output names {output}, which holds something already; name a new directory"
        )
    if not output.absolute().parent.is_dir():
        raise ConfigurationError(
            f"--output names {output}, but there is no folder {output.absolute().parent}"
        )


@contextlib.contextmanager
def workshop(output: Path) -> Iterator[Path]:
    """Give a directory on the same disk as `output`; what is still in it afterwards is removed."""
    directory = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.absolute().parent))
    directory.chmod(0o755)  # mkdtemp lets nobody else in, but the service may run as another user
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def put_in_place(made: Path, output: Path) -> None:
    """Move a finished directory to `output`, in one step."""
    if output.is_dir():
        (output / FILE_NAME).unlink(missing_ok=True)
        output.rmdir()
    made.rename(output)
