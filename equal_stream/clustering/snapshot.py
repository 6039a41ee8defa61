"""The evolving clusterer as bytes and back, exactly: msgpack around raw little-endian arrays."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from equal_stream.clustering.base import InvalidState
from equal_stream.clustering.lineage import Lineage, LineageState
from equal_stream.clustering.sample import NO_CLUSTER, RecentSample
from equal_stream.clustering.structure import Structure
from equal_stream.clustering.table import ClusterTable
from equal_stream.clustering.vectors import FeatureOrder

FORMAT = "equal-stream/evolving-clusters/1"
COUNTERS = ("at", "maintained", "merged", "news", "news_wanted")


class PackedArray(msgspec.Struct, array_like=True):
    """An array as its dtype, shape and bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


class PackedSample(msgspec.Struct):
    """A RecentSample."""

    rows: PackedArray
    tags: PackedArray
    cursor: int


class PackedStructure(msgspec.Struct):
    """A Structure: the live rows of the table, both samples, and the lineage."""

    capacity: int
    dimension: int
    live: dict[str, PackedArray]
    sample: PackedSample
    strangers: PackedSample
    lineage: LineageState
    max_share: float
    seed: int
    counters: dict[str, int]


class Saved(msgspec.Struct):
    """What the bytes hold."""

    format: str
    parameters: dict[str, Any]
    structure: PackedStructure | None
    features: list[Any] | None


class Restored(msgspec.Struct):
    """What a restored estimator is made of."""

    parameters: dict[str, Any]
    structure: Structure | None
    features: FeatureOrder | None


def pack(parameters: dict[str, Any], structure: Structure | None, features: FeatureOrder | None) -> bytes:
    """Return an estimator's parameters and state as bytes."""
    saved = Saved(
        format=FORMAT,
        parameters=parameters,
        structure=None if structure is None else _pack_structure(structure),
        features=None if features is None else features.names,
    )
    return msgspec.msgpack.encode(saved)


def unpack(state: bytes) -> Restored:
    """Return what `pack` saved; raise InvalidState if the bytes are not of this format."""
    try:
        saved = msgspec.msgpack.decode(state, type=Saved)
    except msgspec.MsgspecError as error:
        raise InvalidState(
            f"the saved clusters cannot be read ({error}); start from an older snapshot"
        ) from error
    if saved.format != FORMAT:
        raise InvalidState(f"the saved clusters have format {saved.format!r}; this version reads {FORMAT!r}")
    try:
        structure = None if saved.structure is None else _unpack_structure(saved.structure)
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidState(
            f"the saved clusters are damaged ({error}); start from an older snapshot"
        ) from error
    features = None if saved.features is None else FeatureOrder(saved.features)
    return Restored(parameters=saved.parameters, structure=structure, features=features)


def _pack_array(array: NDArray[Any]) -> PackedArray:
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return PackedArray(little.dtype.str, array.shape, little.tobytes())


def _unpack_array(packed: PackedArray) -> NDArray[Any]:
    array = np.frombuffer(packed.data, dtype=packed.dtype).reshape(packed.shape)
    return array.astype(array.dtype.newbyteorder("="))


def _pack_sample(sample: RecentSample) -> PackedSample:
    """Only tagged rows are written: the others hold nothing that is ever read again."""
    kept = sample.tags != NO_CLUSTER
    return PackedSample(_pack_array(sample.rows[kept]), _pack_array(sample.tags), sample.cursor)


def _unpack_sample(packed: PackedSample, dimension: int) -> RecentSample:
    tags = _unpack_array(packed.tags)
    sample = RecentSample(len(tags), dimension)
    sample.rows[tags != NO_CLUSTER] = _unpack_array(packed.rows)
    sample.tags = tags
    sample.cursor = packed.cursor
    return sample


def _pack_structure(structure: Structure) -> PackedStructure:
    table, lineage = structure.table, structure.lineage
    return PackedStructure(
        capacity=table.capacity,
        dimension=table.centroid.shape[1],
        live={name: _pack_array(array[: table.k]) for name, array in table.arrays().items()},
        sample=_pack_sample(structure.sample),
        strangers=_pack_sample(structure.strangers),
        lineage=lineage.to_state(),
        max_share=structure.max_share,
        seed=structure.seed,
        counters={name: getattr(structure, name) for name in COUNTERS},
    )


def _unpack_structure(packed: PackedStructure) -> Structure:
    table = ClusterTable.empty(packed.capacity, packed.dimension)
    for name, array in table.arrays().items():
        live = _unpack_array(packed.live[name])
        array[: len(live)] = live
        table.k = len(live)
    return Structure(
        table=table,
        sample=_unpack_sample(packed.sample, packed.dimension),
        strangers=_unpack_sample(packed.strangers, packed.dimension),
        lineage=Lineage.from_state(packed.lineage),
        max_share=packed.max_share,
        seed=packed.seed,
        **packed.counters,
    )
