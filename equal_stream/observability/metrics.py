"""Every metric of every role, declared once, in one registry.

A role increments what concerns it; the others stay at zero or absent. Names begin with `equal_stream_`,
counters end in `_total`, units are part of the name (seconds, tokens, usd). docs and dashboards refer to
these names: add beside them, never rename.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
_PREFIX = "equal_stream_"


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    return Counter(_PREFIX + name, meaning, labels, registry=REGISTRY)


def _gauge(name: str, meaning: str, *labels: str) -> Gauge:
    return Gauge(_PREFIX + name, meaning, labels, registry=REGISTRY)


# Feed and embedder
DOCUMENTS = _counter("documents", "Crawl records by what became of them.", "outcome", "reason")
DEAD_LETTERS = _counter("dead_letters", "Records that could not be used.", "topic", "reason")
PASSAGES_EMBEDDED = _counter("passages_embedded", "Passages encoded and stored.")
ENCODE_SECONDS = _counter("encode_seconds", "Seconds spent in the encoder.")
ENCODED_TOKENS = _counter("encoded_tokens", "Tokens that went through the encoder.")
STORE_ERRORS = _counter("store_errors", "Calls to the vector store that failed.", "operation")

# Clusterer
PASSAGES_ASSIGNED = _counter("passages_assigned", "Passages given to a cluster.")
PASSAGES_OUTDATED = _counter(
    "passages_outdated",
    "Passages of another encoder that had left the crawl before they were read: nothing follows from them.",
    "role",
)
CLUSTERS_ALIVE = _gauge("clusters_alive", "Clusters that exist at the moment.")
LINEAGE_EVENTS = _counter("lineage_events", "Births, splits, merges and deaths of clusters.", "event")
LARGEST_CLUSTER_SHARE = _gauge(
    "largest_cluster_share", "Share of all passages in the largest cluster, 0 to 1."
)

# Allocator
CANDIDATES = _gauge("candidates", "Passages that wait to be chosen.")
TICKETS = _counter("tickets", "Tickets by how they ended.", "status")
TICKETS_OPEN = _gauge("tickets_open", "Tickets reserved and not ended.")
TOKENS = _gauge("tokens", "Tokens in the ledger; left is absent without a total cap.", "state")
USD = _gauge("usd", "US dollars in the ledger; left is absent without a total cap.", "state")
GAIN = _counter("gain", "Coverage of the references that published pairs added.", "target")
TARGET_COVERAGE = _gauge(
    "target_coverage", "Mean of log(1 + covered) over the references of a target.", "target"
)
TARGET_DISTANCE = _gauge(
    "target_distance",
    "Energy distance to a target's references: of its latest pairs (output), of ordinary passages (crawl).",
    "target",
    "of",
)
BUDGET_OVERRUNS = _gauge(
    "budget_overruns", "Calls that were billed above their reservation, since the start."
)
PAIRS_PUBLISHED = _counter("pairs_published", "Pairs published.", "target")
PAIRS_WITHDRAWN = _counter("pairs_withdrawn", "Pairs withdrawn because their source went away.")
PAIRS_REJECTED = _counter("pairs_rejected", "Pairs that a gate refused.", "reason")

# Extraction
LLM_TOKENS = _counter("llm_tokens", "Tokens that calls were charged.", "direction")

# Every role
LAG = _gauge("lag", "Records between what a role has committed and the end of a topic.", "topic")
RECORDS_EXPIRED = _counter(
    "records_expired",
    "Records that retention took from an embedded log before a role had read them.",
    "topic",
)
BATCHES = _counter("batches", "Batches handled and committed.", "role")
READY = _gauge("ready", "1 while the role takes work.", "role")


def exposition() -> bytes:
    """Return all metrics in the text format of Prometheus, version 0.0.4."""
    return generate_latest(REGISTRY)
