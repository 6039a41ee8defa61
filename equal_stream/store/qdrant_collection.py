"""A collection on a Qdrant server: made once, however many processes try, and refused if it is another's."""

from collections.abc import Callable

from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from equal_stream.store.base import CollectionSpec
from equal_stream.store.identity import Identity
from equal_stream.store.qdrant_calls import QdrantCalls

_INDEX = {
    "keyword": models.PayloadSchemaType.KEYWORD,
    "integer": models.PayloadSchemaType.INTEGER,
    "float": models.PayloadSchemaType.FLOAT,
}


def ensure_collection(
    client: QdrantClient, calls: QdrantCalls, name: str, spec: CollectionSpec, where: str
) -> None:
    """Make the collection `name` and its payload indexes where they are missing.

    Raises
    ------
    ModelMismatch
        It is there and holds other vectors.
    StoreUnavailable
        The server does not answer.
    """
    if not calls(lambda: client.collection_exists(name)):
        calls(_creation(client, name, spec))
    info = calls(lambda: client.get_collection(name))
    _identity(info).require(spec, where)
    for field, kind in spec.indexes.items():
        if field not in info.payload_schema:
            calls(_indexing(client, name, field, _INDEX[kind]))


def identity_of(client: QdrantClient, calls: QdrantCalls, name: str) -> Identity | None:
    """Return whose vectors the collection `name` holds; None when there is none.

    Raises
    ------
    StoreUnavailable
        The server does not answer.
    """
    if not calls(lambda: client.collection_exists(name)):
        return None
    return _identity(calls(lambda: client.get_collection(name)))


def _identity(info: models.CollectionInfo) -> Identity:
    vectors = info.config.params.vectors
    return Identity(
        model=str((info.config.metadata or {}).get("model", "")),
        dimension=vectors.size if isinstance(vectors, models.VectorParams) else None,
    )


def _creation(client: QdrantClient, name: str, spec: CollectionSpec) -> Callable[[], None]:
    def create() -> None:
        try:
            client.create_collection(
                name,
                vectors_config={}
                if spec.dimension is None
                else models.VectorParams(size=spec.dimension, distance=models.Distance.COSINE),
                quantization_config=None
                if spec.dimension is None
                else models.ScalarQuantization(
                    scalar=models.ScalarQuantizationConfig(
                        type=models.ScalarType.INT8, quantile=0.99, always_ram=True
                    )
                ),
                metadata={"model": spec.model},
            )
        except (UnexpectedResponse, ValueError):
            if not client.collection_exists(name):  # somebody else was first
                raise

    return create


def _indexing(
    client: QdrantClient, name: str, field: str, kind: models.PayloadSchemaType
) -> Callable[[], object]:
    return lambda: client.create_payload_index(name, field, field_schema=kind, wait=True)
