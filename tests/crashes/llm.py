"""An LLM whose books outlive every crash of its client, and an encoder that needs no model."""

import asyncio
import json
import os
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equal_stream.extraction.base import PassageText, Pricing, Ticket
from equal_stream.messages import JournalEntry, now
from tests.embedding.world import minilm_tokens

PRICES = Pricing(in_mtok_cost=1.0, out_mtok_cost=2.0)
DIMENSION = 64
TOKENS_IN, TOKENS_OUT = 300, 50
ANSWER_SECONDS = 0.002  # calls overlap
_NUMBERED = re.compile(r"[^.]*?\b(\d+)\b[^.]*\.")


class BookkeepingLLM:
    """An `Asker` that writes its bill down before it answers, as the provider's own books do.

    Parameters
    ----------
    bill
        A file of one JSON object a billed call, in the form of simulate-llm's audit.
    """

    def __init__(self, bill: Path) -> None:
        self._bill = os.open(bill, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def ask(self, ticket: Ticket, passage: PassageText) -> JournalEntry:
        """Bill the call, and answer it with a question for every number in the passage."""
        billed = {
            "client_request_id": ticket.request_id,
            "billed": True,
            "tokens_in": TOKENS_IN,
            "tokens_out": TOKENS_OUT,
            "usage_delivered": True,
            "passage_id": ticket.passage_id,
        }
        os.write(self._bill, json.dumps(billed).encode() + b"\n")
        await asyncio.sleep(ANSWER_SECONDS)
        pairs = [
            {
                "question": f"Which number does this hold: {found[0].strip(' .')}?",
                "answer": f"{found[1]} it is",
                "evidence": found[0].strip(),
            }
            for found in _NUMBERED.finditer(passage.text)
        ]
        return JournalEntry(
            request_id=ticket.request_id,
            ticket_id=ticket.ticket_id,
            passage_id=ticket.passage_id,
            model="bookkeeper",
            prompt_version="1",
            content=json.dumps({"pairs": pairs}),
            finish_reason="stop",
            tokens_in=TOKENS_IN,
            tokens_out=TOKENS_OUT,
            usage_known=True,
            cost_usd=PRICES.cost(TOKENS_IN, TOKENS_OUT),
            at=now(),
        )

    async def close(self) -> None:
        """Close the file."""
        os.close(self._bill)


def bill_of(path: Path) -> list[dict[str, object]]:
    """Return the books."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class WordEncoder:
    """Texts that share words are near each other; float32 unit vectors of `DIMENSION`."""

    identity = "words/fp32"
    dimension = DIMENSION
    max_tokens = 256

    def __init__(self) -> None:
        self.tokens = minilm_tokens()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row a text."""
        rows = np.zeros((len(texts), DIMENSION), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"[a-z]+", text.lower()):
                row[zlib.crc32(word.encode()) % DIMENSION] += 1
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
