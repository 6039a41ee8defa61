"""One call of the command line: the options that every command takes, and the settings they lead to.

A command gets its settings with `settings_of(ctx, …)`; what it adds there are its own flags, by dotted
key, which win over `--set`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from equal_stream.observability.secrets import Masking
    from equal_stream.settings import Settings
    from equal_stream.settings_sources import Loaded


@dataclass
class Invocation:
    """What was typed before, between and after the command's own arguments.

    Attributes
    ----------
    config
        The YAML file, if one was named.
    flags
        Values by dotted key, as typed.
    debug
        Whether an error shows its traceback.
    loaded
        The settings, once a command has asked for them.
    """

    config: Path | None = None
    flags: dict[str, str] = field(default_factory=dict)
    debug: bool = False
    loaded: "Loaded | None" = None

    def load(self, **own: Any) -> "Loaded":
        """Load the settings; `own` are the command's flags, with `__` for the dot of a key."""
        from equal_stream.settings_sources import load_with_places  # noqa: PLC0415 - `--help` needs none of it

        mine = {key.replace("__", "."): value for key, value in own.items() if value is not None}
        self.loaded = load_with_places(self.config, {**self.flags, **mine})
        return self.loaded

    def masking(self) -> "Masking":
        """Return what hides the secrets that are known so far."""
        from equal_stream.observability.secrets import Masking, secret_values  # noqa: PLC0415 - as above

        return Masking(secret_values(self.loaded.settings) if self.loaded else ())


def invocation_of(ctx: typer.Context) -> Invocation:
    """Return the invocation a context belongs to."""
    invocation: Invocation = ctx.ensure_object(Invocation)
    return invocation


def settings_of(ctx: typer.Context, **own: Any) -> "Settings":
    """Return the settings for a command.

    Parameters
    ----------
    ctx
        The command's context.
    own
        The command's own flags: keys with `__` for the dot, such as ``llm__model``; None: not given.

    Raises
    ------
    ConfigurationError
        See `equal_stream.settings_sources.load_settings`.
    """
    return invocation_of(ctx).load(**own).settings
