"""`equal-stream`: from the shell to a command."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from equal_stream import __version__
from equal_stream.cli.commands import COMMANDS, CommandEntry
from equal_stream.cli.failure import report
from equal_stream.cli.global_options import add_global_options, global_options, parameters
from equal_stream.cli.invocation import Invocation

COMPLETION = {"install_completion", "show_completion"}  # typer's own; they belong to no single command


class CommandTable(TyperGroup):
    """The group at the root: lists the table's rows, and imports a command only to run it."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's signature
        """Return the names of the commands whose code is there."""
        return [entry.name for entry in COMMANDS if entry.exists()]

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:  # noqa: ARG002 - typer's signature
        """Return a row as it is listed, without its code."""
        entry = _entry(cmd_name)
        if entry is None:
            return None
        return TyperCommand(entry.name, help=entry.summary, rich_help_panel=entry.panel)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command to run, with its code."""
        for entry in COMMANDS:
            if entry.exists():  # typer suggests from these when a name is misspelt
                self.add_command(TyperCommand(entry.name))
        name, listed, rest = super().resolve_command(ctx, args)
        found = _entry(name or "")
        return name, load_command(found) if found else listed, rest


def _entry(name: str) -> CommandEntry | None:
    return next((entry for entry in COMMANDS if entry.name == name and entry.exists()), None)


def load_command(entry: CommandEntry) -> Any:
    """Import a row's code and return it as a command with the global options."""
    code = entry.load()
    if not isinstance(code, typer.Typer):
        carrier = typer.Typer()
        carrier.command(entry.name)(code)
        code = carrier
    command = typer.main.get_command(code)
    command.name = entry.name
    command.params = [param for param in command.params if param.name not in COMPLETION]
    if entry.settings:
        add_global_options(command)
    return command


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"equal-stream {__version__}")
        raise typer.Exit


def _version(
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            expose_value=False,
            callback=_show_version,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    """Declare the option."""


def root() -> CommandTable:
    """Return the whole command line."""
    return CommandTable(
        name="equal-stream",
        help="Spends a capped LLM budget on the pages of a live crawl that add most pairs for your targets.",
        epilog="Begin with: equal-stream demo",
        no_args_is_help=True,
        params=[*global_options(), *parameters(_version)],
    )


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code; every error ends up as one sentence on stderr."""
    invocation = Invocation()
    try:
        code = root().main(arguments, prog_name="equal-stream", standalone_mode=False, obj=invocation)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 - the last line of defence
        return report(error, invocation)
    return code if isinstance(code, int) else 0


def main() -> None:
    """Run the command line of this process and exit with its code."""
    sys.exit(run(sys.argv[1:]))
