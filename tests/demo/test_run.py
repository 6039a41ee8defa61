"""The demo itself, made small: it runs on this machine, ends by itself and leaves what it says it leaves."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.audit import audit, read_all
from equal_stream import topics
from equal_stream.messages import CrawledDocument, QAPair
from equal_stream.settings import Settings
from equal_stream.transport.base import Transport
from equal_stream.transport.codec import decode
from equal_stream.transport.factory import open_transport
from tests.demo.conftest import SMALL
from tests.service.processes import carrying, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

CAP = 4_000
SCRIPT = f"""
import sys
from pathlib import Path
from rich.console import Console
from equal_stream.demo import run
from equal_stream.settings import Settings

if __name__ == "__main__":
    run.DOCUMENTS, run.CAP_TOKENS, run.TICKETS_PER_MINUTE = {SMALL}, {CAP}, 1_000
    run.LONGEST_SECONDS = 240.0  # where the machine is busy with something else
    directory = Path(sys.argv[1])
    directory.mkdir()
    run.run_demo(Settings(), directory, Console(width=100, force_terminal=False))
"""


@dataclass
class Ended:
    """A demo that ended."""

    code: int
    printed: str
    directory: Path
    transport: Transport

    def pairs(self) -> list[QAPair]:
        lines = (self.directory / "pairs.jsonl").read_bytes().splitlines()
        return [msgspec.json.decode(line, type=QAPair) for line in lines]

    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads((self.directory / "report.json").read_text())
        return report


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    """The small demo, run to its end in a process of its own."""
    directory = tmp_path_factory.mktemp("demo")
    (directory / "small.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, directory / "small.py", directory / "run"],
        env={**os.environ, "OMP_NUM_THREADS": "1", "DEMO_OF": str(directory)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    transport = open_transport(Settings(data_dir=directory / "run" / "data"))
    yield Ended(done.returncode, done.stdout, directory / "run", transport)
    transport.close()


def test_it_ends_well_by_itself_and_leaves_no_process_behind(ended: Ended) -> None:
    assert ended.code == 0, ended.printed
    assert eventually(lambda: not carrying("DEMO_OF", str(ended.directory.parent)), seconds=20)


def test_it_crawls_the_documentation_that_is_installed_here(
    ended: Ended, small_corpus: list[CrawledDocument]
) -> None:
    crawled = [decode(each, CrawledDocument) for each in read_all(ended.transport, topics.CRAWL.name)]
    assert sorted(crawled, key=lambda each: each.url) == sorted(small_corpus, key=lambda each: each.url)


def test_no_promise_is_broken(ended: Ended, small_corpus: list[CrawledDocument]) -> None:
    texts = {each.url: each.text or "" for each in small_corpus}
    assert audit(ended.transport, texts, CAP).problems == []


def test_pairs_are_grounded_and_in_order_of_what_they_add(
    ended: Ended, small_corpus: list[CrawledDocument]
) -> None:
    texts = {each.url: each.text or "" for each in small_corpus}
    pairs = ended.pairs()
    assert pairs
    for pair in pairs:
        evidence = pair.evidence
        assert texts[pair.url][evidence.start : evidence.end] == evidence.quote
    assert [pair.gain for pair in pairs] == sorted((pair.gain for pair in pairs), reverse=True)


def test_the_report_says_what_the_log_says(ended: Ended, small_corpus: list[CrawledDocument]) -> None:
    report = ended.report()
    figures = audit(ended.transport, {}, CAP).figures
    assert report["documents"] == len(small_corpus) == figures["crawl_records"]
    assert report["outcomes"] == figures["documents_by_end"]
    assert report["passages"] == figures["passages"]
    assert report["corpus_tokens"] == figures["passage_tokens"]
    assert report["pairs"] == figures["pairs"] == len(ended.pairs())
    assert report["tickets"] == figures["tickets"]
    assert report["spent_tokens"] == figures["ledger_tokens"] <= report["cap_tokens"] == CAP
    assert report["cap_held"] is True


def test_it_prints_the_figures_five_pairs_and_where_the_files_are(ended: Ended) -> None:
    report = ended.report()
    assert f"{report['spent_tokens']:,} of {CAP:,} tokens: the cap held" in ended.printed
    assert f"{report['concentration']:.1f} times its share" in ended.printed
    assert str(ended.directory / "pairs.jsonl") in ended.printed
    assert ended.printed.count("source https://") == min(5, len({pair.doc_id for pair in ended.pairs()}))
