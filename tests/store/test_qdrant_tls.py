"""A Qdrant server behind TLS: whom the client trusts, with its key, and what it says otherwise."""

import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from qdrant_client import QdrantClient

from equal_stream.checkup.store import store as check_store
from equal_stream.errors import ConfigurationError
from equal_stream.settings import Settings, StoreSettings
from equal_stream.settings_rules import problems, require_role_ready
from equal_stream.store.base import StoreUnavailable
from equal_stream.store.qdrant_calls import QdrantCalls
from equal_stream.store.qdrant_server import open_client
from tests.serving import serving
from tests.store.scripted_server import ScriptedServer


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a certificate for 127.0.0.1 that is its own authority, its key, and another's."""
    directory = tmp_path_factory.mktemp("certificates")
    if shutil.which("openssl") is None:
        reason = "openssl is missing: install it (on Debian: apt-get install openssl)"
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(reason)
        pytest.skip(reason)
    for name in ("server", "other"):
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        made += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        made += ["-keyout", f"{name}.key", "-out", f"{name}.pem"]
        subprocess.run(made, check=True, capture_output=True, cwd=directory)
    return directory


@pytest.fixture
def server(certificates: Path) -> Iterator[ScriptedServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    with serving(ScriptedServer(context)) as running:
        yield running


def at(server: ScriptedServer, ca_file: Path | None, seconds: float = 5) -> Settings:
    return Settings(
        store=StoreSettings(
            url=server.url, ca_file=ca_file, api_key=SecretStr("s3cret"), timeout_seconds=seconds
        )
    )


def test_a_server_whose_authority_is_named_is_trusted_and_gets_the_key(
    server: ScriptedServer, certificates: Path
) -> None:
    assert server.url.startswith("https://")
    open_client(at(server, certificates / "server.pem")).close()
    assert server.keys == ["s3cret"]


@pytest.mark.parametrize("named", [None, "other.pem"])
def test_a_server_that_is_not_trusted_gets_no_key_and_is_not_asked_again(
    server: ScriptedServer, certificates: Path, named: str | None
) -> None:
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="EQUAL_STREAM_STORE__CA_FILE") as refused:
        open_client(at(server, certificates / named if named else None, seconds=60))
    assert time.monotonic() - began < 30  # it was not asked again and again for the minute it may take
    assert server.keys == []
    assert server.url in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_doctor_trusts_whom_the_roles_trust(server: ScriptedServer, certificates: Path) -> None:
    assert check_store(at(server, certificates / "server.pem"))[0] == "ok"
    server.keys.clear()
    verdict, found, advice = check_store(at(server, certificates / "other.pem"))
    assert (verdict, server.keys) == ("failed", [])
    assert "EQUAL_STREAM_STORE__CA_FILE" in found
    assert "store.ca_file" in advice


def test_grpc_trusts_the_same_authority(server: ScriptedServer, certificates: Path) -> None:
    authority = (certificates / "server.pem").read_bytes()
    for known, expected in ((authority, "does not answer|refused"), (None, "not trusted|does not answer")):
        client = QdrantClient(
            url=server.url,
            grpc_port=server.server_port,
            prefer_grpc=True,
            check_compatibility=False,
            timeout=2,
            grpc_options={"root_certificates": known} if known else None,
        )
        with pytest.raises(StoreUnavailable, match=expected):
            QdrantCalls(server.url, 1.0)(lambda client=client: client.collection_exists("passages"))
        client.close()


def test_an_authority_that_is_no_certificate_is_a_configuration_error(tmp_path: Path) -> None:
    nonsense = tmp_path / "authority.pem"
    nonsense.write_text("no certificate")
    settings = Settings(store=StoreSettings(url="https://127.0.0.1:1", ca_file=nonsense))
    with pytest.raises(ConfigurationError, match="no certificate in PEM form"):
        open_client(settings)


def test_an_authority_that_is_not_there_is_said_before_anything_starts(tmp_path: Path) -> None:
    settings = Settings(store=StoreSettings(url="https://127.0.0.1:1", ca_file=tmp_path / "missing.pem"))
    with pytest.raises(ConfigurationError, match=r"store\.ca_file"):
        require_role_ready(settings, "clusterer")
    assert any("store.ca_file" in each for each in problems(settings))


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", ""])
def test_an_authority_for_a_server_without_tls_is_said_before_the_key_goes_out_in_the_clear(
    url: str, certificates: Path
) -> None:
    settings = Settings(store=StoreSettings(url=url, ca_file=certificates / "server.pem"))
    with pytest.raises(ConfigurationError, match="begin it with https://"):
        require_role_ready(settings, "clusterer")
