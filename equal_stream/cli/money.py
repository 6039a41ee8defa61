"""The books against the caps in force, as `budget` and `status` show them."""

from typing import Any

import msgspec
import typer

from equal_stream.allocation.budget import Budget
from equal_stream.allocation.budget_report import budget_status
from equal_stream.allocation.money import usd
from equal_stream.cli.books import Books
from equal_stream.cli.output import print_table
from equal_stream.messages import now
from equal_stream.settings import BudgetSettings


def in_force(books: Books, settings: BudgetSettings) -> Budget:
    """Return the budget as the log has it; before an allocator has told its caps, with these settings'."""
    said = books.said
    known = said.configured is not None or said.changed_at is not None
    budget = Budget(said.caps if known else settings, books.ledger)
    budget.paused = said.paused
    return budget


def budget_json(settings: BudgetSettings, books: Books) -> dict[str, Any]:
    """Return the books for programs."""
    ledger, at = books.ledger, now()
    hour_amount, hour_tokens = ledger.used_within_hour(at)
    changed = books.said.changed_at
    return {
        **msgspec.to_builtins(budget_status(in_force(books, settings), ledger, at)),
        "paused": books.said.paused,
        "caps_changed_at": None if changed is None else changed.isoformat(),
        "usd_used_within_hour": usd(hour_amount),
        "tokens_used_within_hour": hour_tokens,
        "tickets_open": len(ledger.open),
        "tickets_ended": len(ledger.ended),
    }


def print_budget(settings: BudgetSettings, books: Books) -> None:
    """Print the books for people."""
    ledger = books.ledger
    seen = budget_status(in_force(books, settings), ledger, now())
    hour_amount, hour_tokens = ledger.used_within_hour(now())
    rows = [
        (
            "USD",
            seen.usd_spent,
            seen.usd_reserved,
            seen.usd_left,
            seen.usd_total,
            usd(hour_amount),
            seen.usd_per_hour,
        ),
        (
            "tokens",
            seen.tokens_spent,
            seen.tokens_reserved,
            seen.tokens_left,
            seen.tokens_total,
            hour_tokens,
            seen.tokens_per_hour,
        ),
    ]
    print_table(["", "spent", "reserved", "left now", "cap", "last hour", "cap an hour"], rows, "Budget")
    if books.said.changed_at is not None:
        typer.echo(f"caps changed at run time, {books.said.changed_at:%Y-%m-%d %H:%M:%S %Z}")
    if books.said.paused:
        typer.echo("paused: nothing is bought until `equal-stream budget resume`")
    if seen.overruns:
        typer.echo(f"{seen.overruns} tickets were billed more than they had reserved")
