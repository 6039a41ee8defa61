"""What the allocator shows of itself to the process that runs it, to `status` and to the metrics."""

from typing import Literal

import msgspec

from equal_stream.allocation.status import AllocatorStatus
from equal_stream.allocator.tally import Tally

State = Literal["starting", "recovering", "running", "stopping", "stopped", "failed"]


class AllocatorView(msgspec.Struct, kw_only=True):
    """A look at the allocator.

    Parameters
    ----------
    error
        Why it failed, in one sentence.
    progress
        How far recovery is, in a few words.
    waiting
        Why it asks the LLM nothing at the moment, in one sentence.
    lag
        Records not taken in yet, by topic.
    recovery_seconds
        How long the last start took until it served.
    """

    state: State
    error: str = ""
    progress: str = ""
    waiting: str = ""
    status: AllocatorStatus | None = None
    tally: Tally = msgspec.field(default_factory=Tally)
    lag: dict[str, int] = {}
    recovery_seconds: float = 0.0
