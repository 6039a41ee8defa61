"""`equal-stream budget`: the caps and the books; and the caps changed, or buying paused, while it runs."""

from typing import Annotated, Literal

import typer

from equal_stream.allocation.caps import CAPS, KEYS, change_of
from equal_stream.allocation.money import nano_floor, usd
from equal_stream.cli.books import Books, read_books
from equal_stream.cli.invocation import settings_of
from equal_stream.cli.log import log_to_read, log_to_write
from equal_stream.cli.money import budget_json, in_force, print_budget
from equal_stream.cli.output import AsJson, print_json
from equal_stream.errors import ConfigurationError
from equal_stream.messages import MOST_TOKENS, MOST_USD, BudgetChange, now
from equal_stream.topics import BUDGET, LEDGER
from equal_stream.transport.base import Transport
from equal_stream.transport.codec import encode

SOURCE = "operator"
_HEEDED = "a running allocator heeds it before its next choice, within a second"
app = typer.Typer(help="Money reserved, spent and left; change the caps and pause while it runs.")


@app.callback(invoke_without_command=True)
def budget(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show money and tokens: caps in force, reserved by open tickets, spent, and left to reserve now.

    Where no allocator has run yet, the caps are those of this command's settings.

    Example: equal-stream budget --config equal-stream.yaml --json
    """
    if ctx.invoked_subcommand is not None:
        return
    settings = settings_of(ctx)
    with log_to_read(settings) as transport:
        books = read_books(transport, LEDGER.name, BUDGET.name)
    if as_json:
        print_json(budget_json(settings.budget, books))
    else:
        print_budget(settings.budget, books)


@app.command("set")
def set_caps(
    ctx: typer.Context,
    *,
    usd_total: Annotated[float | None, typer.Option(min=0.0, max=MOST_USD, help="Dollars in all.")] = None,
    usd_per_hour: Annotated[
        float | None, typer.Option(min=0.0, max=MOST_USD, help="Dollars in any hour.")
    ] = None,
    tokens_total: Annotated[int | None, typer.Option(min=0, max=MOST_TOKENS, help="Tokens in all.")] = None,
    tokens_per_hour: Annotated[
        int | None, typer.Option(min=0, max=MOST_TOKENS, help="Tokens in any hour.")
    ] = None,
) -> None:
    """Change caps while it runs; those that are not named stay.

    It holds until it is changed again, or until the allocator is started with other caps in its settings.
    A cap below what is spent takes nothing back; nothing more is bought.

    Example: equal-stream budget set --usd-total 80
    """
    named = {"usd_total": usd_total, "usd_per_hour": usd_per_hour}
    wanted = {**named, "tokens_total": tokens_total, "tokens_per_hour": tokens_per_hour}
    changed = {cap: value for cap, value in wanted.items() if value is not None}
    if not changed:
        raise ConfigurationError(f"name a cap: {', '.join('--' + cap.replace('_', '-') for cap in CAPS)}")
    settings = settings_of(ctx)
    with log_to_write(settings) as transport:
        books = read_books(transport, LEDGER.name, BUDGET.name)
        caps = in_force(books, settings.budget).caps.model_copy(update=changed)
        _say(transport, change_of("set", caps, now()))
    typer.echo(f"{', '.join(f'{cap} is {value:g}' for cap, value in changed.items())}: {_HEEDED}")
    for line in _reached(changed, books):
        typer.echo(line, err=True)


@app.command()
def pause(ctx: typer.Context) -> None:
    """Buy nothing from here on; calls that are under way end, and what they bring is published.

    Example: equal-stream budget pause
    """
    _switch(ctx, "pause")


@app.command()
def resume(ctx: typer.Context) -> None:
    """Buy again after a pause.

    Example: equal-stream budget resume
    """
    _switch(ctx, "resume")


def _switch(ctx: typer.Context, change: Literal["pause", "resume"]) -> None:
    with log_to_write(settings_of(ctx)) as transport:
        _say(transport, BudgetChange(change=change, at=now()))
    typer.echo(f"{change}d: {_HEEDED}")


def _say(transport: Transport, change: BudgetChange) -> None:
    producer = transport.producer()
    try:
        producer.send(encode(change, topic=BUDGET.name, key=KEYS[change.change], source=SOURCE))
        producer.flush()
    finally:
        producer.close()


def _reached(changed: dict[str, float], books: Books) -> list[str]:
    """Return a sentence for each total that is reached already."""
    ledger = books.ledger
    lines = []
    if "usd_total" in changed and nano_floor(changed["usd_total"]) <= ledger.spent + ledger.reserved:
        lines.append(
            f"usd_total is reached: {usd(ledger.spent):g} is spent and {usd(ledger.reserved):g} reserved; "
            "nothing more is bought"
        )
    if "tokens_total" in changed and changed["tokens_total"] <= ledger.spent_tokens + ledger.reserved_tokens:
        lines.append(
            f"tokens_total is reached: {ledger.spent_tokens:,} are spent and {ledger.reserved_tokens:,} "
            "reserved; nothing more is bought"
        )
    return lines
