"""Ray for this process: join the cluster that the settings name, or start one on this machine.

Ray listens on every interface of the machine, so a cluster started here always asks for a token. The
token, and what else a child process needs in order to join, travels in the environment.
"""

import logging
import os
import platform
import secrets
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray

from equal_stream.errors import ConfigurationError, DependencyUnavailable
from equal_stream.settings import Settings

_OBJECT_STORE_BYTES = 200 * 2**20  # tickets, passages and results are small: Ray's default is 30 % of memory
_JOIN_SECONDS = 5.0  # usually a tenth of a second, once the port answers
_CLIENT_ATTEMPTS = 3
_SOCKET_DIRECTORY_LENGTH = 40  # Ray adds some 65 characters, and a Unix socket's path may have 107
_VITAL = {"raylet", "gcs_server"}  # of the processes of a head
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_FAILURE_SIGNAL_HANDLER": "1",  # else SIGTERM prints a stack trace
    "RAY_worker_niceness": "0",  # Ray's 15 would starve the allocator beside busy embedders
}
_FOR_CHILDREN = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", *_QUIET)


class RayUnavailable(DependencyUnavailable):
    """The Ray cluster cannot be reached, joined or started."""


@dataclass
class RayConnection:
    """What this process has of a Ray cluster.

    Attributes
    ----------
    address
        What other processes join it by: the value of ``EQUAL_STREAM_RAY__ADDRESS``.
    environment
        What child processes need in their environment in order to join.
    lost
        Whether a cluster that was started here has lost a process without which nobody can join it.
    """

    address: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)  # holds the token
    lost: Callable[[], bool] = field(default=lambda: False, repr=False)
    _stop: Callable[[], None] = field(default=lambda: None, repr=False)

    def stop(self) -> None:
        """Leave the cluster, and end it if it was started here; calling again does nothing."""
        stop, self._stop = self._stop, lambda: None
        stop()


def connect(settings: Settings, *, num_cpus: int = 1, deadline_seconds: float = 60.0) -> RayConnection:
    """Join the cluster at `settings.ray.address`, or start one here when it names none.

    A process that is in a cluster already stays there; stopping the connection then changes nothing.

    Parameters
    ----------
    settings
        `ray.address`: ``host:port`` of the cluster's head from one of its nodes, or
        ``ray://host:10001`` from any other machine.
    num_cpus
        CPUs of a cluster started here.
    deadline_seconds
        How long to wait for a cluster that is not there yet.

    Raises
    ------
    RayUnavailable
        It cannot be reached or joined in time, or not with this version of Ray or Python.
    ConfigurationError
        The address is no address.
    """
    if ray.is_initialized():
        return RayConnection(settings.ray.address or ray.get_runtime_context().gcs_address, _environment())
    if not settings.ray.address:
        return start_local(settings, num_cpus=num_cpus)
    return _join(settings, deadline_seconds)


def start_local(settings: Settings, *, num_cpus: int = 1) -> RayConnection:
    """Start a cluster on this machine that ends with the calling thread, or before it by `stop`.

    Parameters
    ----------
    settings
        `ray.namespace` becomes this process's namespace.
    num_cpus
        CPUs that Ray may hand to tasks, and worker processes that it starts beforehand. The service's
        actors ask for none.

    Raises
    ------
    RayUnavailable
        It did not start.
    """
    _be_quiet()
    if "RAY_AUTH_TOKEN_PATH" not in os.environ:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    directory = _short_directory()
    try:
        with _own_sigterm():
            ray.init(
                address="local",  # also where RAY_ADDRESS is set
                num_cpus=num_cpus,
                object_store_memory=_OBJECT_STORE_BYTES,
                include_dashboard=False,
                namespace=settings.ray.namespace,
                configure_logging=False,
                log_to_driver=False,
                _temp_dir=str(directory),
            )
    except Exception as error:
        ray.shutdown()
        raise RayUnavailable(
            f"Ray could not be started on this machine ({_one_line(error)}): see the logs in {directory}, "
            "or name a running cluster in EQUAL_STREAM_RAY__ADDRESS."
        ) from error

    node: Any = ray._private.worker._global_node  # noqa: SLF001 - nothing public tells of its processes

    def lost() -> bool:
        return any(kind in _VITAL for kind, _ in node.dead_processes())

    def stop() -> None:
        ray.shutdown()
        shutil.rmtree(directory, ignore_errors=True)

    os.environ.setdefault("RAY_AUTH_MODE", "token")  # Ray's own choice for a cluster started by ray.init
    address = str(ray.get_runtime_context().gcs_address)
    return RayConnection(address, {**_environment(), "EQUAL_STREAM_RAY__ADDRESS": address}, lost, stop)


def detached_actor(settings: Settings, actor: type, name: str, /, *args: Any, **options: Any) -> Any:
    """Return the handle of the one actor of this name in the service's namespace, made when missing.

    It needs no CPU of Ray's own counting and lives on when this process ends.

    Parameters
    ----------
    settings
        `ray.namespace` is where the name counts.
    actor
        A plain class.
    name
        The actor's name.
    *args
        Given to the constructor, now and after every restart.
    **options
        Ray's options for the actor, such as ``max_restarts``.
    """
    remote: Any = ray.remote(num_cpus=0, **options)(actor)
    return remote.options(
        name=name, namespace=settings.ray.namespace, lifetime="detached", get_if_exists=True
    ).remote(*args)


def _join(settings: Settings, deadline_seconds: float) -> RayConnection:
    address = settings.ray.address
    host, port = _host_and_port(address)
    _be_quiet()
    deadline = time.monotonic() + deadline_seconds
    while True:
        try:
            socket.create_connection((host, port), timeout=5).close()
            break
        except OSError as error:
            if time.monotonic() >= deadline:
                raise RayUnavailable(
                    f"No Ray cluster answers at {address} ({_one_line(error)}): start it, or correct "
                    "EQUAL_STREAM_RAY__ADDRESS."
                ) from error
            time.sleep(0.5)
    try:
        _initialise(settings, max(_JOIN_SECONDS, deadline - time.monotonic()))
    except Exception as error:
        raise RayUnavailable(
            f"The Ray cluster at {address} (EQUAL_STREAM_RAY__ADDRESS) cannot be joined "
            f"({_one_line(error)}): it must run Ray {ray.__version__} on Python {platform.python_version()}, "
            "this process must hold its token (RAY_AUTH_MODE, RAY_AUTH_TOKEN), and a machine that is not "
            "one of its nodes must use ray://HEAD:10001."
        ) from error
    return RayConnection(
        address, {**_environment(), "EQUAL_STREAM_RAY__ADDRESS": address}, _stop=ray.shutdown
    )


def _initialise(settings: Settings, seconds: float) -> None:
    """Join; through ``ray://`` more than once, since a busy head may be late with the client's server."""
    attempts = _CLIENT_ATTEMPTS if settings.ray.address.startswith("ray://") else 1
    for attempt in range(1, attempts + 1):
        try:
            _within(
                seconds,
                lambda: ray.init(
                    address=settings.ray.address,
                    namespace=settings.ray.namespace,
                    configure_logging=False,
                    log_to_driver=False,
                ),
            )
        except ConnectionError:
            if attempt == attempts:
                raise
            ray.shutdown()
            time.sleep(attempt)
        else:
            return


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise ConfigurationError(
            f"EQUAL_STREAM_RAY__ADDRESS is {address!r}, which is neither host:port (such as ray-head:6379) "
            "nor ray://host:port."
        )
    return host.strip("[]"), int(port)


def _be_quiet() -> None:
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    logging.getLogger("ray").setLevel(logging.ERROR)


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _FOR_CHILDREN if name in os.environ}


def _short_directory() -> Path:
    base = Path(tempfile.gettempdir())
    if len(str(base)) > _SOCKET_DIRECTORY_LENGTH:
        base = Path("/", "tmp")
    return Path(tempfile.mkdtemp(prefix="ray-", dir=base))


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep the handler that this process has for SIGTERM: ray.init puts its own there."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _within(seconds: float, work: Callable[[], object]) -> None:
    """Do `work` in a thread of its own: on a port where something else listens Ray hangs for minutes."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=run, name="ray-init", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"no answer within {seconds:.0f} seconds")
    if failures:
        raise failures[0]


def _one_line(error: BaseException) -> str:
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    return " ".join(str(root).split())[:240].rstrip(".") or type(root).__name__
