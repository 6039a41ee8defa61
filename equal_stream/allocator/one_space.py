"""The allocator's inputs under one encoder's vectors, whatever the log carries.

Passages that were assigned under another encoder than the one in service come with their vectors from the
collection in service. Those that are current and not there yet are waited for: their partition stands
still, while calls are settled and everything else goes on.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import msgspec

from equal_stream import topics
from equal_stream.errors import InvalidRecord
from equal_stream.messages import AssignedPassage, pack_vector
from equal_stream.reembedding.renewal import Renewal, Renewed, model_in
from equal_stream.transport.base import Consumer, Record, TopicPartition
from equal_stream.transport.codec import decode

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
_LOG = logging.getLogger(__name__)


class OneSpace:
    """Polls a consumer for records whose passages are all of one encoder, but for those that nobody knows.

    Parameters
    ----------
    consumer
        A reader of the allocator's inputs; it is set back to what has to be waited for.
    renewal
        Looks passages up in the collection in service.
    model
        The encoder in service.
    outdated
        Told how many passages of a poll were left out, because they had left the crawl.
    """

    def __init__(
        self,
        consumer: Consumer,
        renewal: Renewal,
        model: str,
        outdated: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._consumer = consumer
        self._renewal = renewal
        self._model = model
        self._pause = FIRST_PAUSE
        self._until = 0.0
        self._outdated = outdated

    def poll(self, max_records: int, timeout: float) -> list[Record]:
        """Return up to `max_records` records, fewer where one has to be waited for."""
        now = time.monotonic()
        if now < self._until:
            time.sleep(min(timeout, self._until - now))
            return []
        records = self._consumer.poll(max_records, timeout)
        foreign = [_passage(record) if self._is_foreign(record) else None for record in records]
        wanted = [(each.passage_id, each.doc_id) for each in foreign if each is not None]
        if not wanted:
            self._pause = FIRST_PAUSE
            return records
        return self._renewed(records, foreign, self._renewal.of(wanted))

    def _renewed(
        self, records: Sequence[Record], foreign: Sequence[AssignedPassage | None], found: Renewed
    ) -> list[Record]:
        held: dict[TopicPartition, int] = {}
        taken: list[Record] = []
        outdated = 0
        for record, passage in zip(records, foreign, strict=True):
            at = (record.topic, record.partition)
            if at in held:
                continue
            if passage is None or passage.passage_id in found.unknown:
                taken.append(record)
            elif passage.passage_id in found.waiting:
                held[at] = record.offset
            elif passage.passage_id in found.gone:
                outdated += 1
            else:
                vector = pack_vector(found.vectors[passage.passage_id])
                renewed = msgspec.structs.replace(passage, vector=vector, model=self._model)
                taken.append(replace(record, value=msgspec.json.encode(renewed)))
        self._outdated(outdated)
        self._hold(held, len(found.waiting))
        return taken

    def _hold(self, held: Mapping[TopicPartition, int], waiting: int) -> None:
        if not held:
            self._pause = FIRST_PAUSE
            return
        self._consumer.seek(held)
        error = self._renewal.lacks(waiting, "the allocator")
        _LOG.warning("%s Trying again in %.1f s.", error, self._pause)
        self._until = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _is_foreign(self, record: Record) -> bool:
        return record.topic == topics.ASSIGNED.name and model_in(record) not in {"", self._model}


def _passage(record: Record) -> AssignedPassage | None:
    try:
        return decode(record, AssignedPassage)
    except InvalidRecord:
        return None
