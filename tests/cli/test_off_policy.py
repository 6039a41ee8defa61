"""`equal-stream backtest --from-log` on a log that the allocator's core made, over the embedded transport."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from equal_stream.offpolicy.history import Answer, History
from equal_stream.settings import Settings
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport
from tests.cli.shell import Done, Shell
from tests.offpolicy.books import Books
from tests.offpolicy.crawl import Crawl, make_log, setup

PRICES = ("--set", "llm.in_mtok_cost=0.15", "--set", "llm.out_mtok_cost=0.6")


@pytest.fixture(scope="module")
def history() -> History:
    return make_log(Crawl(seed=2), setup(), tickets=60)


class KnownTexts:
    """An encoder that knows the texts of one log."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def encode(self, texts: Sequence[str]) -> "KnownTexts":
        self.vectors = self._books.encode(texts)
        return self


class Log:
    """A service's log under the shell's data directory."""

    def __init__(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        self._shell = shell
        self._patch = monkeypatch

    def write(self, history: History) -> None:
        books = Books(history)

        @contextlib.contextmanager
        def opened(*_: object) -> Iterator[KnownTexts]:
            yield KnownTexts(books)

        self._patch.setattr("equal_stream.backtest.loading.open_encoder", opened)
        settings = Settings(data_dir=self._shell.data_dir)
        transport = open_transport(settings)
        transport.create_topics(topic_specs(settings))
        books.write(transport)
        transport.close()

    def __call__(self, *arguments: str) -> Done:
        return self._shell("backtest", "--from-log", *arguments)


@pytest.fixture
def log(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Log:
    return Log(shell, monkeypatch)


def test_policies_are_estimated_from_the_log(log: Log, history: History, tmp_path: Path) -> None:
    log.write(history)
    output = tmp_path / "result.json"
    options = ("--policy", "calibrated", "random", "--draws", "4", "--output", str(output), "--json")
    done = log(*options, *PRICES)
    assert done.code == 0, done.err
    result = done.json()
    assert result == json.loads(output.read_text())
    gain = sum(answer.outcome.gain for answer in history.answers.values())
    assert result["log"]["gain"] == pytest.approx(gain)
    assert result["log"]["policies"] == {"calibrated": 60}
    own, random = result["policies"]
    assert (own["policy"], random["policy"]) == ("calibrated", "random")
    assert own["gain"] == pytest.approx(gain, rel=0.15)
    assert random["low"] <= random["gain"] <= random["high"]
    assert random["gain"] < own["gain"]
    assert "played 4 of 4 possible worlds" in done.err


def test_people_get_a_table_with_what_the_log_earned(log: Log, history: History) -> None:
    log.write(history)
    done = log("--policy", "retrieval", "--draws", "2", *PRICES)
    assert done.code == 0, done.err
    for shown in ("policy", "estimate", "95 % interval", "what the log earned", "retrieval", "USD"):
        assert shown in done.out


def test_without_a_log_it_says_so(log: Log) -> None:
    done = log(*PRICES)
    assert done.code == 2
    assert "there is no log under" in done.err


def test_a_log_paid_for_in_dollars_needs_prices(log: Log, history: History) -> None:
    log.write(history)
    done = log()
    assert done.code == 2
    assert "the LLM's prices are not set" in done.err


def test_a_log_without_propensities_is_refused(log: Log, history: History) -> None:
    answers = {
        ticket: Answer(msgspec.structs.replace(answer.outcome, propensity=0.0), answer.pairs)
        for ticket, answer in history.answers.items()
    }
    log.write(History(history.events, answers))
    done = log(*PRICES)
    assert done.code == 1
    assert "the log has no propensities" in done.err


def test_too_few_outcomes_are_counted(log: Log) -> None:
    log.write(make_log(Crawl(seed=2), setup(), tickets=10))
    done = log(*PRICES)
    assert done.code == 1
    assert "only 10 billed calls, and an estimate needs 30 or more" in done.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--policy", "oracle"), "no log shows what the oracle would have bought"),
        (("--policy", "clever"), "There is no policy 'clever'"),
        (("--decoys", "0.5"), "--decoys has no meaning with --from-log"),
        (("--output", "/nowhere/result.json"), "is no folder"),
    ],
)
def test_what_makes_no_sense_is_refused_before_the_log_is_read(
    log: Log, arguments: tuple[str, ...], sentence: str
) -> None:
    done = log(*arguments)
    assert done.code != 0
    assert sentence in done.err


def test_what_only_a_log_heeds_is_refused_without_one(shell: Shell) -> None:
    done = shell("backtest", "--draws", "4", "--documents", "crawl.jsonl", "--reference", "target.jsonl")
    assert done.code == 2
    assert "--draws has a meaning with --from-log only" in done.err


def test_a_backtest_of_nothing_names_both_ways(shell: Shell) -> None:
    done = shell("backtest")
    assert done.code == 2
    assert "--documents and --reference" in done.err
    assert "--from-log" in done.err
