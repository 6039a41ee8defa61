"""`equal-stream up` as its operator sees it: one command, real parts, a provider with faults, and its books.

One running service goes through the life of a crawl: pages come, come again unchanged, change, go away,
and some are no pages at all. Each fixture is a stage of that life; tests look at what a stage left.
"""

import base64
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.audit import Verdict, audit, read_all, values
from equal_stream import topics
from equal_stream.simulate.outcomes import Outcome
from equal_stream.simulate.process import SimulatedLLM
from tests.service.deployment import Deployment, fault_options
from tests.service.documents import Page, crawl, page, references, texts, write
from tests.service.processes import carrying, eventually, named

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

THEME = "tides"
PAGES = 20
CAP = 150_000
LONG = page(THEME, 100, sentences=24)  # of several passages
BAD = {
    "https://bad.invalid/json": b"{not json",
    "https://bad.invalid/no-url": b'{"text": "a page without an address"}',
    "https://bad.invalid/neither": b'{"url": "https://bad.invalid/neither"}',
    "https://bad.invalid/type": b'{"url": 7, "text": "the address is a number"}',
    "https://bad.invalid/utf-8": b"\xff\xfe\x00",
}


def edited(original: Page) -> Page:
    """Return the page with another last sentence, and what can be asked about that."""
    kept = original["text"][: original["text"].rstrip(".").rindex(".") + 1]
    sentence = "In the winter of 1911 the harbour master Orvik Tamsen measured a tide of 777 centimetres."
    asked = {"question": "Which tide did Orvik Tamsen measure in 1911?", "answer": "777 centimetres"}
    qa = [each for each in original["qa"] if each["answer"] in kept]
    return {**original, "text": f"{kept} {sentence}", "qa": [*qa, asked]}


@dataclass
class Life:
    """The service, its provider, and what was fed to it."""

    service: Deployment
    llm: SimulatedLLM
    directory: Path
    pages: list[Page]
    fed: int = 0
    verdict: Verdict = field(default_factory=Verdict)

    def feed(self, pages: list[Page], name: str) -> None:
        self.service.tool("ingest", write(self.directory / name, pages))
        self.fed += len(pages)

    def wait(self) -> None:
        self.service.wait_until_through(self.fed)


@pytest.fixture(scope="module")
def temporary() -> Iterator[Path]:
    """The service's directory for temporary files: short, since Ray puts Unix sockets there."""
    directory = Path(tempfile.mkdtemp(prefix="up-"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory, temporary: Path) -> Iterator[Life]:
    """The service after its first crawl."""
    directory = tmp_path_factory.mktemp("up")
    pages = [*crawl(PAGES), LONG]
    recorded = write(directory / "recorded.jsonl", [*pages, edited(LONG)])
    faults = fault_options(15, Outcome.BUSY, Outcome.HALLUCINATED, Outcome.NO_USAGE)
    with SimulatedLLM([recorded], latency=0.05, **faults) as llm:
        service = Deployment(
            directory,
            {"llm.base_url": llm.base_url, "budget.tokens_total": str(CAP)},
            {"TMPDIR": str(temporary)},
        )
        life = Life(service, llm, directory, pages)
        try:
            service.start("up")
            service.tool("reference", "add", THEME, write(directory / "target.jsonl", references(THEME, 12)))
            service.connect()
            life.feed(pages, "crawl.jsonl")
            life.wait()
            life.verdict = audit(service.transport, texts(pages), CAP, llm.audit(detail=True))
            yield life
        finally:
            service.stop()
            service.transport.close()


@dataclass
class Before:
    """What had been done when a stage began."""

    passages: set[str]
    entries: int
    requests: int
    encoded: float
    encoded_tokens: float

    @classmethod
    def of(cls, life: Life) -> "Before":
        return cls(
            set(life.service.books.embedded),
            len(life.service.books.ledger),
            life.llm.audit()["requests"],
            life.service.counter("equal_stream_passages_embedded_total"),
            life.service.counter("equal_stream_encoded_tokens_total"),
        )


def test_every_page_ends_as_passages_and_no_promise_is_broken(crawled: Life) -> None:
    assert crawled.verdict.problems == []
    figures = crawled.verdict.figures
    assert figures["documents_by_end"] == {"embedded": len(crawled.pages)}
    assert figures["pairs"] > len(crawled.pages)
    assert figures["pairs_by_model"] == {"simulated": figures["pairs"]}
    assert 0 < figures["billed_tokens"] <= figures["ledger_tokens"] <= figures["most_tokens_held"] <= CAP


def test_the_providers_faults_are_told_apart(crawled: Life) -> None:
    figures = crawled.verdict.figures
    kinds = crawled.llm.audit()["kinds"]
    assert kinds["429"] >= 1
    assert figures["rejected"]["evidence-not-found"] >= kinds["hallucinated"] >= 1
    assert figures["calls_without_usage"] == kinds["no_usage"] + kinds.get("reset", 0) >= 1
    assert figures["charged_beyond_bill"] > 0  # an unknown bill is charged at its reservation


def test_the_target_is_bought_first(crawled: Life) -> None:
    bought = [entry["url"] for entry in crawled.service.books.ledger if entry["entry"] == "reserve"]
    theirs = sum(f"//{THEME}." in url for url in bought)
    first = sum(f"//{THEME}." in url for url in bought[:theirs])
    assert first > 0.6 * theirs


@pytest.fixture(scope="module")
def recrawled(crawled: Life) -> tuple[Life, Before]:
    """The service after the same pages came again."""
    before = Before.of(crawled)
    crawled.feed(crawled.pages, "again.jsonl")
    crawled.wait()
    return crawled, before


def test_pages_that_did_not_change_cost_nothing(recrawled: tuple[Life, Before]) -> None:
    life, before = recrawled
    assert Before.of(life) == before
    for each in life.pages:
        assert life.service.books.outcomes_of(each["url"]) == ["embedded", "unchanged"]


@pytest.fixture(scope="module")
def changed(recrawled: tuple[Life, Before]) -> tuple[Life, Before]:
    """The service after one page changed, one was deleted, and records came that are no pages."""
    life, _ = recrawled
    before = Before.of(life)
    gone = life.pages[0]["url"]
    assert life.service.books.pairs_of(gone)
    life.feed([edited(LONG)], "edited.jsonl")
    life.service.publish((gone, None), *BAD.items())
    life.fed += 1 + len(BAD)
    life.service.wait_until(lambda: not life.service.books.pairs_of(gone), "withdrawal of a deleted page")
    life.wait()
    return life, before


def test_a_changed_page_gives_up_only_the_passages_that_changed(changed: tuple[Life, Before]) -> None:
    life, before = changed
    books = life.service.books
    assert books.outcomes_of(LONG["url"]) == ["embedded", "unchanged", "embedded"]
    removed = {
        each for outcome in books.outcomes if outcome["url"] == LONG["url"] for each in outcome["removed"]
    }
    new = {each: books.embedded[each] for each in books.embedded.keys() - before.passages}
    kept = (
        {each["passage_id"] for each in books.embedded.values() if each["url"] == LONG["url"]}
        - removed
        - set(new)
    )
    assert removed
    assert kept
    assert {each["url"] for each in new.values()} == {LONG["url"]}
    assert len(new) == life.service.counter("equal_stream_passages_embedded_total") - before.encoded
    assert {each["passage_id"] for each in books.pairs_of(LONG["url"])} <= kept | set(new)
    assert any("777 centimetres" in each["answer"] for each in books.pairs_of(LONG["url"]))


def test_pairs_of_passages_that_went_away_are_withdrawn(changed: tuple[Life, Before]) -> None:
    life, _ = changed
    published = values(read_all(life.service.transport, topics.PAIRS.name))
    removed = {each for outcome in life.service.books.outcomes for each in outcome["removed"]}
    assert life.service.books.withdrawn == {
        pair["qa_id"] for pair in published if pair["passage_id"] in removed
    }
    assert life.service.books.outcomes_of(life.pages[0]["url"]) == ["embedded", "unchanged", "deleted"]


def test_a_record_that_is_no_page_becomes_a_dead_letter_with_its_bytes_and_a_reason(
    changed: tuple[Life, Before],
) -> None:
    life, _ = changed
    letters = json.loads(life.service.tool("dlq", "list", "--json"))
    assert {each["key"]: base64.b64decode(each["value_base64"]) for each in letters} == BAD
    assert all(each["reason"] and each["message"] and each["stage"] == "embedder" for each in letters)
    assert {each["key"]: each["field"] for each in letters}["https://bad.invalid/type"] == "url"


def test_nothing_of_all_this_broke_a_promise(changed: tuple[Life, Before]) -> None:
    life, _ = changed
    of_one_version = [each for each in life.pages if each["url"] != LONG["url"]]
    verdict = audit(life.service.transport, texts(of_one_version), CAP, life.llm.audit(detail=True))
    assert verdict.problems == []


def test_status_and_budget_agree_with_the_log(changed: tuple[Life, Before]) -> None:
    life, _ = changed
    service, books = life.service, life.service.books
    status = json.loads(service.tool("status", "--json"))
    assert [role["role"] for role in status["roles"]] == ["embedder", "clusterer", "allocator"]
    assert all(process["ready"] for role in status["roles"] for process in role["processes"])
    assert sum(sum(role["lag"].values()) for role in status["roles"]) == 0
    assert status["pairs"]["published"] == len(books.pairs)
    assert status["pairs"]["withdrawn"] == len(books.withdrawn)
    assert status["targets"] == {THEME: 12}
    budget = json.loads(service.tool("budget", "--json"))
    spent = sum(entry["tokens"] for entry in books.ledger if entry["entry"] != "reserve")
    assert budget["tokens_spent"] == status["budget"]["tokens_spent"] == spent
    assert budget["tokens_left"] == CAP - spent
    assert budget["tickets_open"] == 0


def test_subscribers_and_exports_take_the_pairs(changed: tuple[Life, Before], tmp_path: Path) -> None:
    service, books = changed[0].service, changed[0].service.books
    lines = service.tool("subscribe", "--limit", "5", "--format", "jsonl").splitlines()
    subscribed = [pair for pair in map(json.loads, lines) if "question" in pair]
    assert len(subscribed) == 5
    file = tmp_path / "train.jsonl"
    service.tool("export", "--format", "messages", "--output", file)
    rows = [json.loads(line)["messages"] for line in file.read_text().splitlines()]
    assert sorted((user["content"], assistant["content"]) for user, assistant in rows) == sorted(
        (pair["question"], pair["answer"]) for pair in books.pairs.values()
    )


def test_sigterm_ends_everything_and_leaves_no_process_behind(
    changed: tuple[Life, Before], temporary: Path
) -> None:
    service = changed[0].service
    ours = processes_of(service)
    assert any("raylet" in command for command in ours.values())
    began = time.monotonic()
    assert service.stop() == [0]
    assert time.monotonic() - began < 60
    assert eventually(lambda: not any(map(named, ours)), seconds=20)
    assert processes_of(service) == {}
    assert list(temporary.glob("ray-*")) == []
    assert list((service.data_dir / "run").glob("*.json")) == []
    assert service.books.open_tickets == set()


def processes_of(service: Deployment) -> dict[int, str]:
    """Return the processes of a service, but not this one's, with their command lines."""
    return {pid: named(pid) for pid in carrying("EQUAL_STREAM_DATA_DIR", str(service.data_dir))}
