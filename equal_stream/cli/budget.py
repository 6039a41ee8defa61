"""`equal-stream budget`: the caps, and what the ledger says is reserved, spent and left."""

from typing import Any

import msgspec
import typer

from equal_stream.allocation.budget import Budget
from equal_stream.allocation.budget_report import budget_status
from equal_stream.allocation.ledger import Ledger
from equal_stream.allocation.money import usd
from equal_stream.cli.books import read_books
from equal_stream.cli.invocation import settings_of
from equal_stream.cli.log import log_to_read
from equal_stream.cli.output import AsJson, print_json, print_table
from equal_stream.messages import now
from equal_stream.settings import BudgetSettings
from equal_stream.topics import LEDGER


def budget(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show money and tokens: caps, reserved by open tickets, spent, and left to reserve now.

    The caps are those of this command's settings; name the same file the service runs with.

    Example: equal-stream budget --config equal-stream.yaml --json
    """
    settings = settings_of(ctx)
    with log_to_read(settings) as transport:
        ledger = read_books(transport, LEDGER.name).ledger
    if as_json:
        print_json(budget_json(settings.budget, ledger))
    else:
        print_budget(settings.budget, ledger)


def budget_json(caps: BudgetSettings, ledger: Ledger) -> dict[str, Any]:
    """Return the books for programs."""
    hour_amount, hour_tokens = ledger.used_within_hour(now())
    return {
        **msgspec.to_builtins(budget_status(Budget(caps, ledger), ledger, now())),
        "usd_used_within_hour": usd(hour_amount),
        "tokens_used_within_hour": hour_tokens,
        "tickets_open": len(ledger.open),
        "tickets_ended": len(ledger.ended),
    }


def print_budget(caps: BudgetSettings, ledger: Ledger) -> None:
    """Print the books for people."""
    books = budget_status(Budget(caps, ledger), ledger, now())
    hour_amount, hour_tokens = ledger.used_within_hour(now())
    rows = [
        (
            "USD",
            books.usd_spent,
            books.usd_reserved,
            books.usd_left,
            books.usd_total,
            usd(hour_amount),
            books.usd_per_hour,
        ),
        (
            "tokens",
            books.tokens_spent,
            books.tokens_reserved,
            books.tokens_left,
            books.tokens_total,
            hour_tokens,
            books.tokens_per_hour,
        ),
    ]
    print_table(["", "spent", "reserved", "left now", "cap", "last hour", "cap an hour"], rows, "Budget")
    if books.overruns:
        typer.echo(f"{books.overruns} tickets were billed more than they had reserved")
