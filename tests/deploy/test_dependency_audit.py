"""Known vulnerabilities of the pinned packages: asked of a database that this test plays."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy import dependency_audit
from deploy.dependency_audit import BROKEN, KNOWN, NOT_ASKED, Pin, main, pins
from tests.serving import serving


class Database(ThreadingHTTPServer):
    """Answers as OSV does; `known` maps packages to a vulnerability, `asked` is what was asked about.

    Where it is `half` there, it names vulnerabilities and does not tell what they are.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.known: dict[str, str] = {}
        self.asked: set[Pin] = set()
        self.half = False
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
        if self.server.half:
            self.send_error(500)
            return
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


def test_a_vulnerability_fails_in_ci_though_the_database_does_not_tell_what_it_is(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    database.known, database.half = {"msgspec": "GHSA-bad1"}, True
    assert main(["--if-reachable", "--service-url", database.url]) == KNOWN
    assert "GHSA-bad1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        "a[extra]==1.0 \\",
        "a @ https://packages.invalid/a-1.0-py3-none-any.whl \\",
        "a>=1.0 \\",
        "a === 1.0",
        "-r others.txt",
        "-e .",
        "",
    ],
)
def test_a_lock_in_which_something_is_not_pinned_fails_in_ci(
    line: str,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"# by hand\n{line}\n" + ("    --hash=sha256:00\nb==2.0\n" if line else ""))
    monkeypatch.setattr(dependency_audit, "LOCKS", (lock,))
    assert main(["--if-reachable", "--service-url", database.url]) == BROKEN
    assert str(lock) in capsys.readouterr().err
    assert database.asked == set()


def test_pins_need_no_hash_and_may_hold_for_some_systems_only(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text('a==1.0\nb==2.0 ; python_version < "3.12" \\\n    --hash=sha256:00\nc==1!3+cpu \\\n')
    assert pins([lock]) == [Pin("a", "1.0"), Pin("b", "2.0"), Pin("c", "1!3+cpu")]


def test_a_failure_that_lies_here_is_no_database_out_of_reach(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--if-reachable", "--service-url", "no url"]) == BROKEN
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    assert main(["--if-reachable", "--service-url", database.url]) == BROKEN
    assert "uv cannot be started" in capsys.readouterr().err
