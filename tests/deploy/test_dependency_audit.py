"""Known vulnerabilities of the pinned packages: asked of a database that this test plays."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploy.dependency_audit import KNOWN, NOT_ASKED, Pin, main, pins
from tests.serving import serving


class Database(ThreadingHTTPServer):
    """Answers as OSV does; `known` maps packages to a vulnerability, `asked` is what was asked about."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.known: dict[str, str] = {}
        self.asked: set[Pin] = set()
        self.url = f"http://127.0.0.1:{self.server_port}/"


class _Answering(BaseHTTPRequestHandler):
    server: Database

    def do_POST(self) -> None:
        queries = json.loads(self.rfile.read(int(self.headers["content-length"])))["queries"]
        results = []
        for query in queries:
            pin = Pin(query["package"]["name"], query["version"])
            self.server.asked.add(pin)
            known = self.server.known.get(pin.name)
            results.append({"vulns": [{"id": known, "modified": "2026-01-01T00:00:00Z"}]} if known else {})
        self._say({"results": results})

    def do_GET(self) -> None:
        identity = self.path.rpartition("/")[2]
        self._say(
            {"id": identity, "summary": "it is bad", "modified": "2026-01-01T00:00:00Z", "affected": []}
        )

    def _say(self, answer: object) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def database() -> Iterator[Database]:
    with serving(Database()) as running:
        yield running


def test_every_pinned_package_is_asked_about_and_nothing_known_passes(database: Database) -> None:
    assert main(["--service-url", database.url]) == 0
    assert database.asked == set(pins())
    assert {"ray", "qdrant-client", "kafka-python", "uv"} <= {pin.name for pin in database.asked}


def test_a_known_vulnerability_fails_and_is_named(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    database.known = {"msgspec": "GHSA-bad1"}
    assert main(["--if-reachable", "--service-url", database.url]) == KNOWN
    said = capsys.readouterr().out
    assert "msgspec" in said
    assert "GHSA-bad1: it is bad" in said
    assert main(["--ignore", "GHSA-bad1", "--service-url", database.url]) == 0


def test_a_database_that_cannot_be_asked_is_no_clean_bill(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = "http://127.0.0.1:9/"
    assert main(["--service-url", nobody]) == NOT_ASKED
    assert "NOT audited" in capsys.readouterr().err
    assert main(["--if-reachable", "--service-url", nobody]) == 0
    assert "NOT audited" in capsys.readouterr().err
