"""What is broken when: a schedule of faults, the same for the same seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """A way in which something breaks; the value is its name in the verdict."""

    KILL = "kill -9"
    TERM = "SIGTERM"
    FREEZE = "SIGSTOP, longer than the session"
    BROKER = "broker stopped and started"
    STORE = "store unreachable"
    LLM_AWAY = "LLM stopped and started"
    LLM_REFUSES = "LLM refuses everything"
    DISK_FULL = "disk full"
    CLOCK_AHEAD = "clock stepped by +1 h and back"
    CLOCK_BEHIND = "clock stepped by -1 h and back"
    STORM = "embedders added and removed"


class Victim(StrEnum):
    """A process that can be killed."""

    EMBEDDER = "embedder"
    CLUSTERER = "clusterer"
    ALLOCATOR = "allocator"
    ACTOR = "allocator's actor"
    WORKER = "extraction worker"
    STORE = "store's owner"
    HEAD = "Ray head"
    SERVICE = "up"


ROLES = (Victim.EMBEDDER, Victim.CLUSTERER, Victim.ALLOCATOR)
# How often each is killed. The head takes all of Ray with it, and the machine half a minute to recover.
KILLED = {
    Victim.EMBEDDER: 30,
    Victim.CLUSTERER: 24,
    Victim.WORKER: 14,
    Victim.ALLOCATOR: 12,
    Victim.ACTOR: 11,
    Victim.STORE: 7,
    Victim.HEAD: 2,
}
LASTS = {  # seconds
    Kind.FREEZE: 12.0,  # twice the session of the harness's settings
    Kind.BROKER: 12.0,
    Kind.STORE: 60.0,
    Kind.LLM_AWAY: 30.0,
    Kind.LLM_REFUSES: 30.0,
    Kind.DISK_FULL: 25.0,
    Kind.CLOCK_AHEAD: 40.0,
    Kind.CLOCK_BEHIND: 40.0,
    Kind.STORM: 40.0,
}
_WHOLE = 10  # of `up`, which takes all of its processes with it
_BEGIN, _END = 0.06, 0.94  # of the run: something is fed before the first fault and after the last


@dataclass(frozen=True, order=True)
class Fault:
    """One fault: when (seconds after the feeding began), what, to whom, and for how long."""

    at: float
    kind: Kind
    victim: Victim | None = None
    lasts: float = 0.0

    def __str__(self) -> str:
        whom = f" of the {self.victim}" if self.victim else ""
        return f"{self.kind}{whom}" + (f", {self.lasts:.0f} s" if self.lasts else "")


Named = tuple[Kind, Victim | None]
OTHERS: tuple[Named, ...] = (
    *((Kind.TERM, victim) for victim in (*ROLES, Victim.ACTOR, Victim.WORKER, Victim.HEAD)),
    *((Kind.FREEZE, victim) for victim in ROLES),
    (Kind.STORE, Victim.STORE),
    *((kind, None) for kind in LASTS if kind not in {Kind.FREEZE, Kind.STORE}),
)


def schedule(
    seed: int,
    seconds: float,
    kills: int,
    others: Sequence[Named] = OTHERS,
    victims: Sequence[Victim] = tuple(KILLED),
) -> list[Fault]:
    """Return the faults of a run in the order of time.

    Each victim is killed once before chance decides, as far as `kills` reach; kills fall one into each
    equal part of the run. The other faults come once each, in any order, and do not overlap one another.
    """
    rng = random.Random(f"faults/{seed}")
    whom = list(victims)
    rng.shuffle(whom)
    whom = whom[:kills] + rng.choices(
        list(victims), [KILLED.get(victim, _WHOLE) for victim in victims], k=max(0, kills - len(whom))
    )
    rng.shuffle(whom)
    span = (_END - _BEGIN) * seconds
    faults = [
        Fault(_BEGIN * seconds + (place + rng.random()) * span / kills, Kind.KILL, victim)
        for place, victim in enumerate(whom)
    ]
    named = list(others)
    rng.shuffle(named)
    for place, (kind, victim) in enumerate(named):
        part = span / len(named)
        lasts = LASTS.get(kind, 0.0)
        if kind is not Kind.FREEZE:  # which means nothing unless it outlasts the session
            lasts = min(lasts, 0.7 * part)
        at = _BEGIN * seconds + place * part + 0.2 * rng.random() * part
        faults.append(Fault(at, kind, victim, lasts))
    return sorted(faults)
