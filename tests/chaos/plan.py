"""What a run is to do."""

import shlex
from collections.abc import Sequence
from typing import Literal

import msgspec

from tests.chaos.schedule import OTHERS, Named


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run does.

    Attributes
    ----------
    seconds
        How long it feeds, on a machine that has nothing else to do.
    patience
        Seconds the service has after that to come to rest; as above.
    others
        The faults that come once, beside the kills.
    """

    transport: Literal["kafka", "embedded"] = "kafka"
    documents: int
    kills: int
    seed: int
    seconds: float
    patience: float = 900.0
    cap: int = 0
    others: Sequence[Named] = OTHERS

    @property
    def command(self) -> str:
        """The command that repeats it."""
        words = ["python", "-m", "tests.chaos.run", "--transport", self.transport]
        for name in ("documents", "kills", "seed"):
            words += [f"--{name}", str(getattr(self, name))]
        words += ["--minutes", f"{self.seconds / 60:g}"]
        return shlex.join(words if self.others else [*words, "--only-kills"])
