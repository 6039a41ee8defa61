"""The options that every command with settings takes, wherever on the line they stand.

They are declared once, as the parameters of `declaration`, and added to the commands when these load.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from equal_stream.cli.invocation import invocation_of

PANEL = "Settings (flags > environment > file > defaults)"


def _config(ctx: typer.Context, value: Path | None) -> None:
    if value is not None:
        invocation_of(ctx).config = value


def _set(ctx: typer.Context, values: list[str] | None) -> None:
    for number, text in enumerate(values or (), start=1):
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            # The text is not repeated: it may hold a secret.
            raise typer.BadParameter(f"number {number} is not KEY=VALUE, such as llm.model=NAME")
        invocation_of(ctx).flags[key.strip()] = value


def _data_dir(ctx: typer.Context, value: str | None) -> None:
    if value is not None:
        invocation_of(ctx).flags["data_dir"] = value


def _debug(ctx: typer.Context, value: bool) -> None:
    invocation_of(ctx).debug |= value


def declaration(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            callback=_config,
            expose_value=False,
            rich_help_panel=PANEL,
            help="YAML file; default: the one EQUAL_STREAM_CONFIG names.",
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            callback=_set,
            expose_value=False,
            rich_help_panel=PANEL,
            help="Any setting, such as llm.model=NAME; may be repeated.",
        ),
    ] = None,
    data_dir: Annotated[
        str | None,
        typer.Option(
            "--data-dir",
            metavar="DIR",
            callback=_data_dir,
            expose_value=False,
            rich_help_panel=PANEL,
            help="Where state and embedded parts live (data_dir).",
        ),
    ] = None,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            callback=_debug,
            expose_value=False,
            rich_help_panel=PANEL,
            help="Show the traceback of an error.",
        ),
    ] = False,
) -> None:
    """Carry the declarations."""


def parameters(declaration: Callable[..., None]) -> list[TyperOption]:
    """Return the options that a function's signature declares, made anew."""
    carrier = typer.Typer(add_completion=False)
    carrier.command()(declaration)
    return [each for each in typer.main.get_command(carrier).params if isinstance(each, TyperOption)]


def global_options() -> list[TyperOption]:
    """Return the options that every command with settings takes."""
    return parameters(declaration)


def add_global_options(command: Any) -> None:
    """Add the options to a command, or to all commands of a group; its own options of that name stay.

    A group that does something by itself has them too.
    """
    if isinstance(command, TyperGroup):
        for each in command.commands.values():
            add_global_options(each)
    if isinstance(command, TyperCommand) or getattr(command, "invoke_without_command", False):
        taken = {name for param in command.params for name in param.opts}
        command.params += [option for option in global_options() if not taken & set(option.opts)]
