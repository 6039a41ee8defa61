"""Lives as children of one process that has loaded everything, so that a life costs a fork and no imports.

As a program it reads a number and a `Life` as JSON from each line of its input, lives it beside the others,
and prints the number and the exit code.
"""

import os
import signal
import subprocess
import sys
import threading
import traceback
from concurrent.futures import Future
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
    """A process that gives lives, any number at once; a context manager.

    Parameters
    ----------
    said
        Where the lives print.
    """

    def __init__(self, said: Path) -> None:
        self._said = said
        self._writing = threading.Lock()
        self._waiting: dict[int, Future[int]] = {}
        self._count = 0

    def __enter__(self) -> Self:
        with self._said.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.crashes.nursery"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
            )
        self._reader = threading.Thread(target=self._read, name="nursery")
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._reader.join()
        self._process.wait()

    def live(self, life: Life) -> int:
        """Live a life and return its exit code."""
        assert self._process.stdin is not None
        ended: Future[int] = Future()
        with self._writing:
            self._count += 1
            self._waiting[self._count] = ended
            self._process.stdin.write(b"%d %s\n" % (self._count, msgspec.json.encode(life)))
            self._process.stdin.flush()
        return ended.result()

    def said(self) -> str:
        """Return the end of what the lives printed."""
        return self._said.read_text(errors="replace")[-4_000:]

    def _read(self) -> None:
        """Hand exit codes to those who wait for them, until the process and all its children are gone."""
        assert self._process.stdout is not None
        with self._process.stdout as answers:
            for line in answers:
                number, code = map(int, line.split())
                self._waiting.pop(number).set_result(code)
        for ended in self._waiting.values():
            ended.set_exception(LifeFailed(f"the nursery ended: {self.said()}"))


def _tell(number: int, life: Life) -> None:
    """Live in a child, and print how it ended."""
    child = os.fork()
    if child:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(sys.stdout.fileno(), b"%d %d\n" % (number, code))
        return
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
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever has told of a life is not waited for
    for line in sys.stdin.buffer:
        number, _, life = line.partition(b" ")
        if not os.fork():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _tell(int(number), msgspec.json.decode(life, type=Life))
            os._exit(0)


if __name__ == "__main__":
    main()
