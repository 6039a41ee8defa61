"""Options that may be given several times also take several values at once: `--policy random retrieval`."""

from collections.abc import Iterable, Sequence
from typing import Any

from typer.core import TyperCommand


class SeveralValues(TyperCommand):
    """A command without arguments of its own, whose repeatable options take values up to the next option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse arguments with every value behind a name of its own."""
        names = [name for param in self.params if getattr(param, "multiple", False) for name in param.opts]
        return super().parse_args(ctx, repeated(args, names))


def repeated(arguments: Sequence[str], names: Iterable[str]) -> list[str]:
    """Return arguments with the names of options that take several values before each of their values.

    >>> repeated(["--policy", "random", "oracle", "--seed", "1"], ["--policy"])
    ['--policy', 'random', '--policy', 'oracle', '--seed', '1']
    """
    several = set(names)
    spelled: list[str] = []
    open_name, waits = "", False  # the option whose values these are, and whether it has none yet
    for argument in arguments:
        if argument.startswith("-"):
            name, _, value = argument.partition("=")
            open_name, waits = name if name in several else "", not value
        elif open_name:
            spelled += [] if waits else [open_name]
            waits = False
        spelled.append(argument)
    return spelled
