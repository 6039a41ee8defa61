"""Who reads and writes which topic, declared once.

`status`, the lag gauge, the AsyncAPI document and the ACLs of `topics acls` read this table.
"""

from dataclasses import dataclass

from equal_stream import topics
from equal_stream.topics import Topic


@dataclass(frozen=True)
class Role:
    """One party at the log.

    Parameters
    ----------
    name
        As in ``equal-stream run NAME`` where the role is a process of this service.
    does
        What it does, in one sentence.
    reads, writes
        Topics, without dead letters: whoever reads a topic also writes its dead letters.
    group
        Consumer group under which it commits what it has read; empty when it keeps no group.
    looks_up
        Topics that it reads beside those: it keeps no place in them, and is never behind.
    transactional_id
        Under which it publishes in transactions; where it ends with a hyphen, each process adds its own
        ending. Empty: it needs no transactions.
    starts
        Roles that run in processes which it starts, hence as the same user at the broker.
    """

    name: str
    does: str
    reads: tuple[Topic, ...] = ()
    writes: tuple[Topic, ...] = ()
    group: str = ""
    looks_up: tuple[Topic, ...] = ()
    transactional_id: str = ""
    starts: tuple["Role", ...] = ()


CRAWLER = Role(
    "crawler", "Publishes fetched documents; `equal-stream ingest` does it for files.", writes=(topics.CRAWL,)
)
OPERATOR = Role(
    "operator",
    "Describes targets by reference pairs, removes them, and changes or pauses what may be spent.",
    writes=(topics.REFERENCES, topics.BUDGET),
    # What `status`, `budget` and `reference list` are folded from.
    looks_up=(
        topics.REFERENCES,
        topics.BUDGET,
        topics.CLUSTER_EVENTS,
        topics.LEDGER,
        topics.EXTRACTIONS,
        topics.PAIRS,
    ),
)
EMBEDDER = Role(
    "embedder",
    "Turns documents into passages with vectors, and says what became of each document.",
    reads=(topics.CRAWL,),
    writes=(topics.DOCUMENT_OUTCOMES, topics.EMBEDDED),
    group="equal-stream.embedder",
    transactional_id="equal-stream.embedder-",
)
CLUSTERER = Role(
    "clusterer",
    "Gives each passage a cluster and publishes the clusters' lineage.",
    reads=(topics.EMBEDDED,),
    writes=(topics.ASSIGNED, topics.CLUSTER_EVENTS),
    group="equal-stream.clusterer",
    looks_up=(topics.ASSIGNED,),  # whom its clusters hold, when the encoder changes
    transactional_id="equal-stream.clusterer",
)
EXTRACTOR = Role(
    "extractor",
    "Asks the LLM about a passage and journals the answer before it is used.",
    writes=(topics.JOURNAL,),
)
ALLOCATOR = Role(
    "allocator",
    "Chooses the passages worth their cost, keeps the ledger and publishes the pairs.",
    reads=(
        topics.ASSIGNED,
        topics.CLUSTER_EVENTS,
        topics.DOCUMENT_OUTCOMES,
        topics.REFERENCES,
        topics.BUDGET,
    ),
    writes=(topics.LEDGER, topics.EXTRACTIONS, topics.PAIRS, topics.BUDGET),
    group="equal-stream.allocator",
    # Its own outputs since the snapshot, and the answers to tickets that a crash left open.
    looks_up=(topics.LEDGER, topics.EXTRACTIONS, topics.PAIRS, topics.JOURNAL),
    transactional_id="equal-stream.allocator",
    starts=(EXTRACTOR,),
)
SUBSCRIBER = Role("subscriber", "Takes the pairs; `equal-stream subscribe` is one.", reads=(topics.PAIRS,))

PROCESSES = (EMBEDDER, CLUSTERER, ALLOCATOR)  # what `equal-stream run` starts
ROLES = (CRAWLER, OPERATOR, *PROCESSES, EXTRACTOR, SUBSCRIBER)
