"""The allocator as a Ray actor: it owns the bandit, the ledger and the workers, and outlives its own crashes.

The loop runs in a thread of the actor. When it fails, the process ends and Ray starts it again; what it
knew comes back from snapshot and log. A mistake in the configuration is reported instead, since a
restart would only repeat it.
"""

import logging
import os
import threading
import time

import msgspec

from equal_stream.allocation.core import AllocatorCore
from equal_stream.allocator.pace import Pace
from equal_stream.allocator.ray_workers import RayWorkers
from equal_stream.allocator.service import AllocatorService
from equal_stream.allocator.vector_file import VectorFile
from equal_stream.allocator.view import AllocatorView, State
from equal_stream.errors import ConfigurationError
from equal_stream.extraction.base import Pricing
from equal_stream.heap import return_large_blocks
from equal_stream.messages import now
from equal_stream.observability.logging import configure_logging
from equal_stream.orphans import end_with_parent
from equal_stream.reembedding.renewal import Renewal
from equal_stream.settings import Settings
from equal_stream.snapshots import SnapshotStore
from equal_stream.store.factory import open_stores
from equal_stream.transport.exceptions import Fenced
from equal_stream.transport.factory import open_transport

RESTART_PAUSE = 2.0  # seconds a failed actor waits before it ends, so that a lasting fault does not spin
_LOG = logging.getLogger(__name__)


def pricing_of(settings: Settings) -> Pricing | None:
    """Return the prices calls are charged at; None without an LLM, whose stand-in costs no money."""
    if not settings.llm.base_url:
        return None
    if settings.llm.in_mtok_cost is None or settings.llm.out_mtok_cost is None:
        raise ConfigurationError(
            "the LLM's prices are not set: give EQUAL_STREAM_LLM__IN_MTOK_COST and "
            "EQUAL_STREAM_LLM__OUT_MTOK_COST in USD per million tokens (0 if it is free)"
        )
    return Pricing(in_mtok_cost=settings.llm.in_mtok_cost, out_mtok_cost=settings.llm.out_mtok_cost)


class AllocatorActor:
    """Runs one `AllocatorService`. `view` and `stop` may be called at any time, also while it recovers."""

    def __init__(self, settings: Settings) -> None:
        configure_logging(settings, "allocator")
        end_with_parent()
        return_large_blocks()
        self._settings = settings
        self._stop = threading.Event()
        self._state: State = "starting"
        self._error = ""
        self._recovery_seconds = 0.0
        self._service: AllocatorService | None = None
        self._thread = threading.Thread(target=self._work, name="allocator", daemon=True)
        self._thread.start()

    def view(self) -> bytes:
        """Return an `AllocatorView` as JSON."""
        view = AllocatorView(state=self._state, error=self._error, recovery_seconds=self._recovery_seconds)
        service = self._service
        if service is not None:
            view.waiting, view.progress = service.waits, service.progress.text
        if service is not None and service.recovered.is_set() and self._state in {"running", "stopping"}:
            look = service.look()
            if look is not None:
                view.status, view.tally, view.lag, view.waiting = look
        return msgspec.json.encode(view)

    def stop(self, timeout: float) -> bool:
        """Ask the loop to end in good order and wait; False when it is still busy after `timeout` seconds."""
        self._stop.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        began = time.monotonic()
        try:
            service = self._open()
            self._service = service
            self._state = "recovering"
            service.recover()
            self._recovery_seconds = time.monotonic() - began
            self._state = "running"
            service.serve(self._stop)
            self._state = "stopping"
            service.close()
            self._state = "stopped"
        except (ConfigurationError, Fenced) as error:
            _LOG.error("the allocator cannot go on: %s", error)
            self._error, self._state = str(error), "failed"
        except Exception:  # noqa: BLE001 - whatever it was, the log knows better than this process
            _LOG.exception("the allocator failed and will be started again from its snapshot")
            self._state = "failed"
            time.sleep(RESTART_PAUSE)
            os._exit(1)

    def _open(self) -> AllocatorService:
        settings = self._settings
        state = settings.data_dir / "state" / "allocator"
        pricing = pricing_of(settings)
        workers = RayWorkers(settings)
        model, dimension = workers.model()
        stores = open_stores(settings, model, dimension)
        vectors = VectorFile(state / "candidates.vectors", dimension)
        return AllocatorService(
            core=AllocatorCore(settings, pricing=pricing, dimension=dimension, vectors=vectors),
            transport=open_transport(settings),
            passages=stores.passages,
            workers=workers,
            snapshots=SnapshotStore(state),
            pace=Pace(settings.allocation.max_tickets_per_minute),
            snapshot_seconds=settings.allocation.snapshot_seconds,
            tick_seconds=settings.allocation.tick_seconds,
            clock=now,
            model=model,
            renewal=Renewal(stores.passages, stores.documents, settings.store.passages),
        )
