"""All roles on this machine: started in order, started again when they fail, stopped in order."""

import logging
import threading
import time
from dataclasses import dataclass
from multiprocessing.process import BaseProcess

from equal_stream.errors import ConfigurationError, EqualStreamError
from equal_stream.local.cluster_file import remove_cluster_file, write_cluster_file
from equal_stream.local.role_process import start_role
from equal_stream.ray_runtime import RayConnection, RayUnavailable, connect
from equal_stream.roles import ALLOCATOR, CLUSTERER, EMBEDDER, Role
from equal_stream.settings import Settings
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport

STOP_SECONDS = 45.0
FIRST_PAUSE = 1.0  # before a failed role is started again; doubled each time it fails soon
LONGEST_PAUSE = 60.0
STEADY_SECONDS = 60.0  # a role that ran this long did not fail soon
LOOK_SECONDS = 0.5
_LOG = logging.getLogger(__name__)


class RoleFailed(EqualStreamError):
    """A role ended in a way that starting it again would not mend."""


@dataclass
class _Running:
    role: Role
    instance: int
    process: BaseProcess
    since: float
    pause: float = FIRST_PAUSE
    again_at: float | None = None


class LocalService:
    """The roles as child processes of this one, on a Ray cluster that ends with it.

    Parameters
    ----------
    settings
        As for the roles; an empty `ray.address` starts a cluster here.
    embedders
        How many embedder processes; one a core is best.
    """

    def __init__(self, settings: Settings, embedders: int = 1) -> None:
        self.settings = settings
        self._embedders = embedders
        self._ray: RayConnection | None = None
        self._roles: list[_Running] = []

    def start(self) -> None:
        """Create what topics are missing, start Ray, then the roles.

        Raises
        ------
        EqualStreamError
            The log or Ray cannot be used.
        """
        transport = open_transport(self.settings)
        try:
            transport.create_topics(topic_specs(self.settings))
        finally:
            transport.close()
        self._ray = connect(self.settings)
        if not self.settings.ray.address:
            write_cluster_file(self.settings.data_dir, self._ray)
        ray = self.settings.ray.model_copy(update={"address": self._ray.address})
        self.settings = self.settings.model_copy(update={"ray": ray})
        roles = [(ALLOCATOR, 0), (CLUSTERER, 0), *((EMBEDDER, number) for number in range(self._embedders))]
        for role, instance in roles:
            process = start_role(role, self._settings_of(instance), instance)
            self._roles.append(_Running(role, instance, process, time.monotonic()))

    def watch(self) -> None:
        """Start again what failed; call it every half second or so.

        Raises
        ------
        RoleFailed
            A role ended because of its configuration.
        RayUnavailable
            The cluster that was started here is gone: no role could join it again, however often it tried.
        """
        if self._ray is not None and self._ray.lost():
            raise RayUnavailable(
                "Ray on this machine has lost its raylet or its head: start the service again"
            )
        for each in self._roles:
            if each.process.is_alive():
                continue
            if each.process.exitcode == ConfigurationError.exit_code:
                raise RoleFailed(
                    f"the {each.process.name} cannot run with this configuration; its message is above"
                )
            self._start_again(each)

    def run(self, stop: threading.Event) -> None:
        """Watch the roles until `stop` is set."""
        while not stop.is_set():
            self.watch()
            stop.wait(LOOK_SECONDS)

    def stop(self) -> None:
        """Stop the roles, the spender first, then Ray; what does not end in time is killed."""
        for each in self._roles:
            if each.process.is_alive():
                each.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for each in self._roles:
            each.process.join(max(0.1, deadline - time.monotonic()))
            if each.process.is_alive():
                _LOG.warning(
                    "the %s did not stop within %.0f s and is killed", each.process.name, STOP_SECONDS
                )
                each.process.kill()
                each.process.join()
        self._roles.clear()
        if self._ray is not None:
            remove_cluster_file(self.settings.data_dir)
            self._ray.stop()
            self._ray = None

    def alive(self) -> dict[str, bool]:
        """Return whether each role's process lives, by name."""
        return {each.process.name: each.process.is_alive() for each in self._roles}

    def _start_again(self, each: _Running) -> None:
        at = time.monotonic()
        if each.again_at is None:
            each.pause = (
                FIRST_PAUSE if at - each.since > STEADY_SECONDS else min(each.pause * 2, LONGEST_PAUSE)
            )
            each.again_at = at + each.pause
            code = each.process.exitcode
            _LOG.warning("the %s ended with code %s; again in %.0f s", each.process.name, code, each.pause)
        elif at >= each.again_at:
            each.process = start_role(each.role, self._settings_of(each.instance), each.instance)
            each.since, each.again_at = at, None

    def _settings_of(self, instance: int) -> Settings:
        """Return a role's settings: only one process can listen on a given port, others take any."""
        if self.settings.observability.port == 0 and instance == 0:
            return self.settings
        free = self.settings.observability.model_copy(update={"port": 0})
        return self.settings.model_copy(update={"observability": free})
