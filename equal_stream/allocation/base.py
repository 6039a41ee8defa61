"""What the allocator core takes in and gives out; the actor around it moves these through the log."""

import msgspec

from equal_stream.extraction.base import Ticket
from equal_stream.messages import ExtractionOutcome, LedgerEntry, QAPair


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """A chosen ticket and the ledger entry that must be durable before its call is sent."""

    ticket: Ticket
    entry: LedgerEntry


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """How a ticket ended: these three are published in one transaction."""

    entry: LedgerEntry
    outcome: ExtractionOutcome
    pairs: list[QAPair]


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True):
    """What leaves with a passage: published pairs to withdraw, by qa_id."""

    qa_ids: list[str]
