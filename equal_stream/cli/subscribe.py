"""`equal-stream subscribe`: the pairs of `qa.pairs`, printed or written as they are published."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from equal_stream.cli.invocation import settings_of
from equal_stream.cli.log import log_to_write
from equal_stream.errors import ConfigurationError
from equal_stream.observability.stopping import StopSignal
from equal_stream.subscribe.outputs import JsonlOutput, PairOutput, open_to_append
from equal_stream.subscribe.selection import PairSelection
from equal_stream.subscribe.subscriber import Subscriber
from equal_stream.subscribe.table import LiveTable
from equal_stream.transport.embedded.transport import FILE_NAME

Format = Literal["jsonl", "table"]
Begin = Literal["beginning", "end"]


def subscribe(  # noqa: PLR0917 - typer makes options of them, not positions
    ctx: typer.Context,
    target: Annotated[list[str] | None, typer.Option(help="Only pairs for this target; repeatable.")] = None,
    min_gain: Annotated[float | None, typer.Option(help="Only pairs with at least this gain.")] = None,
    begin: Annotated[
        Begin, typer.Option("--from", help="Where to begin; a group goes on where it stopped.")
    ] = "beginning",
    group: Annotated[str, typer.Option(help="Share the pairs among the members of this group.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="End after that many pairs.")] = None,
    form: Annotated[
        Format | None, typer.Option("--format", help="Default: a table on a terminal, else JSONL.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Write JSONL to this file; --group and --from end append to it.")
    ] = None,
) -> None:
    """Print pairs as they are published, until Ctrl-C; a pair that is withdrawn is named by its id.

    With a group, nothing counts as read before it is written: after a crash the last few come again.

    Example: equal-stream subscribe --target statistics --output pairs.jsonl --group trainer
    """
    settings = settings_of(ctx)
    if output is not None and form == "table":
        raise ConfigurationError("a table cannot be written to a file; leave out --format or --output")
    stop = StopSignal()
    stop.listen()
    append = bool(group) or begin == "end"
    if settings.transport == "embedded" and not (settings.data_dir / FILE_NAME).exists():
        typer.echo(
            f"no service has run under {settings.data_dir} yet: waiting for one to start there; "
            "--data-dir names another directory",
            err=True,
        )
    with log_to_write(settings) as transport, _output(form, output, append=append) as chosen:
        subscriber = Subscriber(
            transport,
            chosen,
            PairSelection(tuple(target or ()), min_gain),
            group=group,
            from_end=begin == "end",
            limit=limit,
            warn=lambda sentence: typer.echo(sentence, err=True),
        )
        counts = subscriber.run(stop)
    if output is not None:
        typer.echo(f"{output}: {counts.pairs:,} pairs, {counts.withdrawn:,} withdrawals", err=True)


@contextlib.contextmanager
def _output(form: Format | None, path: Path | None, *, append: bool) -> Iterator[PairOutput]:
    if path is not None:
        with open_to_append(path) if append else path.open("wb") as file:
            yield JsonlOutput(file, durable=True)
    elif form == "table" or (form is None and sys.stdout.isatty()):
        with LiveTable() as table:
            yield table
    else:
        yield JsonlOutput(sys.stdout.buffer)
