"""The extraction worker as a Ray actor: many calls at once on its event loop, no CPU claimed.

The encoder and the connection to the log are opened at the first use and in a thread, so that the actor
answers pings from the beginning.
"""

import asyncio
from collections.abc import Sequence
from typing import cast

import numpy as np
import ray
from numpy.typing import NDArray
from ray.actor import ActorHandle

from equal_stream.extraction.base import ExtractionResult, PassageText, Ticket
from equal_stream.extraction.factory import make_worker
from equal_stream.extraction.worker import ExtractionWorker
from equal_stream.messages import JournalEntry
from equal_stream.observability.logging import configure_logging
from equal_stream.orphans import end_with_parent
from equal_stream.settings import Settings
from equal_stream.transport.factory import open_transport

_BESIDES_CALLS = 4  # pings, statistics, recoveries and encodings that run beside the calls


class ExtractionActor:
    """An `ExtractionWorker` built from the settings; see there for what the methods do."""

    def __init__(self, settings: Settings) -> None:
        configure_logging(settings, "extractor")
        end_with_parent()
        self._settings = settings
        self._worker: ExtractionWorker | None = None
        self._model = ("", 0)
        self._opening = asyncio.Lock()

    async def extract(self, ticket: Ticket, passage: PassageText) -> ExtractionResult:
        """Spend the ticket and return its result."""
        return await (await self._open()).extract(ticket, passage)

    async def recover(self, ticket: Ticket, passage: PassageText, entry: JournalEntry) -> ExtractionResult:
        """Return the result of a journaled answer, without paying again."""
        return await (await self._open()).recover(ticket, passage, entry)

    async def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the unit vectors of pair texts, float32 of shape (n, d)."""
        return await (await self._open()).encode(texts)

    async def model(self) -> tuple[str, int]:
        """Return the encoder's identity and the length of its vectors."""
        await self._open()
        return self._model

    async def ping(self) -> bool:
        """Return True: the actor lives and its loop turns."""
        return True

    async def stats(self) -> dict[str, int]:
        """Return the counts of how calls ended; empty before the first."""
        return self._worker.stats() if self._worker is not None else {}

    async def close(self) -> None:
        """Store what is left and free the connections."""
        if self._worker is not None:
            await self._worker.close()

    async def _open(self) -> ExtractionWorker:
        async with self._opening:
            if self._worker is None:
                worker, self._model = await asyncio.to_thread(_make, self._settings)
                self._worker = worker
            return self._worker


def start_extraction_actor(settings: Settings) -> "ActorHandle[ExtractionActor]":
    """Return the handle of a new extraction actor; it ends with the process that started it."""
    concurrency = settings.llm.max_concurrent_requests + _BESIDES_CALLS
    actor = ray.remote(ExtractionActor).options(num_cpus=0, max_concurrency=concurrency).remote(settings)
    return cast("ActorHandle[ExtractionActor]", actor)


def _make(settings: Settings) -> tuple[ExtractionWorker, tuple[str, int]]:
    from equal_stream.embedding.encoder import Encoder  # noqa: PLC0415 (loads torch, which takes seconds)

    encoder = Encoder(settings.embedding)
    worker = make_worker(settings, encoder, open_transport(settings).producer())
    return worker, (encoder.identity, encoder.dimension)
