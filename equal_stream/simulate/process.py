"""A simulated LLM in a process of its own, for as long as a test needs it.

>>> with SimulatedLLM() as llm:
...     llm.audit()["requests"]
0
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_STARTING = 60.0  # seconds a server may take to read its recorded files on a busy machine


class SimulatedLLMFailed(RuntimeError):
    """The server's process ended before it accepted requests; the message is what it said."""


class SimulatedLLM:
    """A running server on a free port; a context manager that stops it in the end.

    The process also ends by itself when the one that started it is gone.

    Parameters
    ----------
    recorded
        Files of recorded pairs.
    api_key
        Required of clients where not empty; handed over in the environment.
    **options
        Any option of ``simulate-llm`` under its Python name: ``faults=0.05, seed=3, audit_file=path``.

    Attributes
    ----------
    base_url
        What to give an OpenAI client: ``http://127.0.0.1:PORT/v1``.
    process
        The server's process, to send signals to.
    """

    base_url: str
    process: "subprocess.Popen[bytes]"

    def __init__(self, recorded: Sequence[Path | str] = (), *, api_key: str = "", **options: object) -> None:
        self._arguments = [argument for path in recorded for argument in ("--recorded", str(path))]
        for name, value in options.items():
            self._arguments += [f"--{name.replace('_', '-')}", str(value)]
        self._environment = os.environ | {"SIMULATE_LLM_API_KEY": api_key}

    def start(self) -> Self:
        """Start the server and wait until it accepts requests.

        Raises
        ------
        SimulatedLLMFailed
            It did not start; the message is what it printed.
        """
        with tempfile.TemporaryDirectory() as folder:
            port_file, errors = Path(folder, "port"), Path(folder, "errors")
            command = [
                sys.executable,
                "-m",
                "equal_stream.simulate",
                "--until-stdin-closes",
                "--port-file",
                str(port_file),
            ]
            with errors.open("wb") as said:
                self.process = subprocess.Popen(  # noqa: S603 - our own module, arguments from the test
                    [*command, *self._arguments],
                    env=self._environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                )
            deadline = time.monotonic() + _STARTING
            while not port_file.exists():
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.kill()
                    raise SimulatedLLMFailed(
                        errors.read_text().strip() or "simulate-llm did not start in time"
                    )
                time.sleep(0.02)
            self._root = f"http://127.0.0.1:{int(port_file.read_text())}"
        self.base_url = f"{self._root}/v1"
        return self

    def audit(self, detail: bool = False) -> dict[str, Any]:
        """Return what was billed so far, with every request where `detail` is true."""
        url = f"{self._root}/audit?detail={int(detail)}"
        with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 - loopback, http
            audit: dict[str, Any] = json.load(response)
        return audit

    def stop(self) -> int:
        """Stop the server as SIGTERM does and return its exit code."""
        self.process.terminate()
        return self._ended()

    def kill(self) -> None:
        """End the server as a power cut would."""
        self.process.kill()
        self._ended()

    def _ended(self) -> int:
        code = self.process.wait(timeout=30)
        if self.process.stdin is not None:
            self.process.stdin.close()
        return code

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
