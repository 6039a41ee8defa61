"""The image: what can be known about it without building it."""

import json
import re
import tomllib

from tests.deploy.locks import ROOT, pins

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
LOGICAL_LINES = re.sub(
    r"\\\n", " ", "\n".join(line for line in DOCKERFILE.splitlines() if not line.startswith("#"))
).splitlines()


def instructions(name: str) -> list[str]:
    return [line.split(None, 1)[1] for line in LOGICAL_LINES if line.split(None, 1)[:1] == [name]]


def last_stage() -> list[str]:
    start = max(index for index, line in enumerate(LOGICAL_LINES) if line.startswith("FROM "))
    return LOGICAL_LINES[start:]


def test_both_stages_come_from_one_base_of_a_fixed_patch_version():
    assert len({base.split()[0] for base in instructions("FROM")}) == 1
    (version,) = instructions("ARG")
    assert re.fullmatch(r"PYTHON_VERSION=3\.11\.\d+", version)
    assert "latest" not in DOCKERFILE


def test_it_runs_as_a_numeric_user_that_is_not_root():
    users = [line.split()[1] for line in last_stage() if line.startswith("USER ")]
    assert users == ["10001:10001"]


def test_every_copied_path_exists_and_is_let_through_to_the_builder():
    allowed = {
        line[1:]
        for line in (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = {
        source
        for words in instructions("COPY")
        if not words.startswith("--from")
        for source in words.split()[:-1]
    }
    assert copied == allowed
    assert all((ROOT / path).exists() for path in copied)


def test_every_installation_checks_hashes_or_brings_nothing_with_it():
    installs = re.findall(r"(?:pip install|pip sync)[^&\n]*", "\n".join(LOGICAL_LINES))
    assert len(installs) == 3
    assert all("--require-hashes" in each or "--no-deps" in each for each in installs)


def test_nothing_of_the_development_set_and_no_index_address_is_in_the_runtime_lock():
    runtime, everything = pins("runtime.txt"), pins("lock.txt")
    assert runtime.items() <= everything.items()
    assert not runtime.keys() & {"pytest", "hypothesis", "ruff", "mypy", "datasets", "kubernetes-validate"}
    text = (ROOT / "requirements" / "runtime.txt").read_text()
    assert "://" not in text
    assert text.count("--hash=sha256:") >= len(runtime)


def test_everything_the_service_depends_on_is_in_the_runtime_lock():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.match(r"[A-Za-z0-9._-]+", each)[0].lower() for each in declared}
    assert names <= pins("runtime.txt").keys()


def test_no_secret_and_no_setting_of_the_service_is_baked_in():
    names = re.findall(r"([A-Z][A-Z_]+)=", " ".join(instructions("ENV")))
    assert not [name for name in names if re.search("KEY|SECRET|PASSWORD|EQUAL_STREAM", name)]


def test_signals_reach_the_service_itself():
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["equal-stream"]
    assert instructions("STOPSIGNAL") == ["SIGTERM"]


def test_the_login_shell_that_starts_ray_finds_it():
    assert any("/opt/equal-stream/bin/ray" in line and "/usr/local/bin/" in line for line in last_stage())
