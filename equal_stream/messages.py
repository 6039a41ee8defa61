"""Every message that crosses a topic, as msgspec Structs.

One Struct a topic. Values are JSON; vectors are base64 of little-endian float32. Consumers ignore
fields they do not know, so a field may be added with a default, and none is ever retyped or removed.
`schemas/` holds the JSON Schema of each, generated from here.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Amount = Annotated[float, msgspec.Meta(ge=0)]
# The largest caps: more than anybody has, and a state that holds them can still be saved and shown.
MOST_USD, MOST_TOKENS = 1e15, 10**18
AmountCap = Annotated[float, msgspec.Meta(ge=0, le=MOST_USD)]
TokenCap = Annotated[int, msgspec.Meta(ge=0, le=MOST_TOKENS)]


def now() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(UTC)


def pack_vector(vector: NDArray[np.float32]) -> bytes:
    """Return the little-endian float32 bytes of a vector of shape (d,)."""
    return np.ascontiguousarray(vector, dtype="<f4").tobytes()


def unpack_vector(data: bytes) -> NDArray[np.float32]:
    """Return the float32 vector of shape (d,) that `pack_vector` wrote; read-only."""
    return np.frombuffer(data, dtype="<f4").astype(np.float32, copy=False)


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Base of all messages: immutable, keyword-only, unknown fields ignored."""


class CrawledDocument(Message, frozen=True, kw_only=True):
    """One fetched version of one URL (`crawl.documents`). One of `text` and `html` is required; text wins."""

    url: NonEmpty
    text: str | None = None
    html: str | None = None
    title: str | None = None
    lang: str | None = None
    fetched_at: datetime | None = None
    content_type: str | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)


class SourcePosition(Message, frozen=True, kw_only=True):
    """Where a record lies in the log."""

    topic: str
    partition: Count
    offset: Count


DocumentResult = Literal["embedded", "unchanged", "duplicate", "superseded", "deleted", "filtered"]


class DocumentOutcome(Message, frozen=True, kw_only=True):
    """What became of one crawl record (`documents.outcomes`): one of these, or one dead letter.

    `superseded` means that a newer version of the URL was already there. `removed` lists the passages
    that left the store because of this record, so that their pairs can be withdrawn.
    """

    url: str
    doc_id: str
    outcome: DocumentResult
    source: SourcePosition
    at: datetime
    reason: str = ""
    of: str = ""
    passages: Count = 0
    removed: list[str] = msgspec.field(default_factory=list)


class EmbeddedPassage(Message, frozen=True, kw_only=True):
    """A passage with its unit vector (`passages.embedded`); `text` is the document's text[start:end].

    `before` and `after`: how many passages its document has before and after it.
    """

    passage_id: str
    doc_id: str
    url: str
    title: str
    lang: str
    start: Count
    end: Count
    text: str
    tokens: Count
    vector: bytes
    model: str
    at: datetime | None = None
    before: Count = 0
    after: Count = 0


class AssignedPassage(Message, frozen=True, kw_only=True):
    """A passage and its cluster (`passages.assigned`); `similarity` is the cosine to the centroid.

    `text_bytes` is the UTF-8 length of the passage's text: what bounds the price of reading it. `before` and
    `after`: how many passages its document has before and after it.
    """

    passage_id: str
    doc_id: str
    url: str
    cluster_id: Count
    similarity: float
    tokens: Count
    vector: bytes
    lang: str = ""
    title: str = ""
    model: str = ""
    text_bytes: Count = 0
    at: datetime | None = None
    before: Count = 0
    after: Count = 0


class ClusterEvent(Message, frozen=True, kw_only=True):
    """A step in the lineage of clusters (`clusters.events`).

    birth: no parents (or none known). split: `parents` = [the cluster that was split], `children` =
    every cluster it became, the surviving id among them if it lives on. merge: `parents` = the
    clusters that ended, `children` = [the survivor]. death: `children` = [the heir], empty when none.
    """

    event: Literal["birth", "split", "merge", "death"]
    cluster_id: Count
    parents: list[int]
    children: list[int]
    size: Amount
    at: datetime


class ReferencePair(Message, frozen=True, kw_only=True):
    """One question and answer that describes a target (`references`)."""

    target: NonEmpty
    ref_id: NonEmpty
    question: NonEmpty
    answer: NonEmpty
    topic: str = ""
    weight: Amount = 1.0


class BudgetChange(Message, frozen=True, kw_only=True):
    """What the allocator may spend from here on (`budget.changes`); the record that comes last holds.

    configured: the caps of an allocator's settings, told when they are others than before; unset means no
    such cap. set: all caps, as an operator changed them; one that is unset stays as it is, so that none is
    ever lifted by what is missing. pause, resume: caps are left as they are.
    """

    change: Literal["configured", "set", "pause", "resume"]
    at: datetime
    usd_total: AmountCap | None = None
    usd_per_hour: AmountCap | None = None
    tokens_total: TokenCap | None = None
    tokens_per_hour: TokenCap | None = None


class LedgerEntry(Message, frozen=True, kw_only=True):
    """One movement of money (`allocation.ledger`).

    reserve: the most the ticket may cost. settle: what its one billed call cost. expire: the ticket
    ended without a known bill: charged in full when its call may have reached the LLM, at zero when
    it certainly did not. `tokens` counts input and output together; `usd` is US dollars.
    """

    entry: Literal["reserve", "settle", "expire"]
    ticket_id: str
    tokens: Count
    usd: Amount
    at: datetime
    passage_id: str = ""
    cluster_id: int = 0
    request_id: str = ""
    reason: str = ""
    doc_id: str = ""
    url: str = ""
    target: str = ""
    predicted_gain: float = 0.0
    propensity: float = 0.0
    policy: str = ""
    attempt: int = 1


class JournalEntry(Message, frozen=True, kw_only=True):
    """A raw LLM response (`llm.responses`), kept so that none is ever paid for twice."""

    request_id: str
    ticket_id: str
    passage_id: str
    model: str
    prompt_version: str
    content: str
    finish_reason: str
    tokens_in: Count
    tokens_out: Count
    usage_known: bool
    cost_usd: Amount
    at: datetime


OutcomeStatus = Literal["extracted", "empty", "failed", "unknown", "withdrawn", "released"]


class ExtractionOutcome(Message, frozen=True, kw_only=True):
    """What one ticket brought (`extraction.outcomes`).

    extracted: at least one pair passed the gates. empty: answered, nothing passed. failed: the answer
    could not be used, or the LLM never took the call. unknown: the call's fate is not known, charged
    in full. withdrawn: the passage went away meanwhile. released: never sent, nothing charged.
    """

    ticket_id: str
    passage_id: str
    cluster_id: int
    status: OutcomeStatus
    tokens_in: Count
    tokens_out: Count
    cost_usd: Amount
    pairs: Count
    rejected: dict[str, int]
    predicted_gain: float
    gain: float
    propensity: float
    at: datetime
    doc_id: str = ""
    url: str = ""
    target: str = ""
    policy: str = ""
    model: str = ""
    request_id: str = ""
    error: str = ""

    @property
    def answered(self) -> bool:
        """Whether the answer could be used, with pairs or without."""
        return self.status in {"extracted", "empty"}

    @property
    def billed(self) -> bool:
        """Whether a call was made and its bill and its fate are known."""
        return self.answered or (self.status == "failed" and self.tokens_in + self.tokens_out > 0)


class Evidence(Message, frozen=True, kw_only=True):
    """A verbatim span of the document: `text[start:end] == quote`."""

    quote: NonEmpty
    start: Count
    end: Count


class QAPair(Message, frozen=True, kw_only=True):
    """A published pair (`qa.pairs`); a null value under the same key withdraws it."""

    qa_id: str
    question: NonEmpty
    answer: NonEmpty
    evidence: Evidence
    passage_id: str
    doc_id: str
    url: str
    title: str
    lang: str
    cluster_id: int
    target: str
    gain: float
    model: str
    prompt_version: str
    tokens_in: Count
    tokens_out: Count
    cost_usd: Amount
    policy: str
    propensity: float
    ticket_id: str
    extracted_at: datetime
