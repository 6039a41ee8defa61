"""What a run breaks: log, LLM, Ray, disk and clock, and the service's processes on them, each replaceable.

On Kafka every role is a process at a post of its own, beside a Ray head; on the embedded log `up` is the
only post, and the roles are told by the files under `<data_dir>/run`.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from deploy.kafka.local_broker import BrokerFailed, LocalBroker, free_ports
from equal_stream.observability.run_files import running_roles
from tests.chaos.clock import Clock
from tests.chaos.disk import SmallDisk
from tests.chaos.llm import Provider
from tests.chaos.ray_head import RayHead, servers
from tests.chaos.schedule import Victim
from tests.chaos.supervisor import Process, Supervisor
from tests.service.deployment import COMMAND, Deployment
from tests.service.documents import THEMES, references, write
from tests.service.processes import carrying, in_session, named

MARK = "CHAOS_RUN"  # variable that every process of a run carries
SESSION_MS = 6_000  # how soon the broker notices that a member is gone
TARGET = THEMES[0]
_BROKER_TRIES = 3
_READY_SECONDS = 300.0
_SETTINGS = {
    "llm.max_concurrent_requests": "8",
    "llm.timeout_seconds": "10",
    "llm.max_retries": "3",
    "embedding.poll_records": "16",  # batches that a kill may come amid
    "kafka.session_timeout_ms": str(SESSION_MS),
    "kafka.transaction_timeout_ms": "10000",  # how soon it ends a transaction that was left open
    "store.timeout_seconds": "20",
    "passages.min_tokens": "8",
}
_ACTORS = {
    Victim.ACTOR: "ray::AllocatorActor",
    Victim.WORKER: "ray::ExtractionActor",
    Victim.STORE: "ray::StoreOwner",
}


class Site:
    """Everything there is; `open` starts it, `stop` ends the service, `close` the rest.

    Parameters
    ----------
    transport
        Which log.
    seed
        Of the LLM's faults.
    settings
        Beyond those above, by dotted key.
    latency
        Mean seconds of an LLM call.
    """

    def __init__(
        self,
        transport: Literal["kafka", "embedded"],
        seed: int,
        settings: Mapping[str, str],
        latency: float = 0.3,
    ) -> None:
        self.transport = transport
        self.directory = Path(tempfile.mkdtemp(prefix="chaos-", dir="/tmp"))
        self.mark = self.directory.name
        self.output = self.directory / "output.txt"
        self.disk = SmallDisk()
        self.clock = Clock(self.directory)
        self.broker = LocalBroker() if transport == "kafka" else None
        self.provider = Provider(self.directory, seed, free_ports(1)[0], latency)
        temporary = self.directory / "t"
        temporary.mkdir()
        common = {MARK: self.mark, "TMPDIR": str(temporary), **self.clock.environment}
        self.head = RayHead({**os.environ, **common}, self.output) if self.broker else None
        deployed = {
            **_SETTINGS,
            **settings,
            "transport": transport,
            "llm.base_url": self.provider.base_url,
            "data_dir": str(self.disk.path / "data"),
        }
        if self.broker and self.head:
            deployed["kafka.bootstrap_servers"] = self.broker.bootstrap
            deployed["ray.address"] = self.head.address
            common |= self.head.environment
        self.service = Deployment(self.disk.path, deployed, common)
        self.supervisor = Supervisor(self._start)

    def open(self, embedders: int = 2) -> None:
        """Start everything, describe the target, and open the posts."""
        self.provider.start()
        self.start_broker()
        if self.head:
            self.head.start()
        self.service.tool("topics", "create")
        target = write(self.directory / "target.jsonl", references(TARGET, 24))
        self.service.tool("reference", "add", TARGET, target)
        if self.head:
            self.head.wait_until_up()
            self.supervisor.add("allocator", "run", "allocator")
            self.supervisor.add("clusterer", "run", "clusterer")
            for number in range(embedders):
                self.supervisor.add(f"embedder-{number}", "run", "embedder")
        else:
            self.supervisor.add("up", "up", "--embedders", str(embedders))
        self.service.connect()

    def wait_until_ready(self) -> None:
        """Wait until the allocator, which takes longest, has begun to work; what ends is replaced."""
        give_up = time.monotonic() + _READY_SECONDS
        while not self.service.allocator():
            self.look()
            if time.monotonic() > give_up:
                raise TimeoutError(f"the allocator was not up after {_READY_SECONDS:.0f} s")
            time.sleep(0.5)

    def start_broker(self) -> None:
        """Start the broker; on a machine that is busy with something else it may take more than one try."""
        for attempt in range(1, _BROKER_TRIES + 1):
            try:
                if self.broker:
                    self.broker.start()
            except BrokerFailed:
                if self.broker is None or attempt == _BROKER_TRIES:
                    raise
                self.broker.kill()
            else:
                return

    def look(self) -> None:
        """Replace what has ended."""
        if self.head:
            self.head.watch()
        self.supervisor.look()

    def pids(self, victim: Victim) -> list[int]:
        """Return the living processes of a kind."""
        if victim in _ACTORS:
            return [pid for pid, name in self._ours().items() if name.startswith(_ACTORS[victim])]
        if victim is Victim.HEAD:
            return servers(self._ours())
        if victim is Victim.SERVICE or self.broker:
            return [each.pid for each in self.supervisor.named(str(victim))]
        roles = running_roles(self.service.data_dir)
        return [each.pid for each in roles if each.role.startswith(str(victim))]

    def stop(self) -> dict[int, str]:
        """End the service and Ray in good order; return what of them still lives after that."""
        self.supervisor.stop()
        if self.head:
            self.head.close()
        left = {pid: named(pid) for pid in carrying(MARK, self.mark)}
        return {pid: command for pid, command in left.items() if command}

    def close(self) -> None:
        """End and remove everything, whatever state it is in, and whatever of it cannot be ended."""
        with contextlib.ExitStack() as steps:  # the last first
            steps.callback(shutil.rmtree, self.directory, ignore_errors=True)
            steps.callback(self.disk.close)
            if self.broker:
                steps.callback(self.broker.close)
            steps.callback(self.provider.stop)
            steps.callback(self._signal_all, signal.SIGKILL)
            if self.head:
                steps.callback(self.head.close)
            steps.callback(self.supervisor.stop)
            steps.callback(self._signal_all, signal.SIGCONT)

    def said(self, characters: int = 4_000) -> str:
        """Return the end of what the processes printed."""
        return self.output.read_text(errors="replace")[-characters:] if self.output.exists() else ""

    def _start(self, _name: str, command: Sequence[str]) -> Process:
        with self.output.open("ab") as output:
            return subprocess.Popen(
                [COMMAND, *command],
                env=self.service.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in carrying(MARK, self.mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _ours(self) -> dict[int, str]:
        if self.head:
            return self.head.members()
        found: dict[int, str] = {}
        for process in self.supervisor.named("up"):
            found |= in_session(process.pid)
        return found
