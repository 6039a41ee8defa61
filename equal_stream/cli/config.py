"""`equal-stream config`: what the settings are, where each came from, and whether they hold together."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from equal_stream.cli.invocation import invocation_of
from equal_stream.cli.output import AsJson, print_json
from equal_stream.errors import ConfigurationError
from equal_stream.observability.secrets import Masking
from equal_stream.settings import Settings
from equal_stream.settings_keys import Key, dotted, environment_name, field_at, is_secret, keys
from equal_stream.settings_rules import problems

app = typer.Typer(no_args_is_help=True, help="Show and validate the settings.")
DEFAULT = "default"


@app.command()
def show(
    ctx: typer.Context,
    changed: Annotated[bool, typer.Option("--changed", help="Only what was set somewhere.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="With what each setting means.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show every setting, its value, and where it was set; secrets are masked.

    Example: equal-stream config show --changed
    """
    loaded = invocation_of(ctx).load()
    lines = [
        (key, shown(loaded.settings, key), place_of(key, loaded.places))
        for key in keys()
        if not changed or place_of(key, loaded.places) != DEFAULT
    ]
    if as_json:
        entries = {dotted(key): {"value": value, "from": place} for key, value, place in lines}
        print_json(entries)
        return
    for key, value, place in lines:
        typer.echo(f"{dotted(key)} = {value}" + (f"    # {place}" if place != DEFAULT else ""))
        field = field_at(key)
        if explain and field is not None:
            typer.echo(f"    {environment_name(key)}  {field.description or ''}".rstrip())


@app.command()
def validate(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Check the settings, also those that only some roles need; exit code 2 with a sentence for each fault.

    Example: equal-stream config validate --config equal-stream.yaml
    """
    found = problems(invocation_of(ctx).load().settings)
    if as_json:
        print_json({"valid": not found, "problems": found})
    elif not found:
        typer.echo("the settings are valid")
    if found:
        if not as_json:
            raise ConfigurationError("; ".join(found))
        raise typer.Exit(2)


def shown(settings: Settings, key: Key) -> Any:
    """Return the value at `key` as it may be shown."""
    value: Any = settings
    for name in key:
        value = getattr(value, name)
    if is_secret(key):
        return None if value is None else str(value)
    return Masking().value(value)


def place_of(key: Key, places: Mapping[Key, str]) -> str:
    """Return where a setting, or an entry of it, was set."""
    found = [words.removeprefix(f"{dotted(key)} ") for at, words in places.items() if at[: len(key)] == key]
    return "; ".join(found) or DEFAULT
