"""`run`: one role as a process, with probes while it runs and a good end when it is told to stop."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from equal_stream.observability.run_files import running_roles
from tests.cli.shell import Shell


@pytest.mark.parametrize("role", ["embedder", "allocator"])
def test_a_role_that_needs_a_shared_store_says_so_before_anything_starts(shell: Shell, role: str) -> None:
    done = shell("run", role)
    assert done.code == 2
    assert "store.url" in done.err
    assert not shell.data_dir.exists()


def test_a_broker_that_is_missing_is_said_in_one_sentence(shell: Shell) -> None:
    done = shell("run", "clusterer", "--set", "transport=kafka")
    assert done.code == 2
    assert len(done.err.splitlines()) == 1


def test_the_clusterer_runs_until_it_is_told_to_stop(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "equal_stream", "run", "clusterer", "--data-dir", str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        while not (roles := running_roles(tmp_path)):
            assert process.poll() is None
            time.sleep(0.05)
        url = roles[0].url
        while httpx.get(f"{url}/readyz", trust_env=False).status_code != 200:
            assert process.poll() is None
            time.sleep(0.05)
        assert httpx.get(f"{url}/healthz", trust_env=False).json()["alive"] is True
        assert "equal_stream_ready" in httpx.get(f"{url}/metrics", trust_env=False).text
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    lines = [json.loads(line) for line in errors.splitlines()]
    assert {line["role"] for line in lines} == {"clusterer"}
    assert lines[-1]["message"] == "clusterer stopped in good order"
    assert running_roles(tmp_path) == []
