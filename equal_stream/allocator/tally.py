"""What an allocator has published since it started, counted after each commit."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from equal_stream.allocation.base import Settlement
from equal_stream.transport.base import OutgoingRecord

DIFFERENT_ERRORS = 50  # servers put ids and times into their sentences
OTHER_ERRORS = "other errors"


class Tally(msgspec.Struct, kw_only=True):
    """Counts since start, by what the metrics split them by."""

    tickets: dict[str, int] = {}  # by outcome status
    pairs: dict[str, int] = {}  # published, by target
    gain: dict[str, float] = {}  # by target
    rejected: dict[str, int] = {}  # pairs refused, by reason
    withdrawn: int = 0
    dead: dict[str, int] = {}  # dead letters, by topic and reason with a space between
    tokens: dict[str, int] = {}  # billed, by direction: in, out
    errors: dict[str, int] = {}  # tickets that brought nothing, by error; those after the first few together

    def count(
        self, settlements: Sequence[Settlement], withdrawn: int, dead: Sequence[OutgoingRecord]
    ) -> None:
        """Add one committed turn."""
        self.withdrawn += withdrawn
        for record in dead:
            about = dict(record.headers)
            _add(self.dead, f"{about['dlq_topic'].decode()} {about['dlq_reason'].decode()}", 1)
        for settled in settlements:
            outcome = settled.outcome
            _add(self.tickets, outcome.status, 1)
            _add(self.tokens, "in", outcome.tokens_in)
            _add(self.tokens, "out", outcome.tokens_out)
            for reason, count in outcome.rejected.items():
                _add(self.rejected, reason, count)
            for pair in settled.pairs:
                _add(self.pairs, pair.target, 1)
                self.gain[pair.target] = self.gain.get(pair.target, 0.0) + pair.gain
            if outcome.error:
                error = outcome.error[:200]
                known = error in self.errors or len(self.errors) < DIFFERENT_ERRORS
                _add(self.errors, error if known else OTHER_ERRORS, 1)

    def since(self, earlier: "Tally") -> "Tally":
        """Return what was added after `earlier`; everything, when this tally began anew meanwhile."""
        if sum(self.tickets.values()) < sum(earlier.tickets.values()):
            earlier = Tally()
        return Tally(
            tickets=dict(Counter(self.tickets) - Counter(earlier.tickets)),
            pairs=dict(Counter(self.pairs) - Counter(earlier.pairs)),
            gain={name: value - earlier.gain.get(name, 0.0) for name, value in self.gain.items()},
            rejected=dict(Counter(self.rejected) - Counter(earlier.rejected)),
            withdrawn=max(0, self.withdrawn - earlier.withdrawn),
            dead=dict(Counter(self.dead) - Counter(earlier.dead)),
            tokens=dict(Counter(self.tokens) - Counter(earlier.tokens)),
            errors=dict(Counter(self.errors) - Counter(earlier.errors)),
        )


def _add(counts: dict[str, int], key: str, amount: int) -> None:
    counts[key] = counts.get(key, 0) + amount
