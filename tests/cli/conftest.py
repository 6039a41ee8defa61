"""Commands are tested without what the environment of the test run happens to say."""

import os
from pathlib import Path

import pytest

from tests.cli.shell import Shell


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("EQUAL_STREAM_"):
            monkeypatch.delenv(name)


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    """Run command lines on a data directory of their own."""
    return Shell(capsys, tmp_path / "data")
