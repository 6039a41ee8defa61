"""From a ticket to its result: ask, journal, judge. Plain asyncio; `ray_worker` is the Ray actor around it.

An answer is stored before it is looked at, and judged only from what was stored, so that an answer found
in the journal after a crash gives the same result as the first time, without being paid for again.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from equal_stream.extraction.asker import Asker, NoAnswer
from equal_stream.extraction.base import ExtractedPair, ExtractionResult, PassageText, Ticket
from equal_stream.extraction.gates.registry import Verdict
from equal_stream.extraction.journal import Journal
from equal_stream.extraction.judge import judge
from equal_stream.extraction.pairtext import pair_text
from equal_stream.extraction.protected import ProtectedQuestions
from equal_stream.messages import JournalEntry, pack_vector
from equal_stream.settings import ExtractionSettings
from equal_stream.steps import Step, passed


class PairEncoder(Protocol):
    """Turns texts into unit vectors: float32 of shape (n, d)."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row a text."""
        ...


class ExtractionWorker:
    """Runs many calls at once on one event loop, which neither the encoder nor the log blocks.

    Parameters
    ----------
    asker
        The LLM client or the offline extractor.
    journal
        Where raw answers are stored before they are judged.
    encoder
        Embeds pairs; called from one thread at a time.
    settings, protected
        What a pair must satisfy.
    """

    def __init__(
        self,
        asker: Asker,
        journal: Journal,
        encoder: PairEncoder,
        settings: ExtractionSettings,
        protected: ProtectedQuestions | None = None,
    ) -> None:
        self._asker = asker
        self._journal = journal
        self._encoder = encoder
        self._settings = settings
        self._protected = protected or ProtectedQuestions()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="encode")
        self._counts: Counter[str] = Counter()

    async def extract(self, ticket: Ticket, passage: PassageText) -> ExtractionResult:
        """Spend the ticket and return its result; what goes wrong is in the result, never raised."""
        passed(Step.CALL_BEGUN)
        if refusal := await self._journal.refusal():
            answer: JournalEntry | NoAnswer = NoAnswer(
                status="unsent", reason="journal-refused", error=refusal
            )
        else:
            answer = await self._asker.ask(ticket, passage)
        passed(Step.CALL_ANSWERED)
        if isinstance(answer, NoAnswer):
            result = _without_answer(ticket, answer)
        else:
            await self._journal.append(answer)
            passed(Step.ANSWER_JOURNALED)
            result = await self.recover(ticket, passage, answer)
            passed(Step.ANSWER_JUDGED)
        self._counts[result.status] += 1
        if result.reason:
            self._counts[f"reason:{result.reason}"] += 1
        return result

    async def recover(self, ticket: Ticket, passage: PassageText, entry: JournalEntry) -> ExtractionResult:
        """Return the result of a journaled answer, the same each time."""
        judged = judge(ticket, passage, entry, self._settings, self._protected)
        if not judged.verdict.accepted:
            return judged.result
        return msgspec.structs.replace(judged.result, pairs=await self._pairs(judged.verdict, passage))

    async def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the unit vectors of pair texts (see `pairtext`), float32 of shape (n, d)."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._encoder.encode, list(texts))

    def stats(self) -> dict[str, int]:
        """Return how many calls ended in each status, and under ``reason:`` why some brought nothing."""
        return dict(self._counts)

    async def close(self) -> None:
        """Free the connections and the thread."""
        await self._asker.close()
        await self._journal.close()
        self._thread.shutdown(wait=False)

    async def _pairs(self, verdict: Verdict, passage: PassageText) -> list[ExtractedPair]:
        vectors = await self.encode([pair_text(pair.question, pair.answer) for pair in verdict.accepted])
        pairs = []
        for pair, vector in zip(verdict.accepted, vectors, strict=True):
            assert pair.span is not None, "an accepted pair has evidence"
            pairs.append(
                ExtractedPair(
                    question=pair.question,
                    answer=pair.answer,
                    quote=passage.text[pair.span.start : pair.span.end],
                    start=passage.start + pair.span.start,
                    end=passage.start + pair.span.end,
                    vector=pack_vector(vector),
                )
            )
        return pairs


def _without_answer(ticket: Ticket, answer: NoAnswer) -> ExtractionResult:
    """Charge a call of unknown fate in full, and one that was never billed not at all."""
    charged = answer.status == "unknown"
    return ExtractionResult(
        ticket_id=ticket.ticket_id,
        request_id=ticket.request_id,
        status=answer.status,
        tokens_in=ticket.reserved_tokens if charged else 0,
        usage_known=not charged,
        cost_usd=ticket.reserved_usd if charged else 0.0,
        error=answer.error,
        reason=answer.reason,
    )
