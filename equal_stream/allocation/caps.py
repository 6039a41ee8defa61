"""The caps in force: those of the settings, as changed since, and whether buying is paused.

What was said last holds. An operator's change holds for the settings it was made over: when the allocator
starts with other caps in its settings, it says so, and what was changed before is void; but for caps
that were lowered before any allocator ran, which its settings do not raise. A pause holds until somebody
resumes.
"""

from datetime import datetime
from typing import Literal

from equal_stream.messages import BudgetChange
from equal_stream.settings import BudgetSettings

CAPS = tuple(BudgetSettings.model_fields)
KEYS = {"configured": "configured", "set": "caps", "pause": "paused", "resume": "paused"}  # of the topic


class CapsInForce:
    """A fold of `budget.changes`, in the order of the log.

    Parameters
    ----------
    caps
        What holds before the first change.

    Attributes
    ----------
    caps
        The caps in force.
    configured
        The caps of the allocator's settings; None before an allocator has told them.
    paused
        Whether nothing may be reserved.
    changed_at
        When an operator changed the caps that are in force; None where they are those of the settings.
    """

    def __init__(self, caps: BudgetSettings) -> None:
        self.caps = caps
        self.configured: BudgetSettings | None = None
        self.paused = False
        self.changed_at: datetime | None = None

    def apply(self, change: BudgetChange) -> None:
        """Fold the next record in."""
        match change.change:
            case "pause" | "resume":
                self.paused = change.change == "pause"
            case "set":
                named = caps_of(change).model_dump(exclude_none=True)
                self.caps, self.changed_at = self.caps.model_copy(update=named), change.at
            case "configured":
                told = caps_of(change)
                if told != self.configured:
                    self.configured = self.caps = told
                    self.changed_at = None


def caps_of(change: BudgetChange) -> BudgetSettings:
    """Return the caps that a record names."""
    return BudgetSettings(**{cap: getattr(change, cap) for cap in CAPS})


def change_of(kind: Literal["configured", "set"], caps: BudgetSettings, at: datetime) -> BudgetChange:
    """Return the record that names caps."""
    return BudgetChange(change=kind, at=at, **{cap: getattr(caps, cap) for cap in CAPS})


def lowest(first: BudgetSettings, second: BudgetSettings) -> BudgetSettings:
    """Return for each cap the lower of two; one that only one of them has counts."""
    pairs = ((cap, getattr(first, cap), getattr(second, cap)) for cap in CAPS)
    return BudgetSettings(
        **{
            cap: min((each for each in (one, other) if each is not None), default=None)
            for cap, one, other in pairs
        }
    )
