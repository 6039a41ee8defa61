"""Only the user of a running service can join its Ray cluster, and only while it runs."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from equal_stream.local.cluster_file import in_running_cluster, remove_cluster_file, write_cluster_file
from equal_stream.ray_runtime import RayConnection
from equal_stream.settings import RaySettings, Settings

TOKEN = "TOKEN_OF_THE_TEST"
CONNECTION = RayConnection("127.0.0.1:4321", {TOKEN: "of a test"})


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv(TOKEN, raising=False)
    return Settings(data_dir=tmp_path)


def test_a_command_joins_the_service_that_runs(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, "")  # put back afterwards
    write_cluster_file(settings.data_dir, CONNECTION)
    assert in_running_cluster(settings).ray.address == "127.0.0.1:4321"
    assert os.environ[TOKEN] == "of a test"
    remove_cluster_file(settings.data_dir)
    assert in_running_cluster(settings) == settings


def test_others_may_not_read_the_token(settings: Settings) -> None:
    write_cluster_file(settings.data_dir, CONNECTION)
    (file,) = (settings.data_dir / "run" / "cluster").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "of a test" not in repr(CONNECTION)


def test_a_cluster_that_is_named_is_taken(settings: Settings) -> None:
    write_cluster_file(settings.data_dir, CONNECTION)
    named = settings.model_copy(update={"ray": RaySettings(address="elsewhere:6379")})
    assert in_running_cluster(named) == named


def test_what_a_killed_service_left_behind_is_passed_over(settings: Settings) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from equal_stream.local.cluster_file import write_cluster_file\n"
        "from equal_stream.ray_runtime import RayConnection\n"
        "write_cluster_file(Path(sys.argv[1]), RayConnection('127.0.0.1:4321'))"
    )
    subprocess.run([sys.executable, "-c", script, settings.data_dir], check=True)
    assert in_running_cluster(settings) == settings
    remove_cluster_file(settings.data_dir)  # not ours: it stays
    assert list((settings.data_dir / "run" / "cluster").iterdir())


def test_a_file_that_is_none_is_passed_over(settings: Settings) -> None:
    write_cluster_file(settings.data_dir, CONNECTION)
    (file,) = (settings.data_dir / "run" / "cluster").iterdir()
    file.write_text("{")
    assert in_running_cluster(settings) == settings
