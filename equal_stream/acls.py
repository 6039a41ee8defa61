"""Least privileges: what each party may do at the broker, as Kafka ACLs, from what the roles declare.

Kafka asks for less than one may fear. READ or WRITE of a topic implies DESCRIBE; a producer that may write
to some topic needs no privilege on the cluster to be idempotent (KIP-679, brokers since 2.8); and topics
may be created by whoever has CREATE on their names. So nothing here is a privilege on the cluster, and no
name is a wildcard.
"""

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import Literal

from equal_stream import roles, topics
from equal_stream.roles import Role
from equal_stream.topics import CONSUMED, TOPICS, Topic, dead_letter

Resource = Literal["topic", "group", "transactional-id"]
Operation = Literal["READ", "WRITE", "DESCRIBE", "CREATE"]
Pattern = Literal["literal", "prefixed"]


@dataclass(frozen=True, order=True)
class Acl:
    """One thing that may be done.

    Parameters
    ----------
    resource, name
        What it is done to, with the prefix of the topics (``topics.prefix``), which groups and transactional
        ids have as well.
    pattern
        Whether `name` is the name, or only what it begins with.
    """

    resource: Resource
    pattern: Pattern
    operation: Operation
    name: str


@dataclass(frozen=True)
class Party:
    """Somebody with a user of their own at the broker.

    Parameters
    ----------
    name
        As `topics acls` has it.
    runs
        What is run as that user.
    needs
        From the consumer groups they choose to what they need, without a prefix.
    """

    name: str
    runs: str
    needs: Callable[[Sequence[str]], Iterable[Acl]]

    def acls(self, prefix: str = "", groups: Sequence[str] = ()) -> list[Acl]:
        """Return everything the party needs, sorted.

        Parameters
        ----------
        prefix
            What stands before the name of every topic, group and transactional id.
        groups
            Consumer groups a subscriber uses (``subscribe --group``); others have their own.
        """
        needed = set(self.needs(groups))
        # READ and WRITE imply DESCRIBE.
        seen = {(acl.resource, acl.name) for acl in needed if acl.operation in {"READ", "WRITE"}}
        least = (acl for acl in needed if acl.operation != "DESCRIBE" or (acl.resource, acl.name) not in seen)
        return sorted(replace(acl, name=prefix + acl.name) for acl in least)


def of_role(role: Role) -> Iterable[Acl]:
    """Yield what a role needs, and those it starts; without a prefix."""
    yield from _on_topics("READ", (*role.reads, *role.looks_up))
    yield from _on_topics("WRITE", role.writes)
    yield from _on_dead_letters("WRITE", (topic for topic in role.reads if topic in CONSUMED))
    if role.group:
        yield Acl("group", "literal", "READ", role.group)
    if role.transactional_id:
        pattern: Pattern = "prefixed" if role.transactional_id.endswith("-") else "literal"
        yield Acl("transactional-id", pattern, "WRITE", role.transactional_id)
    for started in role.starts:
        yield from of_role(started)


def _operator(_: Sequence[str]) -> Iterable[Acl]:
    """Yield what `reference`, `budget`, `status`, `doctor` and `topics list` need."""
    yield from of_role(roles.OPERATOR)
    # How far each role is behind, and how much there is of everything.
    yield from _on_topics("DESCRIBE", TOPICS)
    yield from _on_dead_letters("DESCRIBE", CONSUMED)
    for role in roles.PROCESSES:
        yield Acl("group", "literal", "DESCRIBE", role.group)


def _subscriber(groups: Sequence[str]) -> Iterable[Acl]:
    """Yield what `subscribe` and `export` need."""
    yield from of_role(roles.SUBSCRIBER)
    for group in groups:
        yield Acl("group", "literal", "READ", group)


def _analyst(_: Sequence[str]) -> Iterable[Acl]:
    """Yield what `align`, `backtest --from-log` and `export` need, none of which writes."""
    yield from _on_topics(
        "READ",
        (
            topics.PAIRS,
            topics.EMBEDDED,  # texts of passages, where no store is at hand
            topics.REFERENCES,
            topics.CLUSTER_EVENTS,
            topics.ASSIGNED,
            topics.DOCUMENT_OUTCOMES,
            topics.LEDGER,
            topics.EXTRACTIONS,
        ),
    )


def _administrator(_: Sequence[str]) -> Iterable[Acl]:
    """Yield what `topics create` and `dlq` need.

    To send dead letters back is to write what only crawlers and roles may write otherwise, which is why no
    operator may do it.
    """
    yield from _on_topics("CREATE", TOPICS)
    yield from _on_topics("DESCRIBE", TOPICS)  # which are there, and when the new ones are ready
    yield from _on_dead_letters("CREATE", CONSUMED)
    yield from _on_dead_letters("READ", CONSUMED)
    yield from _on_topics("WRITE", CONSUMED)


PARTIES = (
    Party("crawler", "ingest, or a crawler of your own", lambda _: of_role(roles.CRAWLER)),
    Party("embedder", "run embedder", lambda _: of_role(roles.EMBEDDER)),
    Party("clusterer", "run clusterer", lambda _: of_role(roles.CLUSTERER)),
    Party("allocator", "run allocator, with its extraction workers", lambda _: of_role(roles.ALLOCATOR)),
    Party("subscriber", "subscribe, export", _subscriber),
    Party("operator", "reference, budget, status, doctor, topics list", _operator),
    Party("analyst", "align, backtest --from-log, export", _analyst),
    Party("administrator", "topics create, dlq list, dlq replay", _administrator),
)


def commands(acls: Sequence[Acl], principal: str, bootstrap: str) -> list[str]:
    """Return lines for a shell that add ACLs, as few as `kafka-acls.sh` allows.

    Parameters
    ----------
    principal
        Such as ``User:embedder``.
    bootstrap
        Address of the broker.
    """
    start = (
        f"kafka-acls.sh --bootstrap-server {shlex.quote(bootstrap)} --command-config admin.properties --add"
    )
    lines = []
    alike_by = attrgetter("resource", "pattern", "operation")
    for (resource, pattern, operation), alike in groupby(acls, alike_by):
        words = [start, "--allow-principal", shlex.quote(principal), "--operation", operation.capitalize()]
        for each in alike:
            words += [f"--{resource}", shlex.quote(each.name)]
        if pattern == "prefixed":
            words += ["--resource-pattern-type", "prefixed"]
        lines.append(" ".join(words))
    return lines


def _on_topics(operation: Operation, names: Iterable[Topic]) -> Iterable[Acl]:
    return (Acl("topic", "literal", operation, each.name) for each in names)


def _on_dead_letters(operation: Operation, names: Iterable[Topic]) -> Iterable[Acl]:
    return (Acl("topic", "literal", operation, dead_letter(each.name)) for each in names)
