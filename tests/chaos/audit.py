"""The audit of a chaos run: what was fed, what the log, the store and the LLM's books say of it.

Each function looks at one promise and returns its row of the verdict. Nothing here asks the service.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import audit as running
from bench import audit_at_rest as resting
from bench.audit import read_all, values
from equal_stream import topics
from equal_stream.ids import doc_id
from equal_stream.store.base import Point
from equal_stream.transport.base import Transport
from tests.chaos.batches import of_topics, written_when_fenced
from tests.chaos.crawl import CANARY, Sent, Sort
from tests.chaos.feeder import NUMBER
from tests.chaos.verdict import Row

_ENDS: Mapping[Sort, set[str]] = {
    Sort.DELETED: {"deleted", "superseded"},
    Sort.SHORT: {"filtered"},
    Sort.POISON: {"dead letter"},
}
_PAGE_ENDS = {"embedded", "unchanged", "duplicate", "superseded"}
_WRITTEN = (
    *(topics.DOCUMENT_OUTCOMES, topics.EMBEDDED, topics.ASSIGNED, topics.CLUSTER_EVENTS),
    *(topics.LEDGER, topics.EXTRACTIONS, topics.PAIRS),
)


@dataclass(frozen=True)
class Remains:
    """What is looked at when all is over; what is not there is not judged, and the verdict says so.

    Attributes
    ----------
    fed
        What was sent to the crawl, in order.
    cap
        In tokens.
    bill
        The LLM's books.
    passages, documents
        Every point of the store.
    broker_log
        The broker's directory of partitions, as far as it is on this machine.
    left_behind
        Processes of the run that still live, with what they are.
    """

    transport: Transport
    fed: Sequence[Sent] = ()
    cap: int | None = None
    bill: Mapping[str, Any] | None = None
    passages: Sequence[Point] | None = None
    documents: Sequence[Point] | None = None
    broker_log: Path | None = None
    left_behind: Mapping[int, str] = field(default_factory=dict)


def examine(remains: Remains) -> tuple[list[Row], dict[str, Any]]:
    """Return a row for each promise, and the figures."""
    figures: dict[str, Any] = {}
    judges: list[Callable[[Remains, dict[str, Any]], Row]] = [
        accounted,
        as_fed,
        assigned,
        pairs_once,
        pairs_told,
        within_cap,
        bill_in_ledger,
        paid_once,
        zombies,
        in_store,
        as_last_fed,
        no_orders,
        nothing_left,
    ]
    return [judge(remains, figures) for judge in judges], figures


def accounted(remains: Remains, figures: dict[str, Any]) -> Row:
    """Every record of the crawl ends exactly once, and all were read."""
    verdict = running.Verdict()
    running.check_documents(remains.transport, verdict)
    figures |= verdict.figures
    problems = [*verdict.problems, *resting.unread(remains.transport)]
    found = f"{len(problems)} kinds" if problems else f"0 of {verdict.figures['crawl_records']}"
    return Row("crawl records unaccounted", found, "0", problems)


def as_fed(remains: Remains, figures: dict[str, Any]) -> Row:
    """Everything that was fed is in the crawl, and ended as such a record can."""
    where = {sent.number: sent for sent in remains.fed}
    number_at: dict[tuple[int, int], int] = {}
    for record in read_all(remains.transport, topics.CRAWL.name):
        number = dict(record.headers).get(NUMBER)
        if number is not None:
            number_at[record.partition, record.offset] = int(number)
    missing = where.keys() - number_at.values()
    odd = [
        f"record {number_at[at]} ({where[number_at[at]].sort}) ended as {end}"
        for at, end in _ends(remains.transport).items()
        if number_at.get(at) in where and end not in _ENDS.get(where[number_at[at]].sort, _PAGE_ENDS)
    ]
    figures["fed"] = dict(Counter(str(sent.sort) for sent in remains.fed))
    problems = [f"{len(missing)} fed records never came into the crawl"] if missing else []
    return Row("fed records lost or ended otherwise", str(len(missing) + len(odd)), "0", problems + odd[:5])


def _ends(transport: Transport) -> dict[tuple[int, int], str]:
    """Return how each crawl record ended, by partition and offset."""
    ends: dict[tuple[int, int], str] = {}
    for outcome in values(read_all(transport, topics.DOCUMENT_OUTCOMES.name)):
        ends[outcome["source"]["partition"], outcome["source"]["offset"]] = outcome["outcome"]
    for record in read_all(transport, topics.dead_letter(topics.CRAWL.name)):
        about = dict(record.headers)
        ends[int(about["dlq_partition"]), int(about["dlq_offset"])] = "dead letter"
    return ends


def assigned(remains: Remains, figures: dict[str, Any]) -> Row:
    """Every passage is assigned exactly as often as it was published."""
    verdict = running.Verdict()
    running.check_passages(remains.transport, verdict)
    figures |= verdict.figures
    problems = [*verdict.problems, *resting.assignments(remains.transport)]
    return Row("passages not assigned once", str(len(problems)), "0", problems)


def pairs_once(remains: Remains, figures: dict[str, Any]) -> Row:
    """Each qa_id is published once while it is in force, on evidence that stands in its passage."""
    verdict = running.Verdict()
    embedded = values(read_all(remains.transport, topics.EMBEDDED.name))
    running.check_pairs(remains.transport, verdict, {}, {each["passage_id"]: each for each in embedded})
    figures |= verdict.figures
    return Row("duplicate or ungrounded qa_ids", str(len(verdict.problems)), "0", verdict.problems)


def pairs_told(remains: Remains, figures: dict[str, Any]) -> Row:
    """Each pair has the outcome of its ticket, and each ticket is reserved and ended once."""
    verdict, _ = _money(remains, None)
    figures |= verdict.figures
    if verdict.figures["tickets_open"]:
        verdict.problems.append(f"{verdict.figures['tickets_open']} tickets never ended")
    problems = verdict.problems + resting.unused_answers(remains.transport)
    return Row("pairs without outcome, tickets not ended once", str(len(problems)), "0", problems)


def within_cap(remains: Remains, figures: dict[str, Any]) -> Row:
    """Reserved and spent are within the cap at every record of the ledger."""
    verdict, _ = _money(remains, remains.cap)
    most, cap = verdict.figures["most_tokens_held"], remains.cap
    figures |= {"most_tokens_held": most, "cap_tokens": cap}
    over = [each for each in verdict.problems if "under a cap" in each]
    return Row("most tokens reserved and spent at once", f"{most:,}", f"≤ {cap:,}" if cap else "no cap", over)


def _money(remains: Remains, cap: int | None) -> tuple[running.Verdict, dict[str, dict[str, Any]]]:
    verdict = running.Verdict()
    outcomes = values(read_all(remains.transport, topics.EXTRACTIONS.name))
    pairs = values(read_all(remains.transport, topics.PAIRS.name))
    return verdict, running.check_money(remains.transport, verdict, pairs, cap, outcomes)


def bill_in_ledger(remains: Remains, figures: dict[str, Any]) -> Row:
    """The ledger is never below the LLM's bill, call by call, and no ticket is billed twice."""
    promise, allowed = "tokens billed beyond the ledger", "≤ 0"
    if remains.bill is None:
        return Row(promise, "no books of the LLM", allowed, looked=False)
    verdict, charged = _money(remains, None)
    outcomes = values(read_all(remains.transport, topics.EXTRACTIONS.name))
    lost = {outcome["request_id"] for outcome in outcomes if outcome["status"] == "unknown"}
    told = running.Verdict()
    running.check_bill(told, charged, remains.bill, lost)
    figures |= told.figures | {"llm_kinds": dict(remains.bill.get("kinds", {}))}
    beyond = told.figures["billed_tokens"] - verdict.figures["ledger_tokens"]
    if beyond > 0:
        told.problems.append(f"{beyond} tokens were billed that the ledger does not have")
    return Row(promise, f"{beyond:,}", allowed, told.problems)


def paid_once(remains: Remains, figures: dict[str, Any]) -> Row:
    """A second call for a passage was made only after one that was lost, and charged in full as such."""
    promise = "calls paid twice"
    if remains.bill is None:
        return Row(promise, "no books of the LLM", "those charged as lost", looked=False)
    twice, problems = resting.paid_again(remains.transport, remains.bill["detail"], unusable=True)
    outcomes = values(read_all(remains.transport, topics.EXTRACTIONS.name))
    lost = sum(each["status"] == "unknown" for each in outcomes)
    figures |= {"calls_charged_as_lost": lost, "calls_paid_twice": twice}
    if twice > lost:
        problems.append(f"{twice} calls were paid twice, of which {lost} were charged as lost")
    return Row(promise, str(twice), f"≤ {lost} charged as lost", problems)


def zombies(remains: Remains, figures: dict[str, Any]) -> Row:
    """No producer wrote after it was fenced."""
    promise = "records published by fenced processes"
    if remains.broker_log is None:
        return Row(promise, "no files of a broker here", "0", looked=False)
    batches = list(of_topics(remains.broker_log, [topic.name for topic in _WRITTEN]))
    written = written_when_fenced(batches)
    figures |= {
        "batches": len(batches),
        "producers": len({each.producer for each in batches if each.transactional}),
    }
    count = sum(each.records for each in written)
    where = [f"{each.partition} at {each.offset}" for each in written[:5]]
    return Row(promise, str(count), "0", [f"{count} records, such as {where}"] if written else [])


def in_store(remains: Remains, figures: dict[str, Any]) -> Row:
    """The store holds the passages that the log leaves, and pairs in force are of those."""
    promise = "passages in the store that differ from the log"
    if remains.passages is None or remains.documents is None:
        return Row(promise, "no store", "0", looked=False)
    stored = sorted(point.id for point in remains.passages)
    named = sorted(id_ for point in remains.documents for id_ in point.payload.get("passages", ()))
    figures["passages_stored"] = len(stored)
    problems = resting.stored_passages(remains.transport, stored, named)
    problems += resting.pairs_in_force(remains.transport, stored)
    found = str(len(problems)) if problems else f"0 of {len(stored)}"
    return Row(promise, found, "0", problems)


def as_last_fed(remains: Remains, figures: dict[str, Any]) -> Row:
    """Of each page the store holds what was fed last: its text, or nothing where it was deleted or copied."""
    promise = "pages in the store that differ from what was fed last"
    if remains.passages is None or not remains.fed:
        return Row(promise, "nothing was fed here", "0", looked=False)
    last = {doc_id(sent.url): sent for sent in remains.fed}
    texts: dict[str, list[str]] = {}
    for point in remains.passages:
        texts.setdefault(str(point.payload["doc_id"]), []).append(str(point.payload["text"]))
    outcome = {
        each["doc_id"]: each["outcome"]
        for each in values(read_all(remains.transport, topics.DOCUMENT_OUTCOMES.name))
    }
    problems = []
    for document, sent in last.items():
        found = texts.get(document, [])
        if sent.text is None:
            wrong = "is there" if found else ""
        elif not found:
            wrong = "" if outcome.get(document) == "duplicate" else "is not there"
        else:
            wrong = "has an older text" if any(text not in sent.text for text in found) else ""
        if wrong:
            problems.append(f"{sent.url} ({sent.sort}, record {sent.number}) {wrong}")
    figures["pages_fed"] = len(last)
    return Row(promise, f"{len(problems)} of {len(last)}", "0", problems[:5])


def no_orders(remains: Remains, figures: dict[str, Any]) -> Row:
    """No pair says what a page ordered its reader to say."""
    pairs = values(read_all(remains.transport, topics.PAIRS.name))
    heard = [pair["qa_id"] for pair in pairs if CANARY in (pair["question"] + pair["answer"]).lower()]
    figures["rejected_as_instruction"] = figures.get("rejected", {}).get("instruction-to-reader", 0)
    problems = [f"{len(heard)} pairs obey a page, such as {heard[:1]}"] if heard else []
    return Row("pairs that obey a page's instructions", str(len(heard)), "0", problems)


def nothing_left(remains: Remains, figures: dict[str, Any]) -> Row:
    """All processes of the run have ended."""
    left = [f"{pid}: {command[:80]}" for pid, command in remains.left_behind.items()]
    figures["left_behind"] = len(left)
    return Row("processes left behind", str(len(left)), "0", left)
