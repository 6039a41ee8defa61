"""Injects faults into a site: one method a kind, which says whom it hit, and what ends the fault."""

import contextlib
import os
import random
import signal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.chaos.schedule import Fault, Victim
from tests.chaos.site import Site
from tests.chaos.verdict import Injected

WAIT_SECONDS = 600.0  # for a victim that has just been killed to be there again, on a machine that is busy
_STORM_SECONDS = 5.0  # between two members that come or go
_STORM_MOST = 2  # beyond the usual members
_HOUR = 3_600


class NotInjectable(Exception):
    """This fault cannot be brought about here; the message says why."""


@dataclass
class Breaking:
    """What a fault does while it lasts: `ends` is called once, `goes_on` at every look."""

    pids: list[int] = field(default_factory=list)
    ends: Callable[[], None] | None = None
    goes_on: Callable[[float], None] | None = None


class Injector:
    """Works a schedule off, as the clock says; call `look` often.

    A victim that is not there (it may just have been killed) is waited for.

    Parameters
    ----------
    clock
        Seconds since the feeding began.
    """

    def __init__(self, site: Site, faults: list[Fault], seed: int, clock: Callable[[], float]) -> None:
        self._site = site
        self._clock = clock
        self._due = sorted(faults)
        self._rng = random.Random(f"injector/{seed}")
        self._lasting: list[tuple[float, Fault, Breaking]] = []
        self._comers: list[str] = []
        self._came = 0
        self._next_comer = 0.0
        self._missed: dict[Fault, float] = {}  # since when its victim is waited for
        self._mending = ThreadPoolExecutor(1, "mend")  # a broker may take a minute to come up
        self._mended: list[Future[None]] = []
        self._spared: set[int] = set()  # killed already, or frozen: a zombie is to wake
        self.injected: list[Injected] = []

    @property
    def done(self) -> bool:
        """Whether every fault has come and gone."""
        return not self._due and not self._lasting and all(each.done() for each in self._mended)

    def look(self) -> list[str]:
        """Begin and end what is due; return what happened, in sentences."""
        happened = []
        now = self._clock()
        for mended in [each for each in self._mended if each.done()]:
            self._mended.remove(mended)
            mended.result()
        for entry in [each for each in self._lasting if each[0] <= now]:
            self._lasting.remove(entry)
            self._end(entry[2])
            happened.append(f"{entry[1]}: over")
        for _, _, breaking in self._lasting:
            if breaking.goes_on:
                breaking.goes_on(now)
        for fault in [each for each in self._due if each.at <= now]:
            told = self._begin(fault, now)
            if told:
                self._due.remove(fault)
                happened.append(told)
        return happened

    def finish(self) -> None:
        """End whatever lasts, and give up what has not come."""
        for _, _, breaking in self._lasting:
            self._end(breaking)
        self._lasting.clear()
        self._mending.shutdown()
        for fault in self._due:
            self._note(fault, fault.at, why="the run ended before")
        self._due.clear()

    def _begin(self, fault: Fault, now: float) -> str:
        """Inject a fault and say so; empty when its victim is not there yet."""
        pids = (
            [pid for pid in self._site.pids(fault.victim) if pid not in self._spared] if fault.victim else []
        )
        if fault.victim and not pids:
            if now - self._missed.setdefault(fault, now) < WAIT_SECONDS:
                return ""
            return self._note(fault, now, why=f"no such process for {WAIT_SECONDS:.0f} s")
        try:
            breaking = getattr(self, f"_{fault.kind.name.lower()}")(fault, pids)
        except NotInjectable as error:
            return self._note(fault, now, why=str(error))
        except ProcessLookupError:  # it ended by itself just now
            return ""
        if breaking.ends or breaking.goes_on:
            self._lasting.append((self._clock() + fault.lasts, fault, breaking))
        return self._note(fault, now, breaking.pids)

    def _note(self, fault: Fault, now: float, pids: list[int] | None = None, why: str = "") -> str:
        name = f"{fault.kind} of the {fault.victim}" if fault.victim else str(fault.kind)
        self.injected.append(Injected(str(fault), name, round(now, 1), pids or [], why))
        return f"{fault}: {why or pids or 'begun'}"

    @staticmethod
    def _end(breaking: Breaking) -> None:
        if breaking.ends:
            breaking.ends()

    def _kill(self, _: Fault, pids: list[int]) -> Breaking:
        pid = self._rng.choice(pids)
        os.kill(pid, signal.SIGKILL)
        self._spared.add(pid)
        return Breaking([pid])

    def _term(self, fault: Fault, pids: list[int]) -> Breaking:
        """Ask a process to end; of the head, the process that answers for all of it."""
        pid = self._rng.choice(pids)
        if fault.victim is Victim.HEAD and self._site.head and self._site.head.process:
            pid = self._site.head.process.pid
        os.kill(pid, signal.SIGTERM)
        return Breaking([pid])

    def _freeze(self, fault: Fault, pids: list[int]) -> Breaking:
        """Freeze one embedder, whose partitions go to others; or the one process of its role, and replace it.

        The allocator is frozen with its actor, since that is what publishes.
        """
        frozen = [self._rng.choice(pids)]
        if fault.victim is Victim.ALLOCATOR:
            frozen += self._site.pids(Victim.ACTOR)
        stop = self._frozen(frozen)
        if fault.victim is not Victim.EMBEDDER and self._site.broker:
            self._site.supervisor.replace(str(fault.victim))
        return stop

    def _store(self, _: Fault, pids: list[int]) -> Breaking:
        """Freeze the process that owns the store's files."""
        return self._frozen(pids)

    def _frozen(self, pids: list[int]) -> Breaking:
        """Stop processes, which nobody else is to kill until they go on."""
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        self._spared.update(pids)
        return Breaking(pids, lambda: self._wake(pids))

    def _wake(self, pids: list[int]) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # Ray has ended it meanwhile
                os.kill(pid, signal.SIGCONT)
        self._spared.difference_update(pids)

    def _broker(self, _: Fault, __: list[int]) -> Breaking:
        if self._site.broker is None:
            raise NotInjectable("the embedded log has no broker")
        self._site.broker.stop()
        return Breaking(ends=self._start_broker)

    def _start_broker(self) -> None:
        """Start it beside everything else; that it failed is raised at the next look."""
        self._mended.append(self._mending.submit(self._site.start_broker))

    def _llm_away(self, _: Fault, __: list[int]) -> Breaking:
        self._site.provider.stop()
        return Breaking(ends=self._site.provider.start)

    def _llm_refuses(self, _: Fault, __: list[int]) -> Breaking:
        self._site.provider.start(refusing=True)
        return Breaking(ends=self._site.provider.start)

    def _disk_full(self, _: Fault, __: list[int]) -> Breaking:
        disk = self._site.disk
        if disk.why_not:
            raise NotInjectable(disk.why_not)
        disk.fill()
        return Breaking(ends=disk.free)

    def _clock_ahead(self, _: Fault, __: list[int]) -> Breaking:
        return self._stepped(_HOUR)

    def _clock_behind(self, _: Fault, __: list[int]) -> Breaking:
        return self._stepped(-_HOUR)

    def _stepped(self, seconds: int) -> Breaking:
        clock = self._site.clock
        if clock.why_not:
            raise NotInjectable(clock.why_not)
        clock.step(seconds)
        return Breaking(ends=lambda: clock.step(0))

    def _storm(self, _: Fault, __: list[int]) -> Breaking:
        if self._site.broker is None:
            raise NotInjectable("`up` has a fixed number of embedders")
        return Breaking(goes_on=self._come_and_go, ends=lambda: self._leave(len(self._comers)))

    def _come_and_go(self, now: float) -> None:
        """Let one more embedder come, or the first that came leave, every few seconds."""
        if now < self._next_comer:
            return
        self._next_comer = now + _STORM_SECONDS
        if len(self._comers) < _STORM_MOST:
            self._came += 1
            self._comers.append(f"embedder-storm-{self._came}")
            self._site.supervisor.add(self._comers[-1], "run", "embedder")
        else:
            self._leave(1)

    def _leave(self, count: int) -> None:
        for name in self._comers[:count]:
            self._site.supervisor.remove(name)
        del self._comers[:count]
