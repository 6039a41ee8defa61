"""The calendar clock of the processes under test, stepped by a small library that is preloaded into them."""

import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).with_name("clock_skew.c")


class Clock:
    """The clock of every process that runs with `environment`.

    Attributes
    ----------
    why_not
        Why it cannot be stepped here, in one sentence; then `environment` is empty.
    """

    def __init__(self, directory: Path) -> None:
        self._offset = directory / "clock"
        self.environment: Mapping[str, str] = {}
        self.step(0)
        compiler = shutil.which("cc") or shutil.which("gcc")
        self.why_not = "" if compiler else "no C compiler is on the PATH to make the preloaded clock"
        if compiler:
            library = directory / "clock_skew.so"
            subprocess.run(
                [compiler, "-O2", "-shared", "-fPIC", "-o", library, SOURCE], check=True, capture_output=True
            )
            self.environment = {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(self._offset)}

    def step(self, seconds: int) -> None:
        """Set how far the clock is off, for running processes too."""
        with self._offset.open("r+b" if self._offset.exists() else "wb") as file:
            file.write(struct.pack("<q", seconds))
