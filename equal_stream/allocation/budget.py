"""The caps: how much may be reserved right now, and why nothing when nothing.

A cap binds on reserved plus spent. The hourly caps bind on what is reserved now plus what was spent
in the last hour (see `Ledger.used_within_hour`). Caps may change while the service runs; one lowered
below what is spent stops spending and takes nothing back. Whether an LLM may run without any cap is
not decided here.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from equal_stream.allocation.ledger import Ledger
from equal_stream.allocation.money import nano_floor, usd
from equal_stream.settings import BudgetSettings


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be reserved now: nano-USD and tokens; None means no such cap.

    `hourly` tells that the hour's cap, not the total, leaves the least.
    """

    amount: int | None
    tokens: int | None
    hourly: bool = False

    @property
    def usd(self) -> float | None:
        """The allowance in dollars."""
        return None if self.amount is None else usd(self.amount)

    def after(self, amount: int, tokens: int) -> "Allowance":
        """Return what is left once a reservation of nano-USD and tokens, which fits, is booked.

        A reservation counts alike against the total and the hour, so whichever leaves the least still does.
        """
        return Allowance(
            None if self.amount is None else self.amount - amount,
            None if self.tokens is None else self.tokens - tokens,
            self.hourly,
        )

    def covers(self, amount: int, tokens: int) -> bool:
        """Tell whether a reservation of nano-USD and tokens fits."""
        return (self.amount is None or amount <= self.amount) and (
            self.tokens is None or tokens <= self.tokens
        )


class Budget:
    """Caps over a ledger.

    Parameters
    ----------
    caps
        As configured.
    ledger
        The record the caps bind.
    """

    def __init__(self, caps: BudgetSettings, ledger: Ledger) -> None:
        self.configured = caps
        self.caps = caps
        self.paused = False
        self._ledger = ledger

    def change(self, caps: BudgetSettings) -> None:
        """Replace all caps from now on."""
        self.caps = caps

    def allowance(self, now: datetime) -> Allowance:
        """Return what may be reserved now; nothing while paused."""
        ledger, caps = self._ledger, self.caps
        if self.paused:
            return Allowance(0, 0)
        hour_amount, hour_tokens = ledger.used_within_hour(now)
        amount, amount_hourly = _least(
            _left(_floor(caps.usd_total), ledger.reserved + ledger.spent),
            _left(_floor(caps.usd_per_hour), hour_amount),
        )
        tokens, tokens_hourly = _least(
            _left(caps.tokens_total, ledger.reserved_tokens + ledger.spent_tokens),
            _left(caps.tokens_per_hour, hour_tokens),
        )
        return Allowance(amount, tokens, amount_hourly or tokens_hourly)

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {
            "configured": self.configured.model_dump(),
            "caps": self.caps.model_dump(),
            "paused": self.paused,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up changes made while running, unless the configured caps have changed since: they win."""
        if BudgetSettings(**state["configured"]) == self.configured:
            self.caps = BudgetSettings(**state["caps"])
        self.paused = state["paused"]


def _floor(cap: float | None) -> int | None:
    return None if cap is None else nano_floor(cap)


def _left(cap: int | None, used: int) -> int | None:
    return None if cap is None else max(0, cap - used)


def _least(total: int | None, hourly: int | None) -> tuple[int | None, bool]:
    if total is None or (hourly is not None and hourly < total):
        return hourly, hourly is not None
    return total, False
