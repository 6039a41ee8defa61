"""The verdict of a run as a table that anybody can read, and as JSON that a program can."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec


class Row(msgspec.Struct, frozen=True):
    """One promise: what was counted, what is allowed, and where it was broken, in sentences.

    `looked`: whether there was anything to look at; else `found` says what was not there.
    """

    promise: str
    found: str
    allowed: str
    problems: list[str] = []
    looked: bool = True

    @property
    def held(self) -> bool:
        """Whether the promise held."""
        return not self.problems


class Injected(msgspec.Struct, frozen=True):
    """A fault of the schedule as it came: when, to which processes, or why it could not be injected."""

    fault: str
    kind: str
    at: float
    pids: list[int] = []
    not_injected: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """Everything a run has to say. `command` repeats it."""

    command: str
    rows: list[Row]
    injected: list[Injected]
    figures: dict[str, Any]

    @property
    def problems(self) -> list[str]:
        """What did not hold, over all rows."""
        return [f"{row.promise}: {problem}" for row in self.rows for problem in row.problems]

    def as_json(self) -> str:
        """Return it as JSON, indented."""
        return json.dumps(msgspec.to_builtins(self), indent=2, ensure_ascii=False) + "\n"

    def as_markdown(self) -> str:
        """Return the two tables, and the command."""
        lines = [f"`{self.command}`", ""]
        lines += _table(
            ("promise", "found", "allowed", "held"),
            [(row.promise, row.found, row.allowed, _held(row)) for row in self.rows],
        )
        lines += ["", *_table(("fault", "injected"), list(_faults(self.injected).items()))]
        if self.problems:
            lines += ["", *(f"- {problem}" for problem in self.problems)]
        return "\n".join(lines) + "\n"


def _held(row: Row) -> str:
    if not row.looked:
        return "not looked at"
    return "yes" if row.held else "**no**"


def _faults(injected: Sequence[Injected]) -> Mapping[str, str]:
    """Return how often each fault was injected, and why one was not."""
    counts: dict[str, int] = {}
    reasons: dict[str, str] = {}
    for each in injected:
        counts[each.kind] = counts.get(each.kind, 0) + (not each.not_injected)
        if each.not_injected:
            reasons[each.kind] = each.not_injected
    told = {kind: str(count) for kind, count in sorted(counts.items())}
    for kind, why in reasons.items():
        told[kind] += f" (not injected: {why})"
    return told


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows),
    ]
