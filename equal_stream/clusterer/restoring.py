"""The clusterer as it stood at the committed positions, and the encoder whose vectors it is made of."""

import logging
import time
from typing import Any, NamedTuple

from equal_stream.clusterer.members import newest_model
from equal_stream.clustering.base import StreamClusterer
from equal_stream.clustering.registry import clusterer_class, make_clusterer
from equal_stream.settings import Settings
from equal_stream.snapshots import SnapshotStore
from equal_stream.transport.base import Consumer, Transport

_LOG = logging.getLogger(__name__)


class Restored(NamedTuple):
    """A clusterer and the encoder of its vectors; empty where nothing was learned, or nobody noted it."""

    clusterer: StreamClusterer
    model: str


def restore(settings: Settings, consumer: Consumer, snapshots: SnapshotStore) -> StreamClusterer:
    """Return the clusterer as it stood at the committed positions, or a new one; see `restored`."""
    return restored(settings, consumer, snapshots).clusterer


def restored(
    settings: Settings, consumer: Consumer, snapshots: SnapshotStore, transport: Transport | None = None
) -> Restored:
    """Return the clusterer as it stood at the committed positions, or a new one, with its encoder.

    When positions are committed and no snapshot matches them (the disk was lost), the new clusterer's
    ids begin at the present Unix time in milliseconds, so that none is ever used twice. Where a snapshot
    is of a release that did not note the encoder, the passage assigned last tells it.
    """
    committed = consumer.committed()
    snapshot = snapshots.matching(committed) if committed else None
    if snapshot is not None:
        clusterer = clusterer_class(settings.clustering.algorithm).from_state(snapshot.state)
        unknown = not snapshot.model and transport is not None and clusterer.sizes()
        return Restored(clusterer, newest_model(transport) if unknown and transport else snapshot.model)
    parameters: dict[str, Any] = {
        "max_clusters": settings.clustering.max_clusters,
        "seed": settings.clustering.seed,
    }
    if committed:
        parameters["first_id"] = int(time.time() * 1000)
        _LOG.warning("no saved clusters match the committed positions; clusters are formed anew")
    return Restored(make_clusterer(settings.clustering.algorithm, **parameters), "")
