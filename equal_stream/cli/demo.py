"""`equal-stream demo`: the whole service on this machine, with no account, no server and no download."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from equal_stream.cli.invocation import settings_of
from equal_stream.cli.output import AsJson, print_json


def demo(
    ctx: typer.Context,
    output: Annotated[
        Path, typer.Option(help="Where the run's folder goes, with its pairs, report and log.")
    ] = Path("demo-output"),
    as_json: AsJson = False,
) -> None:
    """Run everything on the documentation of the Python packages installed here; takes two minutes.

    It embeds and clusters their docstrings and READMEs, spends a cap of tokens on those that cover 60
    questions about statistics best, and prints what came of it. Exit code 0 only if pairs were produced
    and the cap held.

    Example: equal-stream demo --output /tmp/equal-stream-demo
    """
    settings = settings_of(ctx)
    from msgspec import to_builtins  # noqa: PLC0415 - `--help` needs none of this
    from rich.console import Console  # noqa: PLC0415 - as above

    from equal_stream.demo.run import run_demo  # noqa: PLC0415 - as above

    directory = (output / datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")).resolve()
    directory.mkdir(parents=True)
    console = Console(highlight=False, stderr=as_json)
    report = run_demo(settings, directory, console)
    if as_json:
        print_json(to_builtins(report))
