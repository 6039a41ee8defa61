"""Commands are tested without what the environment of the test run happens to say."""

import os

import pytest


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("EQUAL_STREAM_"):
            monkeypatch.delenv(name)
