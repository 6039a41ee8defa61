"""The record of money: every ticket is reserved once and ended once, and sums are exact.

Live and replay go through one door: what the core decides becomes a `LedgerEntry`, and `apply` folds
it in. Folding is idempotent by ticket and kind, in any order (an end may be seen before its reserve),
so reading the log twice changes nothing. An open reservation counts as spent until it ends. A bill
above the reservation is recorded as it is and counted in `overruns`: the books tell the truth even
where a provider breaks its own bound.

Memory: about 250 bytes a ticket ever ended, its id in a set.
"""

from datetime import datetime
from typing import Any

import msgspec

from equal_stream.allocation.hourly import LastHour
from equal_stream.allocation.money import nano, usd
from equal_stream.messages import LedgerEntry


class Ledger:
    """Reservations, and what became of them.

    Attributes
    ----------
    open
        Reservations that have not ended, by ticket, oldest first.
    reserved, spent
        Nano-USD held by open reservations, and charged by ended tickets.
    reserved_tokens, spent_tokens
        The same in tokens.
    overruns
        Tickets that were billed more than they had reserved.
    hour
        Charges of the last hour, dated when the ticket ended.
    """

    def __init__(self) -> None:
        self.open: dict[str, LedgerEntry] = {}
        self.ended: set[str] = set()
        self.reserved = self.spent = 0
        self.reserved_tokens = self.spent_tokens = 0
        self.overruns = 0
        self.hour = LastHour()

    def apply(self, entry: LedgerEntry) -> bool:
        """Fold one entry in; return False when it was known already and nothing changed."""
        if entry.ticket_id in self.ended:
            return False
        if entry.entry == "reserve":
            return self._reserve(entry)
        self._end(entry)
        return True

    def _reserve(self, entry: LedgerEntry) -> bool:
        if entry.ticket_id in self.open:
            return False
        self.open[entry.ticket_id] = entry
        self.reserved += nano(entry.usd)
        self.reserved_tokens += entry.tokens
        return True

    def _end(self, entry: LedgerEntry) -> None:
        self.ended.add(entry.ticket_id)
        amount = nano(entry.usd)
        held = self.open.pop(entry.ticket_id, None)
        if held is not None:
            self.reserved -= nano(held.usd)
            self.reserved_tokens -= held.tokens
            self.overruns += amount > nano(held.usd) or entry.tokens > held.tokens
        self.spent += amount
        self.spent_tokens += entry.tokens
        self.hour.add(amount, entry.tokens, entry.at)

    def used_within_hour(self, now: datetime) -> tuple[int, int]:
        """Return nano-USD and tokens that are reserved now or were spent in the hour up to `now`.

        Every reservation is checked against this sum, so in any hour whatever is spent within it and
        whatever is reserved at its end stay together below the cap.
        """
        amount, tokens = self.hour.sums(now)
        return self.reserved + amount, self.reserved_tokens + tokens

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {
            "open": [msgspec.json.encode(entry) for entry in self.open.values()],
            "ended": list(self.ended),
            "spent": str(self.spent),
            "spent_tokens": self.spent_tokens,
            "overruns": self.overruns,
            "hour": self.hour.to_state(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        entries = [msgspec.json.decode(entry, type=LedgerEntry) for entry in state["open"]]
        self.open = {entry.ticket_id: entry for entry in entries}
        self.ended = set(state["ended"])
        self.reserved = sum(nano(entry.usd) for entry in entries)
        self.reserved_tokens = sum(entry.tokens for entry in entries)
        self.spent, self.spent_tokens = int(state["spent"]), state["spent_tokens"]
        self.overruns = state["overruns"]
        self.hour.load_state(state["hour"])

    def __repr__(self) -> str:
        return f"Ledger(open={len(self.open)}, reserved={usd(self.reserved)}, spent={usd(self.spent)})"
