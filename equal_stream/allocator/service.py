"""The allocator as a running thing: recover, take turns, keep snapshots, stop in good order."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from equal_stream import topics
from equal_stream.allocation.core import AllocatorCore
from equal_stream.allocation.encoder_switch import SavedElsewhere, note_outdated
from equal_stream.allocation.status import AllocatorStatus
from equal_stream.allocator.budget_watch import BudgetWatch
from equal_stream.allocator.cycle import Cycle, Polled
from equal_stream.allocator.encoder_switch import restore_elsewhere
from equal_stream.allocator.intake import INPUTS, Intake
from equal_stream.allocator.journal_lookup import JournalLookup
from equal_stream.allocator.lost_vectors import fetch_lost_vectors
from equal_stream.allocator.one_space import OneSpace
from equal_stream.allocator.pace import Pace
from equal_stream.allocator.progress import Progress
from equal_stream.allocator.reading import read_to_end
from equal_stream.allocator.replay import OWN_OUTPUTS, forget_references, replay
from equal_stream.allocator.retrieval import Retrieval
from equal_stream.allocator.tally import Tally
from equal_stream.allocator.workers import Workers
from equal_stream.messages import now
from equal_stream.reembedding.renewal import Renewal
from equal_stream.roles import ALLOCATOR
from equal_stream.snapshots import Snapshot, SnapshotNotWritten, SnapshotStore
from equal_stream.steps import Step, passed
from equal_stream.store.base import Store
from equal_stream.transport.base import Transport

LOOK_SECONDS = 2.0  # how long a look waits for the turn that is on
SNAPSHOT_SHARE = 0.05  # at most this share of the time goes into snapshots
_LOG = logging.getLogger(__name__)


class Look(NamedTuple):
    """Status, counts since start, records not yet taken in by topic, and why no call is made."""

    status: AllocatorStatus
    tally: Tally
    lag: dict[str, int]
    waiting: str


class AllocatorService:
    """One allocator on one log: `recover`, then `serve`; after an error make a new one.

    Parameters
    ----------
    core
        A fresh core; recovery fills it.
    snapshots
        Where the core's state is kept.
    pace
        How fast tickets may be chosen.
    snapshot_seconds
        How much history a restart replays at most, roughly.
    tick_seconds
        How long a turn waits when nothing happens.
    stop_seconds
        How long `serve` waits for calls under way once it is told to stop.
    model
        The encoder in service; empty where it never changes.
    renewal
        Looks passages of other encoders up in the collection in service; goes with `model`.

    Attributes
    ----------
    waits
        What recovery waits for at the moment, in a sentence; empty for nothing.
    progress
        How far recovery is.
    """

    def __init__(
        self,
        *,
        core: AllocatorCore,
        transport: Transport,
        passages: Store,
        workers: Workers,
        snapshots: SnapshotStore,
        pace: Pace,
        snapshot_seconds: float,
        tick_seconds: float,
        stop_seconds: float = 20.0,
        clock: Callable[[], datetime] = now,
        model: str = "",
        renewal: Renewal | None = None,
    ) -> None:
        self.core = core
        self._transport = transport
        self._passages = passages
        self._workers = workers
        self._snapshots = snapshots
        self._pace = pace
        self._snapshot_seconds = snapshot_seconds
        self._tick_seconds = tick_seconds
        self._stop_seconds = stop_seconds
        self._clock = clock
        self._model = model
        self._renewal = renewal
        self._lock = threading.Lock()
        self._seen: Look | None = None
        self.waits = ""
        self.progress = Progress()
        self._changing = False  # the encoder, and references are still to be embedded anew
        self.recovered = threading.Event()

    def serve(self, stop: threading.Event) -> None:
        """Take turns until told to stop; calls under way then get a while to end. Call `recover` first."""
        while not stop.is_set():
            self.turn()
        deadline = time.monotonic() + self._stop_seconds
        while self._workers.in_flight() and time.monotonic() < deadline:
            self.turn(choose=False)
        with self._lock:
            self.snapshot()

    def recover(self) -> None:
        """Bring the core to where the log says it was.

        1. Fence any earlier allocator: from here on the log's end does not move under us.
        2. Load the newest snapshot that is not ahead of the log, with vectors from the store where the file
           has others, and all of them anew where it is of another encoder; or begin with nothing.
        3. Replay what was published after it: ledger, outcomes, pairs.
        4. Read the inputs on from the snapshot (references from the beginning, without those that left;
           all that was said about the budget).
        5. End the tickets that are still open, from the journal or in full.
        """
        # 1. Fence.
        self.progress.begin("fencing earlier allocators")
        self._producer = self._transport.producer(ALLOCATOR.group)
        self._consumer = self._transport.reader([topic.name for topic in INPUTS], ALLOCATOR.group)
        passed(Step.EARLIER_FENCED)
        # 2. Load.
        self.progress.begin("loading the snapshot")
        inputs = [topic.name for topic in INPUTS]
        ends = self._transport.end_positions([*inputs, *OWN_OUTPUTS])
        snapshot = self._snapshots.newest(ends)
        start = self._transport.beginning_positions(inputs)
        marks = {}
        if snapshot is not None:
            self._restore(snapshot)
            start = {**start, **{at: offset for at, offset in snapshot.at().items() if at in start}}
            marks = snapshot.marked()
        self._journal = JournalLookup(
            self._transport,
            lambda: self.core.instant(self._clock()),
            {at: offset for at, offset in marks.items() if at[0] == topics.JOURNAL.name},
        )
        self._journal.mark()
        passed(Step.SNAPSHOT_LOADED)
        # 3. Replay.
        since = {at: offset for at, offset in marks.items() if at[0] in OWN_OUTPUTS}
        told = self.progress.begin("replaying what was published since the snapshot")
        own = read_to_end(self._transport, OWN_OUTPUTS, since, told)
        replayed = replay(own, self.core, self._workers, self.progress)
        _LOG.info("recovered: snapshot %s, %d records replayed", "found" if snapshot else "absent", replayed)
        passed(Step.OUTPUTS_REPLAYED)
        # 4. Read on.
        told = self.progress.begin("looking for references that left")
        self._budget = BudgetWatch(self.core, self._transport, self._producer)
        acknowledged = self._consumer.committed()
        listed = read_to_end(self._transport, [topics.REFERENCES.name], told=told)
        forget_references(listed, self.core)
        references = self._transport.beginning_positions([topics.REFERENCES.name])
        self._consumer.seek({**start, **references})
        self._intake = Intake(
            self.core,
            self._workers,
            self._passages,
            acknowledged,
            model=self._model,
            renewal=self._renewal,
        )
        self._cycle = Cycle(
            core=self.core,
            intake=self._intake,
            consumer=self._consumer,
            producer=self._producer,
            passages=self._passages,
            workers=self._workers,
            journal=self._journal,
            pace=self._pace,
            clock=self._clock,
            acknowledged=acknowledged,
            inputs=self._inputs(),
            budget=self._budget,
        )
        self._retrieval = Retrieval(self.core, self._passages)
        passed(Step.INPUTS_FOUND)
        # 5. End what is open.
        self.progress.begin("ending the tickets left open")
        self._cycle.settle_open(self.core.open_tickets())
        passed(Step.OPEN_TICKETS_ENDED)
        self._snapshot_at = time.monotonic() + self._snapshot_seconds
        self.progress.end()
        self.recovered.set()

    def turn(self, *, choose: bool = True) -> bool:
        """Take one turn, with a search for lost candidates before and a snapshot after it when due.

        After a change of the encoder nothing is bought before all references are embedded anew.
        """
        with self._lock:
            self._retrieval.step()
            self._changing = self._changing and self._lacks_references()
            moved = self._cycle.turn(self._tick_seconds, choose=choose and not self._changing)
            if time.monotonic() >= self._snapshot_at:
                self.snapshot()
        return moved

    def _restore(self, snapshot: Snapshot) -> None:
        self._changing = self._renewal is not None and (
            SavedElsewhere(snapshot.state).dimension != self.core.dimension
            if not snapshot.model
            else snapshot.model != self._model
        )
        if self._renewal is not None and self._changing:
            restore_elsewhere(
                self.core,
                snapshot.state,
                transport=self._transport,
                passages=self._passages,
                renewal=self._renewal,
                workers=self._workers,
                waits=self._wait_for,
            )
        else:
            self.core.restore(snapshot.state)
            fetch_lost_vectors(self.core, self._passages)

    def _wait_for(self, what: str) -> None:
        self.waits = what

    def _inputs(self) -> Polled:
        if self._renewal is None:
            return self._consumer
        return OneSpace(self._consumer, self._renewal, self._model, lambda n: note_outdated(self.core, n))

    def _lacks_references(self) -> bool:
        read = all(
            lag == 0 for (name, _), lag in self._consumer.lag().items() if name == topics.REFERENCES.name
        )
        return not read or self._intake.waiting > 0

    def snapshot(self) -> None:
        """Write the core's state with the positions it stands at.

        The end of what is published is where this core stands only while no newer allocator publishes,
        which `confirm` makes certain afterwards. Without a snapshot there is only more to replay, so a
        disk that takes none stops nothing.

        Raises
        ------
        Fenced
            A newer allocator has taken over; nothing was written.
        """
        began = time.monotonic()
        own = self._transport.end_positions(OWN_OUTPUTS)
        self._cycle.confirm()
        passed(Step.SNAPSHOT_CONFIRMED)
        floor = self._journal.floor(self.core.oldest_open())
        try:
            self._snapshots.save(
                self.core.to_state(), self._consumer.positions(), {**own, **floor}, model=self._model
            )
        except SnapshotNotWritten as error:
            _LOG.error("a restart will replay more of the log: %s", error)
        self._journal.mark()
        took = time.monotonic() - began
        self._snapshot_at = time.monotonic() + max(self._snapshot_seconds, took / SNAPSHOT_SHARE)

    def look(self) -> Look | None:
        """Return what there is to see; during a long turn what was seen before it, None at first."""
        if self._lock.acquire(timeout=LOOK_SECONDS):
            try:
                lag: dict[str, int] = {}
                for (topic, _), records in self._consumer.lag().items():
                    lag[topic] = lag.get(topic, 0) + records
                status = self.core.status(self._clock())
                self._seen = Look(status, self._cycle.tally, lag, self._cycle.circuit.reason)
            finally:
                self._lock.release()
        return self._seen

    def close(self) -> None:
        """Free the log and the workers."""
        self._workers.close()
        self._budget.close()
        self._consumer.close()
        self._producer.close()
