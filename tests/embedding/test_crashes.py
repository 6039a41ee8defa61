"""Whatever batches a crash cuts the log into, in the end log and store say the same, and once."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from equal_stream.embedding.batch import Batch
from equal_stream.transport.base import Record
from tests.embedding.world import World, sentences

RECORDS = 12


class Crashed(RuntimeError):
    """The embedder was killed."""


class Embedder:
    """Embeds a log in random batches and is killed at random places, each time to begin where it committed.

    Parameters
    ----------
    records
        By partition, in the order of the log.
    """

    def __init__(self, world: World, random: Random, records: dict[int, list[Record]]) -> None:
        self._world = world
        self._random = random
        self._records = records
        self._done = dict.fromkeys(records, 0)

    def run(self) -> None:
        """Go on until everything is committed."""
        while any(self._done[each] < len(self._records[each]) for each in self._records):
            try:
                first = self._prepared(self._done)
                second = self._prepared({each: self._next(first, each) for each in self._done})
                for batch in (first, second):
                    self._finish(batch)
            except Crashed:
                self._world.stage = self._world.new_stage()

    def _prepared(self, begin: dict[int, int]) -> Batch:
        taken: list[Record] = []
        for partition, first in begin.items():
            rest = self._records[partition][first:]
            taken += rest[: self._random.randint(0, len(rest))]
        batch = self._world.stage.prepare(sorted(taken, key=lambda record: record.timestamp_ms))
        self._world.stage.encode(batch)
        return batch

    def _finish(self, batch: Batch) -> None:
        stores = self._world.stores
        with pytest.MonkeyPatch.context() as patched:
            match self._random.randrange(6):
                case 0:
                    raise Crashed
                case 1:
                    patched.setattr(stores.passages, "upsert", self._killed)
                case 2:
                    patched.setattr(stores.passages, "delete", self._killed)
            self._world.stage.store(batch)
        if self._random.random() < 0.2:
            raise Crashed
        self._world.stage.publish(batch, self._world.producer, self._world.consumer)
        self._done = {each: self._next(batch, each) for each in self._done}

    def _killed(self, _: object) -> None:
        raise Crashed

    def _next(self, batch: Batch, partition: int) -> int:
        return max(self._done[partition], batch.positions.get(("crawl.documents", partition), 0))


@pytest.mark.parametrize("seed", range(25))
def test_every_record_has_one_outcome_and_what_is_stored_was_published(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    world = World(tmp_path)
    for _ in range(RECORDS):
        name = random.choice("abc")
        if random.random() < 0.2:
            world.crawl_raw(None, name)
            continue
        text = random.choice(
            ["Too short.", *(f"{sentences(i, 14)}\n\n{sentences(i % 2, 14)}" for i in range(6))]
        )
        world.crawl(name, text, at=random.choice([None, f"2026-01-{random.randint(1, 28):02}T00:00:00Z"]))
    records: dict[int, list[Record]] = {}
    for record in world.poll():
        records.setdefault(record.partition, []).append(record)
    Embedder(world, random, records).run()

    outcomes = world.outcomes()
    assert len(outcomes) == RECORDS
    assert set(Counter((each.source.partition, each.source.offset) for each in outcomes).values()) == {1}
    stored = {point.id for point in world.stores.passages.scroll(limit=10_000)}
    published = {each.passage_id for each in world.passages()}
    assert stored <= published
    assert published - stored <= {passage for each in outcomes for passage in each.removed}
    documents = [point.payload for point in world.stores.documents.scroll(limit=10_000)]
    assert stored == {passage for each in documents for passage in each.get("passages", ())}
    world.close()
