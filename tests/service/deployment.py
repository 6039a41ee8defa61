"""The service as an operator runs it: processes, command lines and a log, all under one directory."""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from equal_stream.observability.run_files import running_roles
from equal_stream.settings_keys import environment_name
from equal_stream.settings_sources import load_settings
from equal_stream.simulate.chance import Chance
from equal_stream.simulate.outcomes import Outcome
from equal_stream.topics import CRAWL
from equal_stream.transport.base import OutgoingRecord, Transport
from equal_stream.transport.factory import open_transport
from tests.service.books import Books

COMMAND = Path(sys.executable).with_name("equal-stream")
LOOK_SECONDS = 0.2
STEADY_SECONDS = 3.0  # nothing moved and nothing is to be done for this long: the service is through
PATIENCE_SECONDS = 150.0  # on a machine that is busy with something else
FAULTS = ("429", "500", "garbage", "hallucinated", "truncated", "refusal", "no_usage", "reset")
RATE = 0.05 / len(FAULTS)
SETTINGS = {
    "llm.model": "simulated",
    "llm.api_key": "not-a-secret",
    "llm.in_mtok_cost": "0.15",
    "llm.out_mtok_cost": "0.60",
    "llm.timeout_seconds": "10",
    "llm.max_output_tokens": "400",
    "observability.log_level": "WARNING",
}


def fault_options(requests: int, *wanted: Outcome) -> dict[str, object]:
    """Return options of a simulated LLM: 5 % faults, by a seed that has these among the first requests."""
    rates = {Outcome(kind): RATE for kind in FAULTS}

    def fates(seed: int) -> set[Outcome]:
        chance = Chance(rates, seed=seed)
        return {chance.draw(number).outcome for number in range(1, requests + 1)}

    seed = next(seed for seed in range(100_000) if fates(seed).issuperset(wanted))
    return {"seed": seed, **{f"rate_{kind}": RATE for kind in FAULTS}}


class Deployment:
    """Processes with common settings.

    Parameters
    ----------
    directory
        Where the data directory and the processes' output go.
    settings
        What an operator would set, by dotted key, such as ``llm.model``.
    environment
        Further variables, such as those a Ray cluster asks for.
    """

    def __init__(
        self, directory: Path, settings: Mapping[str, str], environment: Mapping[str, str] | None = None
    ) -> None:
        self.data_dir = directory / "data"
        self.data_dir.mkdir(parents=True)
        self._flags = {**SETTINGS, "data_dir": str(self.data_dir), **settings}
        outside = {name: value for name, value in os.environ.items() if not name.startswith("EQUAL_STREAM_")}
        exported = {environment_name(tuple(key.split("."))): value for key, value in self._flags.items()}
        quiet = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        self.environment = {**outside, **(environment or {}), **exported, **quiet}
        self._output = directory / "output.txt"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.transport: Transport

    def connect(self) -> Transport:
        """Open the log from here, once there is one."""
        self.settings = load_settings(flags=self._flags)
        self.transport = open_transport(self.settings)
        self.books = Books(self.transport)
        return self.transport

    def attempt(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        """Run a command that ends by itself, and may fail."""
        return subprocess.run(
            [COMMAND, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def tool(self, *arguments: str | Path) -> str:
        """Run a command that ends by itself; return what it prints."""
        done = self.attempt(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start a command that runs until it is stopped."""
        with self._output.open("ab") as output:
            process = subprocess.Popen(
                [COMMAND, *arguments], env=self.environment, stdout=output, stderr=output
            )
        self.processes.append(process)
        return process

    def kill(self, process: "subprocess.Popen[bytes]") -> None:
        """End a process that was started here as a power cut would."""
        self.processes.remove(process)
        process.kill()
        process.wait()

    def stop(self) -> list[int]:
        """Stop what was started, in good order; return the exit codes."""
        for process in self.processes:
            process.terminate()
        codes = []
        for process in self.processes:
            try:
                codes.append(process.wait(60))
            except subprocess.TimeoutExpired:
                process.kill()
                codes.append(process.wait())
        self.processes.clear()
        return codes

    def publish(self, *records: tuple[str, bytes | None]) -> None:
        """Put records into the crawl as a crawler that knows no rules would."""
        producer = self.transport.producer()
        for key, value in records:
            producer.send(OutgoingRecord(CRAWL.name, key.encode(), value))
        producer.close()

    def wait_until(self, held: Callable[[], object], what: str) -> None:
        """Read the log until something holds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (self.books.read(), held())[1]:
            self._require_running()
            assert time.monotonic() < deadline, f"{what}: not in time; {self.said()}"
            time.sleep(LOOK_SECONDS)

    def wait_until_through(self, crawl_records: int) -> None:
        """Read the log until so many crawl records have ended and there is nothing left to buy."""
        steady_since = time.monotonic()

        def through() -> bool:
            nonlocal steady_since
            moved = self.books.read()
            if moved or not self._is_idle(crawl_records):
                steady_since = time.monotonic()
            return time.monotonic() - steady_since > STEADY_SECONDS

        self.wait_until(through, f"{crawl_records} crawl records and what is bought of them")

    def allocator(self) -> dict[str, Any]:
        """Return what the allocator says of itself; empty while it starts."""
        for role in running_roles(self.data_dir):
            if role.role == "allocator":
                with contextlib.suppress(OSError, ValueError):
                    return dict(
                        (json.loads(get(f"{role.url}/status")).get("allocator") or {}).get("status") or {}
                    )
        return {}

    def counter(self, name: str, pid: int | None = None) -> float:
        """Return a counter summed over its labels, and over the processes here or of one of them."""
        total = 0.0
        for role in running_roles(self.data_dir):
            if pid in {None, role.pid}:
                families = text_string_to_metric_families(get(f"{role.url}/metrics"))
                total += sum(
                    each.value for family in families for each in family.samples if each.name == name
                )
        return total

    def said(self) -> str:
        """Return the end of what the processes printed."""
        return self._output.read_text(errors="replace")[-4_000:] if self._output.exists() else ""

    def _is_idle(self, crawl_records: int) -> bool:
        books = self.books
        if books.ended < crawl_records or not books.embedded.keys() <= books.assigned or books.open_tickets:
            return False
        status = self.allocator()
        return bool(status) and not status["in_flight"] and status["idle"] not in {"", "no references"}

    def _require_running(self) -> None:
        for process in self.processes:
            assert process.poll() is None, f"{process.args} ended with {process.returncode}: {self.said()}"


def get(url: str) -> str:
    """Return what a role answers."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())
