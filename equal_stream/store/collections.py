"""The two collections of the service: passages with their vectors, and documents as fingerprints.

Passages have a collection for each encoder, of which one is in service and another may be being filled
(`equal_stream.reembedding`); the documents are shared.

Payload of a passage: `passage_id`, `doc_id`, `url`, `title`, `lang`, `start`, `end`, `text`, `tokens`,
`before`, `after`, `model`, `at`, and `cluster_id` (int) once it had to leave the allocator's full table.

Payload of a document: `url`, `doc_id`, `content_hash`, `bands` (keywords of the locality-sensitive hash),
`fetched_at`, `passages` (ids), `source` (``topic/partition/offset``), `lang`, `title`.

An index costs memory with every point (the embedded store keeps all of them there), so there is one only for
what is looked for; points are found by id besides.
"""

from equal_stream.errors import ConfigurationError
from equal_stream.store.base import CollectionSpec
from equal_stream.store.identity import Identity


def passages(model: str, dimension: int, name: str = "passages") -> CollectionSpec:
    """Return the collection of passages, whose vectors are those of one encoder.

    Parameters
    ----------
    model
        The encoder and its precision, such as ``all-MiniLM-L6-v2/bf16``.
    dimension
        Length of its vectors.
    name
        ``store.passages`` of the settings.
    """
    return CollectionSpec(
        name=name,
        dimension=dimension,
        indexes={"doc_id": "keyword", "cluster_id": "integer"},
        model=model,
    )


def passages_held(held: Identity, name: str) -> CollectionSpec:
    """Return the collection of passages that is there under a name.

    Raises
    ------
    ConfigurationError
        It is no collection of passages.
    """
    if held.dimension is None:
        raise ConfigurationError(f"collection {name} holds no vectors: it is no collection of passages")
    return passages(held.model, held.dimension, name)


DOCUMENTS = CollectionSpec(
    name="documents",
    dimension=None,
    indexes={"bands": "keyword"},
)
