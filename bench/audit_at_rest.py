"""Audits a service that has come to rest: the store against the log, and what was paid for again.

`bench.audit` holds at every moment; this only when nothing is left to do. Each function returns what does
not hold, in sentences.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bench.audit import read_all, values
from equal_stream import topics
from equal_stream.allocator.intake import INPUTS
from equal_stream.roles import ALLOCATOR, CLUSTERER, EMBEDDER
from equal_stream.transport.base import Record, TopicPartition, Transport

_INPUTS = {EMBEDDER: [topics.CRAWL], CLUSTERER: [topics.EMBEDDED], ALLOCATOR: INPUTS}
MOST_CLUSTERS = 1_000_000  # ids begin at 1, and where the state is lost at the time in milliseconds


def unread(transport: Transport) -> list[str]:
    """Everything was read, and the positions committed."""
    problems = []
    for role, inputs in _INPUTS.items():
        names = [topic.name for topic in inputs]
        committed = transport.group_positions(role.group, names)
        behind = {at for at, end in transport.end_positions(names).items() if committed.get(at, 0) < end}
        behind = {at for at in behind if _from(transport, at, committed.get(at, 0))}
        problems += [f"{role.group} has not committed {at}" for at in sorted(behind)]
    return problems


def _from(transport: Transport, at: TopicPartition, offset: int) -> list[Record]:
    """Return the records of a partition from an offset on: a log may end in records that say nothing."""
    return [each for each in read_all(transport, at[0]) if each.partition == at[1] and each.offset >= offset]


def assignments(transport: Transport) -> list[str]:
    """Passages are assigned as often as they were published, to clusters that were born."""
    problems = []
    embedded = _embedded(transport)
    assigned = values(read_all(transport, topics.ASSIGNED.name))
    if embedded != Counter(each["passage_id"] for each in assigned):
        problems.append("passages and their assignments are not the same")
    events = values(read_all(transport, topics.CLUSTER_EVENTS.name))
    born = {id_ for event in events for id_ in (event["cluster_id"], *event["children"])}
    if max((each["cluster_id"] for each in assigned), default=0) > MOST_CLUSTERS:
        problems.append("clusters were formed anew: the state that matches the positions was lost")
    if unborn := {each["cluster_id"] for each in assigned} - born:
        problems.append(f"clusters {sorted(unborn)[:5]} were never born")
    return problems


def stored_passages(transport: Transport, stored: Sequence[str], named: Sequence[str]) -> list[str]:
    """The passages in the store are those the log leaves, once, and those the stored documents name.

    Parameters
    ----------
    stored, named
        Ids of the passages in the store, and of those that the documents there name; sorted.
    """
    problems = []
    gone = Counter(
        passage
        for outcome in values(read_all(transport, topics.DOCUMENT_OUTCOMES.name))
        for passage in outcome["removed"]
    )
    left, found = _embedded(transport) - gone, Counter(stored)
    if left != found:
        lacking, extra = left - found, found - left
        problems.append(
            f"the store does not hold what the log says, once: it lacks {lacking.total()} passages, such as "
            f"{list(lacking)[:1]}, and has {extra.total()} others, such as {list(extra)[:1]}"
        )
    if list(stored) != list(named):
        lacking, extra = Counter(named) - found, found - Counter(named)
        problems.append(
            f"the store holds {extra.total()} passages that no document names, such as {list(extra)[:1]}, "
            f"and lacks {lacking.total()}, such as {list(lacking)[:1]}"
        )
    return problems


def _embedded(transport: Transport) -> Counter[str]:
    records = values(read_all(transport, topics.EMBEDDED.name))
    return Counter(each["passage_id"] for each in records if "vector" in each)


def pairs_in_force(transport: Transport, stored: Collection[str]) -> list[str]:
    """Pairs in force are of passages that are there, and what was withdrawn had been published."""
    in_force: dict[bytes | None, str] = {}
    problems = []
    for record in read_all(transport, topics.PAIRS.name):
        if record.value is not None:
            in_force[record.key] = json.loads(record.value)["passage_id"]
        elif in_force.pop(record.key, None) is None:
            problems.append("a pair was withdrawn that was not in force")
    if gone := set(in_force.values()) - set(stored):
        problems.append(f"pairs of {len(gone)} passages that are gone are in force, such as {list(gone)[:1]}")
    if not in_force:
        problems.append("no pair is left: the audit proves nothing")
    return problems


def unused_answers(transport: Transport) -> list[str]:
    """An answer in the journal is used, not charged as lost."""
    outcomes = values(read_all(transport, topics.EXTRACTIONS.name))
    journaled = {record.key.decode() for record in read_all(transport, topics.JOURNAL.name) if record.key}
    unused = {each["request_id"] for each in outcomes if each["status"] == "unknown"} & journaled
    return [f"{len(unused)} answers in the journal were charged as lost"] if unused else []


def paid_again(
    transport: Transport, bill: Sequence[Mapping[str, Any]], *, unusable: bool = False
) -> tuple[int, list[str]]:
    """Return how many calls were paid for a second time, and those that no lost call explains.

    A passage may be paid for once each time it came, once more for each call of it that was charged in full
    as its fate was not known, and, with `unusable`, once more for each answer that was of no use.

    Parameters
    ----------
    bill
        The LLM's books, call by call, under the ticket's request id.
    """
    outcomes = values(read_all(transport, topics.EXTRACTIONS.name))
    passage_of = {each["request_id"]: each["passage_id"] for each in outcomes}
    billed = [each["client_request_id"] for each in bill if each["billed"]]
    problems = []
    if stray := set(billed) - passage_of.keys():
        problems.append(f"{len(stray)} calls were billed that the log does not know")
    calls = Counter(passage_of[each] for each in billed if each in passage_of)
    came = _embedded(transport)
    excused = {"unknown", "failed"} if unusable else {"unknown"}
    lost = Counter(each["passage_id"] for each in outcomes if each["status"] in excused)
    again = [passage for passage, count in calls.items() if count > came[passage] + lost[passage]]
    if again:
        problems.append(f"{len(again)} passages were paid for again though an answer was there")
    unknown = {each["passage_id"] for each in outcomes if each["status"] == "unknown"}
    twice = sum(max(0, calls[passage] - came[passage]) for passage in unknown)
    return twice, problems
