"""One encoder's vectors and no others: what a clusterer learns from, and how it goes over to another one's.

Which encoder that is, the clusterer knows from its snapshot. A passage that names another one is the sign
that something changes; the collection in service is then asked whose vectors it holds. If it is another
encoder than the clusters', they are carried over to it (`carry_over`), before anything else is learned.
Passages that come under any other name, such as those that were embedded before the switch and not read
until after it, take their vectors from the collection.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

import msgspec
import numpy as np

from equal_stream.clusterer.batch import Batch, Read, usual_model
from equal_stream.clusterer.members import assignments, newest_members
from equal_stream.clustering.base import StreamClusterer, Vectors
from equal_stream.errors import EqualStreamError, InvalidRecord
from equal_stream.messages import pack_vector
from equal_stream.observability import metrics
from equal_stream.reembedding.renewal import Renewal, other_model
from equal_stream.store.base import StoreUnavailable
from equal_stream.store.identity import Identity
from equal_stream.transport.base import Record, Transport
from equal_stream.transport.exceptions import TransportUnavailable

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
_LOOK_RECORDS = 4096
_LOG = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class InService(Protocol):
    """The collection of passages in service (`reembedding.renewal.CollectionInService`)."""

    def identity(self) -> Identity:
        """Return whose vectors it holds; raises `StoreUnavailable`."""
        ...

    def renewal(self) -> Renewal:
        """Return what looks passages up in it; raises `StoreUnavailable`."""
        ...


class Stopped(EqualStreamError):
    """The clusterer was stopped while it waited; what it had read was not committed, and is read again."""


class Space:
    """The encoder whose vectors a clusterer learns from.

    Parameters
    ----------
    model
        As the snapshot has it; empty where nothing is known, and the first batch decides.
    collection
        Where new vectors are; without it, passages of other encoders are refused.
    transport
        The log, for whom the clusters hold.
    stop
        Set from outside to end waiting.

    Attributes
    ----------
    model
        The encoder at the moment.
    """

    def __init__(
        self,
        model: str = "",
        collection: InService | None = None,
        transport: Transport | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.model = model
        self._collection = collection
        self._transport = transport
        self._stop = stop or threading.Event()

    def unite(self, read: Read, clusterer: StreamClusterer, batch: Batch) -> Read:
        """Return passages under vectors of one encoder, the clusterer's, which may be another one afterwards.

        1. Nothing is known of the encoder: it is the one that all passages name; where several, that
           of the collection in service, or else the one that most of them name.
        2. All passages name it: there is nothing to do.
        3. The collection in service is for another one: carry the clusters over.
        4. Give the passages that name another one their vectors from the collection. What left the crawl
           meanwhile is counted and left out; what nobody knows becomes a dead letter.

        Raises
        ------
        Stopped
            The store, or passages that are still to be embedded again, were waited for until `stop` was set.
        """
        # 1. Nothing is known.
        collection = self._collection
        if not self.model and collection is not None and len({passage.model for _, passage in read}) > 1:
            self.model = self._patiently(collection.identity).model
        self.model = self.model or usual_model(read)
        # 2. All the same.
        if all(passage.model == self.model for _, passage in read):
            return read
        # 3. Carry over.
        if collection is not None:
            held = self._patiently(collection.identity)
            if held.model != self.model:
                self._patiently(lambda: self._carry_over(clusterer, held, collection.renewal()))
        # 4. Renew.
        return self._renewed(read, batch)

    def _renewed(self, read: Read, batch: Batch) -> Read:
        foreign = [passage for _, passage in read if passage.model != self.model]
        collection = self._collection
        if not foreign:
            return read
        if collection is None:
            return self._without_collection(read, batch)
        wanted = [(passage.passage_id, passage.doc_id) for passage in foreign]
        found = self._patiently(lambda: collection.renewal().require(wanted, "the clusterer"))
        united: Read = []
        for record, passage in read:
            identity = passage.passage_id
            if passage.model == self.model:
                united.append((record, passage))
            elif identity in found.vectors:
                vector = pack_vector(found.vectors[identity])
                united.append((record, msgspec.structs.replace(passage, vector=vector, model=self.model)))
            elif identity in found.gone:
                batch.outdated += 1
            else:
                batch.refuse(record, self._other_model(passage.model))
        return united

    def _without_collection(self, read: Read, batch: Batch) -> Read:
        for record, passage in read:
            if passage.model != self.model:
                batch.refuse(record, self._other_model(passage.model))
        return [each for each in read if each[1].model == self.model]

    def _carry_over(self, clusterer: StreamClusterer, held: Identity, renewal: Renewal) -> None:
        if clusterer.sizes():
            records = assignments(self._transport) if self._transport is not None else iter(())
            carry_over(clusterer, self.model, self._until_stopped(records), renewal)
        _LOG.warning("clusters go on under vectors of %s, no more of %s", held.model, self.model)
        self.model = held.model

    def _until_stopped(self, records: Iterator[Record]) -> Iterator[Record]:
        for number, record in enumerate(records):
            if number % _LOOK_RECORDS == 0 and self._stop.is_set():  # asking is the sign of life
                raise Stopped("the clusterer was stopped while it read what its clusters hold")
            yield record

    def _other_model(self, model: str) -> InvalidRecord:
        return other_model(model, f"the clusters are of {self.model}")

    def _patiently(self, work: Callable[[], _Result]) -> _Result:
        """Do something for which the store, the log or an operator may have to be waited for."""
        pause = FIRST_PAUSE
        while True:
            try:
                return work()
            except (StoreUnavailable, TransportUnavailable) as error:
                if isinstance(error, StoreUnavailable):
                    metrics.STORE_ERRORS.labels("clusterer").inc()
                _LOG.warning("%s Trying again in %.1f s.", error, pause)
                if self._stop.wait(pause):
                    raise Stopped("the clusterer was stopped while it waited") from error
            pause = min(2 * pause, LONGEST_PAUSE)


def carry_over(clusterer: StreamClusterer, model: str, records: Iterable[Record], renewal: Renewal) -> None:
    """Move a clusterer's clusters to where their newest passages lie in the collection in service.

    Doing so again after a crash does the same: nothing but the clusterer is changed.

    Parameters
    ----------
    model
        The encoder that the clusters are of.
    records
        Of `passages.assigned`; see `members`.

    Raises
    ------
    NotReembedded
        Some of these passages are current and not in the collection yet; nothing was changed.
    NothingKept
        Of no cluster any passage is there.
    """
    members = newest_members(records, clusterer, model)
    renewed = renewal.require([each for of in members.values() for each in of], "the switch of the clusterer")
    rows: dict[int, Vectors] = {}
    for cluster, of in members.items():
        found = [renewed.vectors[identity] for identity, _ in of if identity in renewed.vectors]
        if found:
            rows[cluster] = np.stack(found)
    if not rows:
        raise NothingKept(
            f"no passage of the clusters of {model} is in collection {renewal.collection}, nor current: move "
            "the clusterer's snapshots (state/clusterer) away, and clusters are formed anew under new ids"
        )
    clusterer.change_space(rows)


class NothingKept(EqualStreamError):
    """Clusters cannot be carried over: the log and the store have none of their passages any more."""

    exit_code = 2  # starting again would not mend it
