"""Which roles run on this machine, and where they answer: one small file each under `<data_dir>/run`."""

import json
import os
from pathlib import Path

import msgspec


class RunningRole(msgspec.Struct, frozen=True):
    """A role of this machine: its process and the address of its metrics and probes."""

    role: str
    pid: int
    url: str

    def is_alive(self) -> bool:
        """Return whether the process still exists."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True  # it exists and belongs to another user
        return True


def record_role(data_dir: Path, role: str, url: str) -> Path:
    """Write the file of this process and return its path.

    A second process of the same role, such as another embedder, gets a name with its pid. Files of processes
    that were killed are removed.
    """
    directory = data_dir / "run"
    directory.mkdir(parents=True, exist_ok=True)
    for left in directory.glob(f"{role}-*.json"):
        dead = _read(left)
        if dead is not None and not dead.is_alive():
            left.unlink(missing_ok=True)
    path = directory / f"{role}.json"
    former = _read(path)
    if former is not None and former.pid != os.getpid() and former.is_alive():
        path = directory / f"{role}-{os.getpid()}.json"
    aside = path.with_suffix(f".{os.getpid()}.partial")
    aside.write_text(json.dumps({"role": role, "pid": os.getpid(), "url": url}), encoding="utf-8")
    aside.replace(path)
    return path


def forget_role(path: Path) -> None:
    """Remove the file of this process, unless another process has taken its name."""
    present = _read(path)
    if present is not None and present.pid == os.getpid():
        path.unlink(missing_ok=True)


def running_roles(data_dir: Path) -> list[RunningRole]:
    """Return the roles of this machine whose processes exist, by name."""
    found = (_read(path) for path in sorted((data_dir / "run").glob("*.json")))
    return [role for role in found if role is not None and role.is_alive()]


def _read(path: Path) -> RunningRole | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunningRole)
    except (OSError, msgspec.DecodeError):
        return None
