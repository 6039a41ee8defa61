"""The offline extractor as an `Asker`: it answers like an LLM that costs no money.

So that a cap means something without an LLM, it is charged in tokens as an LLM would be: the passage's
tokens in, the pairs' tokens out (a quarter of their UTF-8 bytes), at 0 USD.
"""

import msgspec

from equal_stream.extraction.base import PassageText, Ticket
from equal_stream.extraction.offline.registry import recognise
from equal_stream.messages import JournalEntry, now

MODEL = "offline-extractor"
_VERSION = "offline-1"
_BYTES_PER_TOKEN = 4


class OfflineExtractor:
    """Finds the pairs a passage carries itself; see `Asker`.

    Parameters
    ----------
    max_pairs
        Most pairs of one passage.
    """

    def __init__(self, max_pairs: int) -> None:
        self._max_pairs = max_pairs

    async def ask(self, ticket: Ticket, passage: PassageText) -> JournalEntry:
        """Return the passage's own pairs, charged in tokens within the ticket's reservation."""
        pairs = recognise(passage, self._max_pairs)
        content = msgspec.json.encode({"pairs": pairs})
        tokens_in = min(ticket.tokens, ticket.reserved_tokens)
        tokens_out = -(-len(content) // _BYTES_PER_TOKEN) if pairs else 0
        return JournalEntry(
            request_id=ticket.request_id,
            ticket_id=ticket.ticket_id,
            passage_id=ticket.passage_id,
            model=MODEL,
            prompt_version=_VERSION,
            content=content.decode(),
            finish_reason="stop",
            tokens_in=tokens_in,
            tokens_out=min(tokens_out, ticket.reserved_tokens - tokens_in),
            usage_known=True,
            cost_usd=0.0,
            at=now(),
        )

    async def close(self) -> None:
        """Free nothing: there is nothing open."""
