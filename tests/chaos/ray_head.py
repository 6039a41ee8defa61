"""A Ray head as a process of its own, on its own ports, which can be killed and comes back."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from ray.util import get_node_ip_address

from deploy.kafka.local_broker import free_ports
from tests.service.processes import in_session

_RAY = Path(sys.executable).with_name("ray")
_UP_SECONDS = 90.0
_STOP_SECONDS = 20.0
_OBJECT_STORE_BYTES = 200 << 20
_PORTS = (
    *("port", "ray-client-server-port", "dashboard-port", "dashboard-agent-listen-port"),
    *("dashboard-agent-grpc-port", "runtime-env-agent-port", "metrics-export-port", "node-manager-port"),
    "object-manager-port",
)


class RayHead:
    """One head; `address` stays the same through all of its lives.

    Attributes
    ----------
    environment
        What a process needs in order to join.
    """

    def __init__(self, environment: Mapping[str, str], output: Path) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="rc-", dir="/tmp"))  # sockets' paths are short
        self._ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        host: str = get_node_ip_address()  # type: ignore[no-untyped-call]
        self.address = f"{host}:{self._ports['port']}"
        self._at = (host, self._ports["port"])
        self.environment = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_DISABLE_FAILURE_SIGNAL_HANDLER": "1",
            "RAY_worker_niceness": "0",
        }
        self._environment = {**environment, **self.environment}
        self._output = output
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and do not wait: whoever joins waits by himself."""
        self._was_up, self._since = False, time.monotonic()
        ports = [word for name, port in self._ports.items() for word in (f"--{name}", str(port))]
        command = [str(_RAY), "start", "--head", "--block", "--num-cpus", "1", "--disable-usage-stats"]
        command += ["--include-dashboard", "false", "--include-log-monitor", "false"]
        command += ["--object-store-memory", str(_OBJECT_STORE_BYTES), "--temp-dir", str(self._directory)]
        with self._output.open("ab") as output:
            self.process = subprocess.Popen(
                [*command, *ports],
                env=self._environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def wait_until_up(self) -> None:
        """Wait until its address answers."""
        give_up = time.monotonic() + _UP_SECONDS
        while time.monotonic() < give_up:
            try:
                socket.create_connection(self._at, timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise TimeoutError(f"no Ray head answers at {self.address}: see {self._output}")

    def members(self) -> dict[int, str]:
        """Return its processes, the workers' among them, with what they are."""
        return in_session(self.process.pid) if self.process else {}

    def watch(self) -> bool:
        """Start it again where its server or itself is gone, as a pod is; return whether it was."""
        if self.process and self.process.poll() is None:
            self._was_up |= bool(servers(self.members()))
            late = not self._was_up and time.monotonic() - self._since > _UP_SECONDS
            if not late and (not self._was_up or servers(self.members())):
                return False
        self.end(signal.SIGKILL)
        self.start()
        return True

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it and everything it started."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        for pid in self.members():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()
        self.process = None

    def close(self) -> None:
        """End it and remove its directory."""
        self.end()
        shutil.rmtree(self._directory, ignore_errors=True)


def servers(members: Mapping[int, str]) -> list[int]:
    """Return those of a head's processes, given with their command lines, that are the head proper."""
    return [pid for pid, name in members.items() if name.split(" ")[0].endswith("gcs_server")]
