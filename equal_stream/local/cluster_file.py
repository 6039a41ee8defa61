"""How a command on this machine joins the Ray cluster that `up` started: a file that only its user may read.

It holds the cluster's address and its token. Whoever may read it may do what the user may do, and could
read the same from the environment of the user's processes.
"""

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from equal_stream.settings import Settings

if TYPE_CHECKING:
    from equal_stream.ray_runtime import RayConnection


class RunningCluster(msgspec.Struct, frozen=True):
    """A Ray cluster of this machine: the process it ends with, and what joining it takes."""

    pid: int
    address: str
    environment: dict[str, str]


def write_cluster_file(data_dir: Path, connection: "RayConnection") -> None:
    """Write down the cluster that this process started."""
    path = _path(data_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    cluster = RunningCluster(os.getpid(), connection.address, dict(connection.environment))
    aside = path.with_suffix(f".{os.getpid()}.partial")
    with contextlib.suppress(FileNotFoundError):
        aside.unlink()
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(cluster))
    aside.replace(path)


def remove_cluster_file(data_dir: Path) -> None:
    """Remove the file of this process, unless another process has taken its place."""
    cluster = _read(data_dir)
    if cluster is not None and cluster.pid == os.getpid():
        _path(data_dir).unlink(missing_ok=True)


def in_running_cluster(settings: Settings) -> Settings:
    """Return settings with which this process joins the service that runs under its data directory.

    They are returned as they are where none runs, or where they name a cluster. The token goes into this
    process's environment, where Ray looks for it when it is imported: not later than that.
    """
    if settings.ray.address:
        return settings
    cluster = _read(settings.data_dir)
    if cluster is None or not _lives(cluster.pid):
        return settings
    os.environ.update(cluster.environment)
    ray = settings.ray.model_copy(update={"address": cluster.address})
    return settings.model_copy(update={"ray": ray})


def _path(data_dir: Path) -> Path:
    return data_dir / "run" / "cluster" / "ray.json"


def _read(data_dir: Path) -> RunningCluster | None:
    try:
        return msgspec.json.decode(_path(data_dir).read_bytes(), type=RunningCluster)
    except (OSError, msgspec.MsgspecError):
        return None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
