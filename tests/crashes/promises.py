"""What must hold of log, store and bill once a service that crashed has come to rest."""

import json
from collections import Counter

import msgspec

from bench.audit import audit, read_all, values
from equal_stream import topics
from equal_stream.allocator.intake import INPUTS
from equal_stream.roles import ALLOCATOR, CLUSTERER, EMBEDDER
from equal_stream.transport.base import Record, TopicPartition, Transport
from equal_stream.transport.factory import open_transport
from tests.crashes.life import CAP, Ending, Life
from tests.crashes.llm import bill_of

_INPUTS = {EMBEDDER: [topics.CRAWL], CLUSTERER: [topics.EMBEDDED], ALLOCATOR: INPUTS}
MOST_CLUSTERS = 1_000  # ids begin at 1, and where the state is lost at the time in milliseconds


def broken_promises(life: Life) -> list[str]:
    """Return what does not hold after the last life, in sentences; empty when all is well."""
    ending = msgspec.json.decode(life.ending.read_bytes(), type=Ending)
    transport = open_transport(life.settings)
    try:
        bill = {"detail": bill_of(life.bill)}
        problems = list(audit(transport, {}, CAP, bill, crashed=True).problems)
        problems += [
            *_unread(transport),
            *_passages(transport, ending),
            *_pairs(transport, ending),
            *_paid_again(transport, life),
        ]
    finally:
        transport.close()
    return problems


def _unread(transport: Transport) -> list[str]:
    """Everything was read and committed, and what was of no use is a dead letter once."""
    problems = []
    for role, inputs in _INPUTS.items():
        names = [topic.name for topic in inputs]
        committed = transport.group_positions(role.group, names)
        behind = {at for at, end in transport.end_positions(names).items() if committed.get(at, 0) < end}
        behind = {at for at in behind if _from(transport, at, committed.get(at, 0))}
        problems += [f"{role.group} has not committed {at}" for at in sorted(behind)]
    for topic, count in ((topics.CRAWL, 2), (topics.EMBEDDED, 1), (topics.REFERENCES, 1)):
        found = len(read_all(transport, topics.dead_letter(topic.name)))
        if found != count:
            problems.append(f"{topic.name} has {found} dead letters, {count} are due")
    return problems


def _from(transport: Transport, at: TopicPartition, offset: int) -> list[Record]:
    """Return the records of a partition from an offset on: a log may end in records that say nothing."""
    return [each for each in read_all(transport, at[0]) if each.partition == at[1] and each.offset >= offset]


def _passages(transport: Transport, ending: Ending) -> list[str]:
    """Passages are published and assigned once, and those in the store are those the log leaves."""
    problems = []
    embedded = Counter(
        each["passage_id"] for each in values(read_all(transport, topics.EMBEDDED.name)) if "vector" in each
    )
    assigned = values(read_all(transport, topics.ASSIGNED.name))
    told = values(read_all(transport, topics.DOCUMENT_OUTCOMES.name))
    if embedded != Counter(each["passage_id"] for each in assigned):
        problems.append("passages and their assignments are not the same")
    gone = Counter(passage for outcome in told for passage in outcome["removed"])
    if embedded - gone != Counter(ending.stored):
        problems.append("the store does not hold what the log says, once")
    if ending.stored != ending.named:
        problems.append("the store holds passages that no document names, or lacks some")
    born = {each["cluster_id"] for each in values(read_all(transport, topics.CLUSTER_EVENTS.name))}
    if max(each["cluster_id"] for each in assigned) > MOST_CLUSTERS:
        problems.append("clusters were formed anew: the state that matches the positions was lost")
    if unborn := {each["cluster_id"] for each in assigned} - born:
        problems.append(f"clusters {unborn} were never born")
    return problems


def _pairs(transport: Transport, ending: Ending) -> list[str]:
    """Pairs in force are of passages that are there, and what was withdrawn had been published."""
    in_force: dict[bytes | None, str] = {}
    problems = []
    for record in read_all(transport, topics.PAIRS.name):
        if record.value is not None:
            in_force[record.key] = json.loads(record.value)["passage_id"]
        elif in_force.pop(record.key, None) is None:
            problems.append("a pair was withdrawn that was not in force")
    if gone := set(in_force.values()) - set(ending.stored):
        problems.append(f"pairs of {len(gone)} passages that are gone are in force")
    if not in_force:
        problems.append("no pair is left: the walk proves nothing")
    return problems


def _paid_again(transport: Transport, life: Life) -> list[str]:
    """An answer in the journal is used; another call for its passage was made only if one was lost."""
    outcomes = values(read_all(transport, topics.EXTRACTIONS.name))
    journaled = {record.key.decode() for record in read_all(transport, topics.JOURNAL.name) if record.key}
    problems = []
    if unused := {each["request_id"] for each in outcomes if each["status"] == "unknown"} & journaled:
        problems.append(f"{len(unused)} answers in the journal were charged as lost")
    lost = Counter(each["passage_id"] for each in outcomes if each["status"] == "unknown")
    calls = Counter(each["passage_id"] for each in bill_of(life.bill))
    came = Counter(each["passage_id"] for each in values(read_all(transport, topics.EMBEDDED.name)))
    again = [passage for passage, count in calls.items() if count > came[passage] + lost[passage]]
    if again:
        problems.append(f"{len(again)} passages were paid for again though an answer was there")
    if stray := {each["client_request_id"] for each in bill_of(life.bill)} - {
        each["request_id"] for each in outcomes
    }:
        problems.append(f"{len(stray)} calls were billed that the log does not know")
    return problems
