"""What must hold of log, store and bill once a service that crashed has come to rest."""

import msgspec

from bench.audit import audit, read_all
from bench.audit_at_rest import (
    assignments,
    paid_again,
    pairs_in_force,
    stored_passages,
    unread,
    unused_answers,
)
from equal_stream import topics
from equal_stream.transport.base import Transport
from equal_stream.transport.factory import open_transport
from tests.crashes.life import CAP, Ending, Life
from tests.crashes.llm import bill_of

_DEAD_LETTERS = {topics.CRAWL: 2, topics.EMBEDDED: 1, topics.REFERENCES: 1}  # of the crawl in `crawl`


def broken_promises(life: Life) -> list[str]:
    """Return what does not hold after the last life, in sentences; empty when all is well."""
    ending = msgspec.json.decode(life.ending.read_bytes(), type=Ending)
    transport = open_transport(life.settings)
    try:
        bill = bill_of(life.bill)
        return [
            *audit(transport, {}, CAP, {"detail": bill}, crashed=True).problems,
            *unread(transport),
            *_dead_letters(transport),
            *assignments(transport),
            *stored_passages(transport, ending.stored, ending.named),
            *pairs_in_force(transport, ending.stored),
            *unused_answers(transport),
            *paid_again(transport, bill)[1],
        ]
    finally:
        transport.close()


def _dead_letters(transport: Transport) -> list[str]:
    """What was of no use is a dead letter once."""
    found = {topic: len(read_all(transport, topics.dead_letter(topic.name))) for topic in _DEAD_LETTERS}
    return [
        f"{topic.name} has {found[topic]} dead letters, {due} are due"
        for topic, due in _DEAD_LETTERS.items()
        if found[topic] != due
    ]
