"""Who reads and writes which topic, declared once; `status` and the AsyncAPI document read this table."""

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
    """

    name: str
    does: str
    reads: tuple[Topic, ...] = ()
    writes: tuple[Topic, ...] = ()
    group: str = ""


CRAWLER = Role(
    "crawler", "Publishes fetched documents; `equal-stream ingest` does it for files.", writes=(topics.CRAWL,)
)
OPERATOR = Role(
    "operator",
    "Describes targets by reference pairs, removes them, and changes or pauses what may be spent.",
    writes=(topics.REFERENCES, topics.BUDGET),
)
EMBEDDER = Role(
    "embedder",
    "Turns documents into passages with vectors, and says what became of each document.",
    reads=(topics.CRAWL,),
    writes=(topics.DOCUMENT_OUTCOMES, topics.EMBEDDED),
    group="equal-stream.embedder",
)
CLUSTERER = Role(
    "clusterer",
    "Gives each passage a cluster and publishes the clusters' lineage.",
    reads=(topics.EMBEDDED,),
    writes=(topics.ASSIGNED, topics.CLUSTER_EVENTS),
    group="equal-stream.clusterer",
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
)
EXTRACTOR = Role(
    "extractor",
    "Asks the LLM about a passage and journals the answer before it is used.",
    writes=(topics.JOURNAL,),
)
SUBSCRIBER = Role("subscriber", "Takes the pairs; `equal-stream subscribe` is one.", reads=(topics.PAIRS,))

PROCESSES = (EMBEDDER, CLUSTERER, ALLOCATOR)  # what `equal-stream run` starts
ROLES = (CRAWLER, OPERATOR, *PROCESSES, EXTRACTOR, SUBSCRIBER)
