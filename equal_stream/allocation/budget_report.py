"""The books against the caps, as the allocator and the command line show them alike."""

from datetime import datetime

from equal_stream.allocation.budget import Budget
from equal_stream.allocation.ledger import Ledger
from equal_stream.allocation.money import usd
from equal_stream.allocation.status import BudgetStatus


def budget_status(budget: Budget, ledger: Ledger, at: datetime) -> BudgetStatus:
    """Return the books against the caps at an instant."""
    caps, left = budget.caps, budget.allowance(at)
    return BudgetStatus(
        usd_total=caps.usd_total,
        usd_per_hour=caps.usd_per_hour,
        tokens_total=caps.tokens_total,
        tokens_per_hour=caps.tokens_per_hour,
        usd_reserved=usd(ledger.reserved),
        usd_spent=usd(ledger.spent),
        usd_left=left.usd,
        tokens_reserved=ledger.reserved_tokens,
        tokens_spent=ledger.spent_tokens,
        tokens_left=left.tokens,
        overruns=ledger.overruns,
    )
