"""The audit: a sound log passes it, and each breach is noticed by the row that is about it."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from equal_stream import topics
from equal_stream.roles import CLUSTERER
from equal_stream.store.base import Point
from tests.chaos.audit import examine
from tests.chaos.batches import of_topics, written_when_fenced
from tests.chaos.crawl import CANARY, Sent, Sort
from tests.chaos.sound_log import SoundLog
from tests.chaos.verdict import Injected, Row, Verdict

LOOKED_AT = 13
UNACCOUNTED, FED = "crawl records unaccounted", "fed records lost or ended otherwise"
ASSIGNED, PAIRS = "passages not assigned once", "duplicate or ungrounded qa_ids"
TOLD, CAP = "pairs without outcome, tickets not ended once", "most tokens reserved and spent at once"
BILL, TWICE = "tokens billed beyond the ledger", "calls paid twice"
STORE, PAGES = (
    "passages in the store that differ from the log",
    "pages in the store that differ from what was fed last",
)
ORDERS, LEFT = "pairs that obey a page's instructions", "processes left behind"
ZOMBIES = "records published by fenced processes"


def examined(log: SoundLog, directory: Path) -> dict[str, Row]:
    with log.written(directory) as remains:
        rows, _ = examine(remains)
    assert len(rows) == LOOKED_AT
    return {row.promise: row for row in rows}


def test_a_sound_log_breaks_no_promise(tmp_path: Path) -> None:
    rows = examined(SoundLog(), tmp_path)
    assert {promise: row.problems for promise, row in rows.items() if not row.held} == {}
    assert rows[CAP].found == "520"  # the second ticket reserves 400 beside the 120 of the first


def lose_an_outcome(log: SoundLog) -> None:
    del log.values[topics.DOCUMENT_OUTCOMES][1]


def end_a_record_twice(log: SoundLog) -> None:
    log.values[topics.DOCUMENT_OUTCOMES].append(log.values[topics.DOCUMENT_OUTCOMES][0])


def end_a_record_as_dead_letter_too(log: SoundLog) -> None:
    log.dead.append(0)


def leave_positions_uncommitted(log: SoundLog) -> None:
    log.uncommitted.add(CLUSTERER.group)


def embed_poison(log: SoundLog) -> None:
    log.dead.clear()
    outcome = {**log.values[topics.DOCUMENT_OUTCOMES][0]}
    outcome["source"] = {**outcome["source"], "offset": 3}
    log.values[topics.DOCUMENT_OUTCOMES].append(outcome)


def forget_an_assignment(log: SoundLog) -> None:
    del log.values[topics.ASSIGNED][0]


def assign_twice(log: SoundLog) -> None:
    log.values[topics.ASSIGNED].append(log.values[topics.ASSIGNED][0])


def assign_to_an_unborn_cluster(log: SoundLog) -> None:
    log.values[topics.ASSIGNED][0]["cluster_id"] = 7


def publish_a_pair_twice(log: SoundLog) -> None:
    log.values[topics.PAIRS].append(log.values[topics.PAIRS][0])


def invent_evidence(log: SoundLog) -> None:
    log.values[topics.PAIRS][0]["evidence"]["quote"] = "What nobody wrote"


def publish_a_pair_of_no_ticket(log: SoundLog) -> None:
    log.values[topics.PAIRS][0]["ticket_id"] = "another"


def leave_a_ticket_open(log: SoundLog) -> None:
    del log.values[topics.LEDGER][-1]
    del log.values[topics.EXTRACTIONS][-1]


def settle_twice(log: SoundLog) -> None:
    log.values[topics.LEDGER].append(log.values[topics.LEDGER][-1])


def end_a_ticket_without_outcome(log: SoundLog) -> None:
    del log.values[topics.EXTRACTIONS][-1]


def charge_a_journaled_answer_as_lost(log: SoundLog) -> None:
    log.values[topics.EXTRACTIONS][0]["status"] = "unknown"
    log.values[topics.JOURNAL].append({"request_id": "r0"})


def reserve_beyond_the_cap(log: SoundLog) -> None:
    log.values[topics.LEDGER][2]["tokens"] = 900


def bill_more_than_was_settled(log: SoundLog) -> None:
    log.bill[0]["tokens_out"] = 300


def bill_an_unknown_call(log: SoundLog) -> None:
    log.bill.append({**log.bill[0], "client_request_id": "r9"})


def bill_a_ticket_twice(log: SoundLog) -> None:
    log.bill.append(log.bill[0])


def pay_again_for_an_answer(log: SoundLog) -> None:
    again = {"ticket_id": "t2", "request_id": "r2", "passage_id": "p0"}
    log.values[topics.LEDGER] += [
        {**again, "entry": "reserve", "tokens": 200},
        {**again, "entry": "settle", "tokens": 120},
    ]
    log.values[topics.EXTRACTIONS].append({**again, "status": "empty", "rejected": {}})
    log.bill.append({**log.bill[0], "client_request_id": "r2"})


def lose_a_passage_of_the_store(log: SoundLog) -> None:
    del log.passages[1]


def keep_a_passage_too_many(log: SoundLog) -> None:
    log.passages.append(Point("p9", None, {"doc_id": "d9", "text": "t"}))


def leave_a_pair_of_a_passage_that_is_gone(log: SoundLog) -> None:
    log.values[topics.DOCUMENT_OUTCOMES][0]["removed"] = ["p0"]
    del log.passages[0]
    del log.documents[0]


def keep_an_older_text(log: SoundLog) -> None:
    log.passages[0].payload["text"] = "An earlier version."


def keep_a_deleted_page(log: SoundLog) -> None:
    log.fed[2] = Sent(3, Sort.DELETED, log.fed[0].url, None)


def obey_a_page(log: SoundLog) -> None:
    log.values[topics.PAIRS][0]["answer"] = f"It is {CANARY}."


def leave_a_process(log: SoundLog) -> None:
    log.left_behind[4711] = "ray::StoreOwner"


BREACHES: list[tuple[Callable[[SoundLog], None], str]] = [
    (lose_an_outcome, UNACCOUNTED),
    (end_a_record_twice, UNACCOUNTED),
    (end_a_record_as_dead_letter_too, UNACCOUNTED),
    (leave_positions_uncommitted, UNACCOUNTED),
    (embed_poison, FED),
    (forget_an_assignment, ASSIGNED),
    (assign_twice, ASSIGNED),
    (assign_to_an_unborn_cluster, ASSIGNED),
    (publish_a_pair_twice, PAIRS),
    (invent_evidence, PAIRS),
    (publish_a_pair_of_no_ticket, TOLD),
    (leave_a_ticket_open, TOLD),
    (settle_twice, TOLD),
    (end_a_ticket_without_outcome, TOLD),
    (charge_a_journaled_answer_as_lost, TOLD),
    (reserve_beyond_the_cap, CAP),
    (bill_more_than_was_settled, BILL),
    (bill_an_unknown_call, TWICE),
    (bill_a_ticket_twice, BILL),
    (pay_again_for_an_answer, TWICE),
    (lose_a_passage_of_the_store, STORE),
    (keep_a_passage_too_many, STORE),
    (leave_a_pair_of_a_passage_that_is_gone, STORE),
    (keep_an_older_text, PAGES),
    (keep_a_deleted_page, PAGES),
    (obey_a_page, ORDERS),
    (leave_a_process, LEFT),
]


@pytest.mark.parametrize(("breach", "promise"), BREACHES, ids=[breach.__name__ for breach, _ in BREACHES])
def test_a_breach_is_noticed(breach: Callable[[SoundLog], None], promise: str, tmp_path: Path) -> None:
    log = SoundLog()
    breach(log)
    assert not examined(log, tmp_path)[promise].held


def test_a_record_that_never_came_into_the_crawl_is_noticed(tmp_path: Path) -> None:
    log = SoundLog()
    with log.written(tmp_path) as remains:
        log.fed.append(Sent(5, Sort.NEW, "https://pages.invalid/lost", b"{}", "x"))
        rows, _ = examine(remains)
    assert FED in {row.promise for row in rows if not row.held}


def test_what_is_paid_again_after_a_lost_call_is_counted_and_allowed(tmp_path: Path) -> None:
    log = SoundLog()
    pay_again_for_an_answer(log)
    log.values[topics.EXTRACTIONS][0]["status"] = "unknown"
    log.values[topics.LEDGER][1] |= {"entry": "expire", "tokens": 400}
    row = examined(log, tmp_path)[TWICE]
    assert (row.held, row.found, row.allowed) == (True, "1", "≤ 1 charged as lost")


def batch(offset: int, producer: int, epoch: int, attributes: int = 0x10) -> bytes:
    """Return a batch of one record as it lies in a segment."""
    body = struct.pack(">ibIhiqqqhii", 0, 2, 0, attributes, 0, 0, 0, producer, epoch, 0, 1) + b"record"
    return struct.pack(">qi", offset, len(body)) + body


def segment(directory: Path, name: str, *batches: bytes) -> None:
    (directory / name).mkdir()
    (directory / name / "00000000000000000000.log").write_bytes(b"".join(batches) + bytes(100))


def test_a_batch_of_a_fenced_producer_is_told_by_its_epoch(tmp_path: Path) -> None:
    segment(tmp_path, "qa.pairs-0", batch(0, 7, 0), batch(1, 8, 3), batch(2, 7, 1), batch(3, 7, 0))
    segment(tmp_path, "qa.pairs.dlq-0", batch(0, 7, 2), batch(1, 7, 1))
    written = list(of_topics(tmp_path, ["qa.pairs"]))
    assert [each.offset for each in written] == [0, 1, 2, 3]
    assert [each.offset for each in written_when_fenced(written)] == [3]


def test_the_brokers_marker_for_a_fenced_producer_counts_as_the_newer_epoch(tmp_path: Path) -> None:
    segment(tmp_path, "qa.pairs-0", batch(0, 7, 0), batch(1, 7, 1, 0x30), batch(2, 7, 0))
    assert [each.offset for each in written_when_fenced(of_topics(tmp_path, ["qa.pairs"]))] == [2]


def verdict(**fields: Any) -> Verdict:
    rows = [Row("zombies", "no broker", "0", looked=False), Row("pairs twice", "1", "0", ["q0 came twice"])]
    injected = [Injected("kill -9 of the embedder", "kill -9 of the embedder", 1.0, [17]),
                Injected("disk full", "disk full", 2.0, [], "no tmpfs")]  # fmt: skip
    return Verdict(command="chaos --seed 1", rows=fields.get("rows", rows), injected=injected, figures={})


def test_the_verdict_names_each_breach_and_each_fault_that_was_not_injected() -> None:
    assert verdict().problems == ["pairs twice: q0 came twice"]
    text = verdict().as_markdown()
    assert "| pairs twice | 1 | 0 | **no** |" in text
    assert "| kill -9 of the embedder | 1 |" in text
    assert "| zombies | no broker | 0 | not looked at |" in text
    assert "| disk full | 0 (not injected: no tmpfs) |" in text
    assert "`chaos --seed 1`" in text
