"""Lives as children of one process that has loaded everything, so that a life costs a fork and no imports.

As a program it reads a `Life` as JSON from each line of its input, lives it in a child, and prints the
child's exit code.
"""

import os
import subprocess
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from equal_stream.embedding.language import identify
from tests.crashes.life import Life, live
from tests.embedding.world import minilm_tokens


class LifeFailed(AssertionError):
    """A life neither ended in good order nor where it was told to; the message is what it said."""


class Nursery:
    """A process that gives lives; a context manager. `said` is where they print."""

    def __init__(self, said: Path) -> None:
        self._said = said

    def __enter__(self) -> Self:
        with self._said.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.crashes.nursery"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def live(self, life: Life) -> int:
        """Live a life and return its exit code."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(life) + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer.strip():
            raise LifeFailed(f"the nursery ended: {self.said()}")
        return int(answer)

    def said(self) -> str:
        """Return the end of what the lives printed."""
        return self._said.read_text(errors="replace")[-4_000:]


def _child(life: Life) -> int:
    """Live in a child; return its exit code as the shell would tell it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        live(life)
    except BaseException:  # noqa: BLE001 - whatever it was, the child ends here
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main() -> None:
    """Give lives until the input ends."""
    minilm_tokens()
    identify("Loads the language models.", "")
    for line in sys.stdin.buffer:
        print(_child(msgspec.json.decode(line, type=Life)), flush=True)


if __name__ == "__main__":
    main()
