"""The demo's figures, folded from a log that the test wrote."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console

from equal_stream import topics
from equal_stream.demo.corpus import THEME
from equal_stream.demo.report import BEST, best_pairs, make_report, show, write_files
from equal_stream.demo.tally import DemoTally
from equal_stream.messages import (
    AssignedPassage,
    DocumentOutcome,
    EmbeddedPassage,
    LedgerEntry,
    Message,
    QAPair,
    SourcePosition,
    now,
    pack_vector,
)
from equal_stream.topics import Topic
from equal_stream.transport.base import Transport
from equal_stream.transport.codec import encode
from tests.export.pairs import make_pair, open_log, publish

IN_THEME = f"https://scipy.python-docs.invalid/{THEME}.norm"
ELSEWHERE = "https://other.python-docs.invalid/other.module"
VECTOR = pack_vector(np.ones(4, np.float32) / 2)


class Log:
    """Writes what roles would write."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._producer = transport.producer()

    def write(self, topic: Topic, key: str, message: Message) -> None:
        self._producer.send(encode(message, topic=topic.name, key=key, source="test"))
        self._producer.flush()

    def document(self, url: str, outcome: str = "embedded") -> None:
        source = SourcePosition(topic=topics.CRAWL.name, partition=0, offset=0)
        message = DocumentOutcome(url=url, doc_id=url, outcome=outcome, source=source, at=now())
        self.write(topics.DOCUMENT_OUTCOMES, url, message)

    def passage(self, passage_id: str, url: str, tokens: int, cluster_id: int = 1) -> None:
        common = {"passage_id": passage_id, "doc_id": url, "url": url, "tokens": tokens, "vector": VECTOR}
        embedded = EmbeddedPassage(**common, title="", lang="en", start=0, end=4, text="text", model="m")
        assigned = AssignedPassage(**common, cluster_id=cluster_id, similarity=1.0)
        self.write(topics.EMBEDDED, passage_id, embedded)
        self.write(topics.ASSIGNED, passage_id, assigned)

    def book(self, entry: str, ticket_id: str, tokens: int, url: str = ELSEWHERE) -> None:
        message = LedgerEntry(entry=entry, ticket_id=ticket_id, tokens=tokens, usd=0.0, at=now(), url=url)
        self.write(topics.LEDGER, ticket_id, message)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    transport = open_log(tmp_path)
    yield Log(transport)
    transport.close()


@pytest.fixture
def tally(log: Log) -> Iterator[DemoTally]:
    tally = DemoTally(log.transport)
    yield tally
    tally.close()


def pair(number: int, **changes: object) -> QAPair:
    return msgspec.structs.replace(make_pair(number), **changes)


def test_documents_passages_and_clusters_are_counted_once_each(log: Log, tally: DemoTally) -> None:
    log.document(IN_THEME)
    log.document(ELSEWHERE)
    log.document(f"{ELSEWHERE}.copy", "duplicate")
    log.passage("a", IN_THEME, 30, cluster_id=1)
    log.passage("b", ELSEWHERE, 70, cluster_id=2)
    log.passage("c", ELSEWHERE, 100, cluster_id=2)
    tally.read()
    tally.read()
    assert tally.outcomes == {"embedded": 2, "duplicate": 1}
    assert (tally.documents, tally.passages, tally.assigned) == (3, 3, 3)
    assert (tally.corpus_tokens, tally.theme_tokens) == (200, 30)
    assert set(tally.clusters) == {1, 2}


def test_a_settled_ticket_costs_its_bill_and_no_longer_its_reservation(log: Log, tally: DemoTally) -> None:
    log.book("reserve", "t1", 100, IN_THEME)
    log.book("reserve", "t2", 100)
    tally.read()
    assert (tally.spent, tally.open) == (200, {"t1", "t2"})
    log.book("settle", "t1", 40, IN_THEME)
    log.book("expire", "t2", 0)
    log.book("reserve", "t3", 50)
    tally.read()
    assert (tally.spent, tally.theme_spent, tally.open) == (90, 40, {"t3"})
    assert tally.most_held == 200


def test_a_withdrawn_pair_counts_no_more(log: Log, tally: DemoTally) -> None:
    publish(log.transport, make_pair(1), make_pair(2))
    tally.read()
    first = tally.first_pair_at
    publish(log.transport, "id-0001", make_pair(3), "id-0099")
    tally.read()
    assert set(tally.pairs) == {"id-0002", "id-0003"}
    assert tally.first_pair_at == first is not None


def test_the_cap_is_exceeded_if_it_was_at_any_time(log: Log, tally: DemoTally) -> None:
    log.book("reserve", "t1", 60)
    log.book("reserve", "t2", 60)
    log.book("settle", "t1", 10)
    log.book("settle", "t2", 10)
    tally.read()
    assert make_report(tally, cap=120, began=0.0, ended=1.0).cap_held
    exceeded = make_report(tally, cap=119, began=0.0, ended=1.0)
    assert not exceeded.cap_held
    assert exceeded.spent_tokens == 20


def test_shares_and_concentration_compare_spend_with_corpus(log: Log, tally: DemoTally) -> None:
    log.passage("a", IN_THEME, 50)
    log.passage("b", ELSEWHERE, 950)
    log.book("settle", "t1", 30, IN_THEME)
    log.book("settle", "t2", 90)
    publish(log.transport, pair(1, url=IN_THEME), pair(2, url=f"{ELSEWHERE}.{THEME}.norm"))
    tally.read()
    report = make_report(tally, cap=1_000, began=tally.first_pair_at - 2.5, ended=tally.first_pair_at + 1.5)
    assert report.theme_share_of_corpus == 0.05
    assert report.theme_share_of_spend == 0.25
    assert report.concentration == pytest.approx(5.0)
    assert (report.pairs, report.pairs_in_theme, report.tickets) == (2, 1, 2)
    assert report.seconds_to_first_pair == pytest.approx(2.5)
    assert report.seconds == pytest.approx(4.0)


def test_a_demo_without_anything_has_a_report_all_the_same(tally: DemoTally) -> None:
    report = make_report(tally, cap=10, began=0.0, ended=1.0)
    assert (report.pairs, report.concentration, report.seconds_to_first_pair) == (0, 0.0, None)
    output = io.StringIO()
    show(Console(file=output, width=120), report, [], [])
    assert "no pair came" in output.getvalue()


def test_the_best_pairs_are_of_different_documents(log: Log, tally: DemoTally) -> None:
    many = [pair(number, gain=10.0 - number, doc_id=f"doc-{number // 3}") for number in range(24)]
    publish(log.transport, *reversed(many))
    tally.read()
    best = best_pairs(tally)
    assert [each.qa_id for each in best] == [f"id-{number:04d}" for number in (0, 3, 6, 9, 12)]
    assert len({each.doc_id for each in best}) == BEST


def test_files_hold_every_pair_and_the_figures(log: Log, tally: DemoTally, tmp_path: Path) -> None:
    log.document(IN_THEME)
    publish(log.transport, make_pair(1), make_pair(3), make_pair(2))
    tally.read()
    report = make_report(tally, cap=10, began=0.0, ended=1.0)
    pairs, figures = write_files(tmp_path, report, tally)
    rows = [msgspec.json.decode(line, type=QAPair) for line in pairs.read_bytes().splitlines()]
    assert rows == [make_pair(3), make_pair(2), make_pair(1)]
    assert json.loads(figures.read_text()) == msgspec.to_builtins(report)


def test_what_is_shown_of_a_pair_is_its_text_and_never_markup(log: Log, tally: DemoTally) -> None:
    publish(log.transport, pair(1, question="What does [bold]x[/bold] in a[0] mean?", answer="[/] y " * 100))
    tally.read()
    output = io.StringIO()
    report = make_report(tally, cap=10, began=0.0, ended=1.0)
    show(Console(file=output, width=400), report, best_pairs(tally), [])
    shown = output.getvalue()
    assert "What does [bold]x[/bold] in a[0] mean?" in shown
    assert "[/] y [/] y" in shown
    assert "…" in shown
    assert "https://a.example/1 [3:27]" in shown
