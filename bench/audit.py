"""Audits a service's log from outside: was every record accounted for, every pair grounded, the cap held?

It reads topics as any client could and trusts nothing the service says of itself.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from equal_stream import topics
from equal_stream.transport.base import Record, Transport

Position = tuple[str, int, int]


@dataclass
class Verdict:
    """What an audit found; `problems` is empty when every promise held."""

    problems: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def require(self, held: bool, problem: str) -> None:
        """Note a problem where something did not hold."""
        if not held:
            self.problems.append(problem)


def audit(
    transport: Transport,
    texts: Mapping[str, str],
    cap_tokens: int | None,
    bill: Mapping[str, Any] | None = None,
    *,
    crashed: bool = False,
) -> Verdict:
    """Audit a log.

    Parameters
    ----------
    texts
        The text of each crawled document by URL; pairs of other URLs are checked against their passage.
    cap_tokens
        The cap in tokens, if there was one.
    bill
        What `GET /audit?detail=1` of simulate-llm answered.
    crashed
        Whether roles were killed meanwhile: an answer that had just reached one may be lost with it, and
        its ticket is then charged at its reservation instead of the bill.
    """
    verdict = Verdict()
    check_documents(transport, verdict)
    passages = check_passages(transport, verdict)
    pairs = check_pairs(transport, verdict, texts, passages)
    outcomes = values(read_all(transport, topics.EXTRACTIONS.name))
    charged = check_money(transport, verdict, pairs, cap_tokens, outcomes)
    if bill is not None:
        lost = {outcome["request_id"] for outcome in outcomes if outcome["status"] == "unknown"}
        check_bill(verdict, charged, bill, lost if crashed else frozenset())
    return verdict


class QuietLog:
    """A log to which nothing is written any more: each topic is read once, however often it is looked at."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._read: dict[str, list[Record]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def records(self, name: str) -> list[Record]:
        """Return every committed record of a topic."""
        if name not in self._read:
            self._read[name] = read_all(self._transport, name)
        return self._read[name]


def read_all(transport: Transport, name: str) -> list[Record]:
    """Return every committed record of a topic."""
    if isinstance(transport, QuietLog):
        return transport.records(name)
    consumer = transport.reader([name])
    end = transport.end_positions([name])
    records: list[Record] = []
    empty = 0
    while empty < 3 and any(consumer.positions().get(at, 0) < offset for at, offset in end.items()):
        batch = consumer.poll(2_000, 1.0)
        empty = 0 if batch else empty + 1
        records.extend(batch)
    consumer.close()
    return records


def values(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Return the JSON values of records that are not tombstones."""
    return [json.loads(record.value) for record in records if record.value is not None]


def check_documents(transport: Transport, verdict: Verdict) -> None:
    """Every crawl record ends once."""
    crawl = {(r.topic, r.partition, r.offset) for r in read_all(transport, topics.CRAWL.name)}
    ends: Counter[Position] = Counter()
    kinds: Counter[str] = Counter()
    for outcome in values(read_all(transport, topics.DOCUMENT_OUTCOMES.name)):
        source = outcome["source"]
        ends[source["topic"], source["partition"], source["offset"]] += 1
        kinds[outcome["outcome"]] += 1
    for record in read_all(transport, topics.dead_letter(topics.CRAWL.name)):
        about = dict(record.headers)
        at = (about["dlq_topic"].decode(), int(about["dlq_partition"]), int(about["dlq_offset"]))
        ends[at] += 1
        kinds["dead letter: " + about["dlq_reason"].decode()] += 1
    verdict.figures |= {"crawl_records": len(crawl), "documents_by_end": dict(kinds)}
    lost = [at for at in crawl if ends[at] == 0]
    twice = [at for at, count in ends.items() if count > 1]
    foreign = [at for at in ends if at not in crawl]
    verdict.require(not lost, f"{len(lost)} crawl records have no end, such as {lost[:1]}")
    verdict.require(not twice, f"{len(twice)} crawl records ended more than once, such as {twice[:1]}")
    verdict.require(
        not foreign, f"{len(foreign)} ends name records that are not there, such as {foreign[:1]}"
    )


def check_passages(transport: Transport, verdict: Verdict) -> dict[str, dict[str, Any]]:
    """Every passage is assigned; return them by id."""
    refused = {
        tuple(dict(record.headers)[f"dlq_{name}"] for name in ("partition", "offset"))
        for record in read_all(transport, topics.dead_letter(topics.EMBEDDED.name))
    }
    records = read_all(transport, topics.EMBEDDED.name)
    usable = [each for each in records if (b"%d" % each.partition, b"%d" % each.offset) not in refused]
    embedded = {each["passage_id"]: each for each in values(usable)}
    assigned = values(read_all(transport, topics.ASSIGNED.name))
    names = {each["passage_id"] for each in assigned}
    verdict.figures |= {
        "passages": len(embedded),
        "clusters": len({each["cluster_id"] for each in assigned}),
        "passage_tokens": sum(each["tokens"] for each in embedded.values()),
    }
    missing = embedded.keys() - names
    verdict.require(not missing, f"{len(missing)} passages were never assigned, such as {list(missing)[:1]}")
    return embedded


def check_pairs(
    transport: Transport, verdict: Verdict, texts: Mapping[str, str], passages: Mapping[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Pairs come once and stand on evidence; return them."""
    records = read_all(transport, topics.PAIRS.name)
    pairs = values(records)
    twice = _published_while_in_force(records)
    verdict.require(not twice, f"{len(twice)} qa_ids were published more than once, such as {twice[:1]}")
    ungrounded = [pair for pair in pairs if not _grounded(pair, texts, passages)]
    verdict.require(
        not ungrounded,
        f"{len(ungrounded)} pairs have no verbatim evidence, such as {[p['qa_id'] for p in ungrounded[:1]]}",
    )
    verdict.figures |= {"pairs": len(pairs), "pairs_by_model": dict(Counter(pair["model"] for pair in pairs))}
    return pairs


def _published_while_in_force(records: Sequence[Record]) -> list[str]:
    """Return the keys of pairs that were published again without having been withdrawn before."""
    in_force: set[bytes | None] = set()
    twice = []
    for record in records:  # those of one key lie in one partition, in order
        if record.value is None:
            in_force.discard(record.key)
        elif record.key in in_force:
            twice.append((record.key or b"").decode())
        else:
            in_force.add(record.key)
    return twice


def _grounded(pair: dict[str, Any], texts: Mapping[str, str], passages: Mapping[str, dict[str, Any]]) -> bool:
    evidence = pair["evidence"]
    text = texts.get(pair["url"])
    if text is not None:
        return bool(text[evidence["start"] : evidence["end"]] == evidence["quote"])
    passage = passages[pair["passage_id"]]
    start = evidence["start"] - passage["start"]
    return bool(start >= 0 and passage["text"][start : start + len(evidence["quote"])] == evidence["quote"])


def check_money(
    transport: Transport,
    verdict: Verdict,
    pairs: Sequence[dict[str, Any]],
    cap: int | None,
    outcomes: Sequence[dict[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Check the ledger and return what each ticket was charged in the end."""
    entries = values(read_all(transport, topics.LEDGER.name))
    reserved, ended = Counter[str](), Counter[str]()
    held: dict[str, int] = {}
    total = most = 0
    for entry in entries:
        ticket = entry["ticket_id"]
        (reserved if entry["entry"] == "reserve" else ended)[ticket] += 1
        total += entry["tokens"] - held.get(ticket, 0)
        held[ticket] = entry["tokens"]
        most = max(most, total)
    told = Counter(outcome["ticket_id"] for outcome in outcomes)
    verdict.require(all(count == 1 for count in reserved.values()), "a ticket was reserved more than once")
    verdict.require(all(count == 1 for count in ended.values()), "a ticket ended more than once")
    verdict.require(reserved.keys() >= ended.keys(), "a ticket ended that was never reserved")
    verdict.require(ended == told, "outcomes and ends of tickets are not the same")
    verdict.require({pair["ticket_id"] for pair in pairs} <= set(told), "a pair has no outcome")
    verdict.require(cap is None or most <= cap, f"{most} tokens were reserved and spent under a cap of {cap}")
    charged = {entry["ticket_id"]: entry for entry in entries if entry["entry"] != "reserve"}
    verdict.figures |= {
        "tickets": len(reserved),
        "tickets_open": len(reserved) - len(ended),
        "outcomes": dict(Counter(outcome["status"] for outcome in outcomes)),
        "rejected": dict(sum((Counter(outcome["rejected"]) for outcome in outcomes), Counter())),
        "ledger_tokens": sum(entry["tokens"] for entry in charged.values()),
        "most_tokens_held": most,
        "cap_tokens": cap,
    }
    return charged


def check_bill(
    verdict: Verdict,
    charged: Mapping[str, dict[str, Any]],
    bill: Mapping[str, Any],
    lost: Set[str],
) -> None:
    """Hold the ledger against the provider's books, request by request, but for answers lost in a crash."""
    billed: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    told: dict[str, bool] = {}
    for request in bill["detail"]:
        if request["billed"]:
            billed[request["client_request_id"]] += request["tokens_in"] + request["tokens_out"]
            calls[request["client_request_id"]] += 1
            told[request["client_request_id"]] = request["usage_delivered"]
    ledger = {entry["request_id"]: entry["tokens"] for entry in charged.values()}
    delivered = {request for request, arrived in told.items() if arrived}
    known = delivered - lost
    different = [request for request in known if ledger.get(request) != billed[request]]
    under = [request for request in billed if ledger.get(request, 0) < billed[request]]
    verdict.figures |= {
        "billed_tokens": sum(billed.values()),
        "billed_calls": sum(calls.values()),
        "calls_without_usage": len(told) - len(delivered),
        "answers_lost": len(delivered & lost),
        "charged_beyond_bill": sum(ledger.values()) - sum(billed.values()),
    }
    verdict.require(
        not different, f"{len(different)} calls were charged otherwise than billed, such as {different[:1]}"
    )
    verdict.require(not under, f"{len(under)} calls were charged less than billed, such as {under[:1]}")
    verdict.require(all(count == 1 for count in calls.values()), "a ticket's call was billed twice")
