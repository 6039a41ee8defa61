"""`Workers` over Ray extraction actors: tickets go to the least busy, and a lost actor is replaced."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray
from ray.exceptions import RayActorError, RayTaskError

from equal_stream.allocator.workers import Finished
from equal_stream.errors import DependencyUnavailable
from equal_stream.extraction.base import ExtractionResult, PassageText, Ticket
from equal_stream.extraction.ray_worker import start_extraction_actor
from equal_stream.messages import JournalEntry
from equal_stream.settings import Settings

START_SECONDS = 300.0  # loading the encoder, where the machine is busy
ANSWER_SECONDS = 300.0  # embedding a batch of references
ATTEMPTS = 3  # at work that may be repeated, when an actor is lost in the middle of it
_LOG = logging.getLogger(__name__)


@dataclass
class _Slot:
    actor: Any
    calls: dict[Any, tuple[Ticket, PassageText]] = field(default_factory=dict)  # by object reference


class RayWorkers:
    """A fixed number of extraction actors, owned by this process.

    Parameters
    ----------
    settings
        `extraction.workers` actors, `llm.max_concurrent_requests` calls at once over all of them.

    Raises
    ------
    DependencyUnavailable
        An actor does not start.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._capacity = settings.llm.max_concurrent_requests
        self._slots = [_Slot(start_extraction_actor(settings)) for _ in range(settings.extraction.workers)]

    def model(self) -> tuple[str, int]:
        """Return the encoder's identity and the length of its vectors."""
        model: tuple[str, int] = self._ask("model", timeout=START_SECONDS)
        return model

    def free(self) -> int:
        """Return how many more tickets can be handed over now."""
        return max(0, self._capacity - self.in_flight())

    def in_flight(self) -> int:
        """Return how many calls have not been collected yet."""
        return sum(len(slot.calls) for slot in self._slots)

    def submit(self, ticket: Ticket, passage: PassageText) -> None:
        """Begin a call on the least busy actor."""
        slot = min(self._slots, key=lambda each: len(each.calls))
        slot.calls[slot.actor.extract.remote(ticket, passage)] = (ticket, passage)

    def finished(self, timeout: float) -> list[Finished]:
        """Collect the calls that ended, waiting at most `timeout` seconds for the first."""
        waiting = [reference for slot in self._slots for reference in slot.calls]
        if not waiting:
            return []
        first, _ = ray.wait(waiting, num_returns=1, timeout=timeout)
        if not first:
            return []
        done, _ = ray.wait(waiting, num_returns=len(waiting), timeout=0)
        return [self._collect(reference) for reference in done]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors (n, d) for pair texts."""
        vectors: NDArray[np.float32] = self._ask("encode", list(texts))
        return vectors

    def recover(self, ticket: Ticket, passage: PassageText, entry: JournalEntry) -> ExtractionResult:
        """Return the result of a call from its journaled response."""
        result: ExtractionResult = self._ask("recover", ticket, passage, entry)
        return result

    def close(self) -> None:
        """Let the actors store what is left, then end them."""
        for slot in self._slots:
            try:
                ray.get(slot.actor.close.remote(), timeout=10)
            except ray.exceptions.RayError as error:
                _LOG.warning("an extraction actor did not close in good order: %s", error)
            ray.kill(slot.actor)

    def _collect(self, reference: Any) -> Finished:
        slot = next(slot for slot in self._slots if reference in slot.calls)
        ticket, passage = slot.calls.pop(reference)
        try:
            return Finished(ticket, passage, ray.get(reference))
        except RayActorError as error:
            _LOG.warning("an extraction actor was lost with ticket %s: %s", ticket.ticket_id, error)
            self._replace(slot)
        except RayTaskError:
            _LOG.exception("the call of ticket %s failed in the extraction actor", ticket.ticket_id)
        return Finished(ticket, passage, None)

    def _replace(self, lost: _Slot) -> None:
        """Start a new actor for further tickets; the lost one's calls end as they are collected."""
        if lost not in self._slots or not self._dead(lost.actor):
            return
        lost.actor = start_extraction_actor(self._settings)

    @staticmethod
    def _dead(actor: Any) -> bool:
        try:
            return not ray.get(actor.ping.remote(), timeout=5)
        except RayActorError:
            return True
        except ray.exceptions.GetTimeoutError:
            return False

    def _ask(self, method: str, *args: Any, timeout: float = ANSWER_SECONDS) -> Any:
        """Return what an actor answers; it may be asked again, so a lost actor is replaced."""
        for attempt in range(1, ATTEMPTS + 1):
            slot = self._slots[attempt % len(self._slots)]
            try:
                return ray.get(getattr(slot.actor, method).remote(*args), timeout=timeout)
            except RayActorError as error:
                _LOG.warning(
                    "an extraction actor was lost during %s (attempt %d): %s", method, attempt, error
                )
                self._replace(slot)
            except ray.exceptions.GetTimeoutError as error:
                raise DependencyUnavailable(
                    f"an extraction actor did not answer {method} within {timeout:.0f} s; "
                    "is there a free CPU on the Ray cluster?"
                ) from error
        raise DependencyUnavailable(f"the extraction actors ended {ATTEMPTS} times during {method}")
