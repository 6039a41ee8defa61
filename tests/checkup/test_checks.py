"""`doctor`: every dependency is tried once; what fails says what to do, and nothing is spent."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from equal_stream.checkup import machine, spending
from equal_stream.checkup.finding import Finding, examine
from equal_stream.checkup.log import transport
from equal_stream.checkup.order import CHECKS
from equal_stream.checkup.store import store
from equal_stream.cli.app import run
from equal_stream.settings import Settings
from equal_stream.settings_sources import load_settings
from equal_stream.store.directory_lock import DirectoryLock
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport

PRICED = {"llm.in_mtok_cost": "0.1", "llm.out_mtok_cost": "0.4", "budget.usd_total": "5"}


class ModelList:
    """An endpoint that lists models to those who have the key, and counts everything else it is asked."""

    def __init__(self) -> None:
        self.status, self.body, self.asked = 200, json.dumps({"data": [{"id": "m"}]}), []
        self.keys: list[str | None] = []
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answers.asked.append(self.path)
                answers.keys.append(self.headers.get("Authorization"))
                self.send_response(answers.status)
                self.end_headers()
                self.wfile.write(answers.body.encode())

            def do_POST(self) -> None:
                answers.asked.append(f"POST {self.path}")

            def log_message(self, *_: Any) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"


@pytest.fixture
def endpoint() -> Iterator[ModelList]:
    models = ModelList()
    thread = threading.Thread(target=models.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield models
    models.server.shutdown()
    models.server.server_close()
    thread.join()


def llm_settings(endpoint: ModelList, **more: str) -> Settings:
    flags = {"llm.base_url": endpoint.url, "llm.model": "m", "llm.api_key": "sk-1"}
    return load_settings(flags=flags | {key.replace("__", "."): value for key, value in more.items()})


def test_this_python_will_do() -> None:
    assert machine.python(Settings())[0] == "ok"


def test_a_data_directory_that_can_be_written_is_ok_even_before_it_exists(tmp_path: Path) -> None:
    directory = tmp_path / "not" / "yet"
    verdict, found, _ = machine.data_directory(Settings(data_dir=directory))
    assert verdict in {"ok", "warning"}
    assert "GiB free" in found
    assert not directory.exists()


def test_a_data_directory_within_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    verdict, _, advice = machine.data_directory(Settings(data_dir=tmp_path / "file" / "data"))
    assert verdict == "failed"
    assert "--data-dir" in advice


def test_the_embedded_log_is_looked_at_and_not_made(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    assert transport(settings)[0] == "ok"
    assert not settings.data_dir.exists()


def test_missing_topics_fail_and_differing_partitions_are_a_warning(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    log = open_transport(settings)
    assert transport(settings)[0] == "failed"
    assert "topics create" in transport(settings)[2]
    log.create_topics(topic_specs(settings))
    assert transport(settings)[0] == "ok"
    more = load_settings(flags={"data_dir": str(tmp_path), "topics.partitions.qa.pairs": "9"})
    assert transport(more)[0] == "warning"
    log.close()


def test_a_broker_that_is_not_named_is_a_finding_and_no_crash() -> None:
    finding = examine("transport", CHECKS["transport"], load_settings(flags={"transport": "kafka"}))
    assert finding.verdict == "failed"
    assert "kafka.bootstrap_servers" in finding.found


def test_the_embedded_store_says_whether_it_is_free_or_at_work(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert "will be made" in store(settings)[1]
    lock = DirectoryLock(tmp_path / "store" / "passages")
    assert "at work" in store(settings)[1]
    lock.release()
    assert store(settings)[1].endswith("free")


def test_a_store_that_does_not_answer_fails() -> None:
    verdict, found, advice = store(load_settings(flags={"store.url": "http://127.0.0.1:9"}))
    assert verdict == "failed"
    assert "store.url" in found
    assert "store.api_key" in advice


def test_the_llm_is_only_asked_for_its_models(endpoint: ModelList) -> None:
    verdict, found, _ = spending.llm(llm_settings(endpoint))
    assert (verdict, found) == ("ok", "the endpoint answers and lists 1 models")
    assert endpoint.asked == ["/v1/models"]
    assert endpoint.keys == ["Bearer sk-1"]


def test_a_model_that_is_not_listed_is_a_warning(endpoint: ModelList) -> None:
    verdict, found, advice = spending.llm(llm_settings(endpoint, llm__model="other"))
    assert (verdict, advice) == ("warning", "check llm.model")
    assert "lists m" in found


@pytest.mark.parametrize(
    ("status", "verdict"), [(401, "failed"), (403, "failed"), (404, "warning"), (500, "warning")]
)
def test_other_answers_of_the_endpoint_are_told_apart(endpoint: ModelList, status: int, verdict: str) -> None:
    endpoint.status = status
    assert spending.llm(llm_settings(endpoint))[0] == verdict


def test_an_answer_that_is_no_list_is_a_warning(endpoint: ModelList) -> None:
    for body in ("<html>", "[]", '{"data": [1]}'):
        endpoint.body = body
        assert spending.llm(llm_settings(endpoint))[0] == "warning"


def test_an_endpoint_that_is_away_fails(endpoint: ModelList) -> None:
    settings = llm_settings(endpoint, llm__base_url="http://127.0.0.1:9/v1")
    assert spending.llm(settings)[0] == "failed"


def test_prices_and_caps_are_told_or_refused(endpoint: ModelList) -> None:
    settings = load_settings(flags={"llm.base_url": endpoint.url, "llm.model": "m", **PRICED})
    assert "at most 5.0 USD in all" in spending.prices_and_caps(settings)[1]
    assert examine("x", CHECKS["prices and caps"], llm_settings(endpoint)).verdict == "failed"
    assert spending.prices_and_caps(Settings())[0] == "ok"


def test_whatever_a_check_raises_is_its_finding() -> None:
    finding = examine("gone", "equal_stream.not_there:check", Settings())
    assert finding == Finding(
        "gone", "failed", "ModuleNotFoundError: No module named 'equal_stream.not_there'"
    )


def test_the_command_exits_with_one_when_something_fails(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, endpoint: ModelList
) -> None:
    common = ["doctor", "--only", "llm", "--only", "prices and caps", "--data-dir", str(tmp_path)]
    assert run(common) == 0
    capsys.readouterr()
    flags = [
        "--set",
        f"llm.base_url={endpoint.url}",
        "--set",
        "llm.model=m",
        "--set",
        "llm.api_key=sk-secret",
    ]
    assert run([*common, *flags, "--json"]) == 1
    printed = capsys.readouterr().out
    assert [finding["verdict"] for finding in json.loads(printed)["findings"]] == ["ok", "failed"]
    assert run([*common, *flags]) == 1
    printed = capsys.readouterr().out
    assert printed.splitlines()[1].startswith("FAILED  prices and caps  llm.in_mtok_cost is not set")
    assert "sk-secret" not in printed


def test_a_check_that_does_not_exist_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--only", "weather"]) == 2
    assert "there is no check weather" in capsys.readouterr().err


@pytest.mark.slow
def test_the_encoder_and_ray_of_this_machine_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--only", "encoder", "--only", "ray", "--json", "--data-dir", str(tmp_path)]) == 0
    encoder, ray = json.loads(capsys.readouterr().out)["findings"]
    assert "384 dimensions" in encoder["found"]
    assert "starts in" in ray["found"]
