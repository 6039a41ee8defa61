"""A command line run within the test process, with what it printed."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from equal_stream.cli.app import run


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.out, self.err
        return json.loads(self.out)


class Shell:
    """Runs command lines; `data_dir` is given to each that takes settings."""

    def __init__(self, capsys: pytest.CaptureFixture[str], data_dir: Path) -> None:
        self._capsys = capsys
        self.data_dir = data_dir

    def __call__(self, *arguments: str, data: bool = True) -> Done:
        self._capsys.readouterr()
        code = run([*arguments, *(["--data-dir", str(self.data_dir)] if data else [])])
        printed = self._capsys.readouterr()
        return Done(code, printed.out, printed.err)
