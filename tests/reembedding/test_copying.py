"""A collection for another encoder holds what the crawl says, however often and whenever it is filled."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from equal_stream.embedding.stage import EmbeddingStage
from equal_stream.errors import ConfigurationError
from equal_stream.reembedding.copying import Copying, only_there, portions
from equal_stream.reembedding.run import drop, reembed
from equal_stream.store.base import ModelMismatch, Point, Store, StoreUnavailable
from equal_stream.store.collections import passages
from equal_stream.store.edge import EdgeStore
from equal_stream.store.places import DirectoryPlace
from tests.embedding.world import URL, World, sentences
from tests.reembedding.encoders import NamedEncoder

OTHER = "other/fp32"
DIMENSION = 12


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A service of forty pages on the collection `passages`."""
    made = World(tmp_path)
    for number in range(40):
        made.crawl(f"page{number}", page(number))
    made.run()
    yield made
    made.close()


@pytest.fixture
def target(world: World) -> Iterator[EdgeStore]:
    """The collection to be filled."""
    store = EdgeStore(
        world.settings.data_dir / "store" / "passages-2", passages(OTHER, DIMENSION, "passages-2")
    )
    yield store
    store.close()


def page(seed: int) -> str:
    """A text that makes one passage."""
    return sentences(seed, 6)


def held(store: Store) -> set[str]:
    return {point.id for points in portions(store) for point in points}


def listed(world: World) -> set[str]:
    documents = [point for points in portions(world.stores.documents) for point in points]
    return {each for document in documents for each in document.payload.get("passages", ())}


def copying(world: World, target: Store, encoder: NamedEncoder) -> Copying:
    return Copying(world.stores.passages, target, world.stores.documents, encoder)


def test_every_passage_is_there_with_its_own_vector_and_everything_else_as_it_was(world, target) -> None:
    encoder = NamedEncoder(OTHER, DIMENSION)
    copying(world, target, encoder).fill()
    assert held(target) == held(world.stores.passages) == listed(world) != set()
    ids = sorted(held(target))
    for before, after in zip(
        world.stores.passages.get(ids, vectors=True), target.get(ids, vectors=True), strict=True
    ):
        assert after.payload == {**before.payload, "model": OTHER}
        np.testing.assert_allclose(after.vector, encoder.vector(after.payload["text"]), atol=1e-6)


def test_a_second_time_nothing_is_encoded(world, target) -> None:
    copying(world, target, NamedEncoder(OTHER, DIMENSION)).fill()
    again = NamedEncoder(OTHER, DIMENSION)
    second = copying(world, target, again)
    assert second.fill() == 0
    assert second.prune() == 0
    assert again.encoded == []
    assert second.counts.there_already == len(held(target))


class Interrupted(Exception):
    """The process ended here."""


@pytest.mark.parametrize("after", [1, 64, 90])
def test_an_interrupted_filling_goes_on_where_it_was(world, target, after: int) -> None:
    for number in range(40, 140):
        world.crawl(f"page{number}", page(number))
    world.run()
    done = 0

    def end(texts) -> None:
        nonlocal done
        done += len(texts)
        if done > after:
            raise Interrupted

    with pytest.raises(Interrupted):
        copying(world, target, NamedEncoder(OTHER, DIMENSION, end)).fill()
    written = len(held(target))
    again = NamedEncoder(OTHER, DIMENSION)
    copying(world, target, again).fill()
    assert held(target) == listed(world)
    assert len(again.encoded) == len(listed(world)) - written


def test_what_changes_while_it_is_encoded_does_not_come_back(world, target) -> None:
    """The service is on the old collection; pages change and go exactly while their texts are encoded."""
    changes = iter([
        lambda: world.crawl("page3", page(1003)),
        lambda: world.crawl_raw(None, "page4"),
        lambda: world.crawl("page99", page(99)),
    ])  # fmt: skip

    def meanwhile(texts) -> None:
        for change in changes:
            change()
        if records := world.poll():
            world.run(records)

    filling = copying(world, target, NamedEncoder(OTHER, DIMENSION, meanwhile))
    filling.fill()
    assert not held(target) - listed(world)  # superseded ones were taken out after they were written
    filling.fill()
    assert held(target) == listed(world)


def test_what_left_since_it_was_copied_is_pruned(world, target) -> None:
    filling = copying(world, target, NamedEncoder(OTHER, DIMENSION))
    filling.fill()
    before = held(target)
    world.crawl("page7", page(1007))
    world.crawl_raw(None, "page8")
    world.run()
    assert held(target) == before
    filling.fill()
    gone = before - listed(world)
    assert gone
    assert filling.prune() == len(gone)
    assert held(target) == listed(world)


def test_a_page_that_goes_back_to_what_it_said_while_it_is_pruned_keeps_its_passages(world, target) -> None:
    copying(world, target, NamedEncoder(OTHER, DIMENSION)).fill()
    world.crawl("page7", page(1007))
    world.run()
    back = DeletesAfter(target, lambda: (world.crawl("page7", page(7)), world.run()))
    copying(world, back, NamedEncoder(OTHER, DIMENSION)).prune()
    assert held(target) >= {p.id for p in world.stores.passages.scroll({"url": [f"{URL}page7"]})}
    assert only_there(world.stores.passages, target, world.stores.documents) == 0


class DeletesAfter:
    """A store in which something happens between the decision to delete and the deletion, once."""

    def __init__(self, store: Store, happens) -> None:
        self._store = store
        self._happens = [happens]

    def delete(self, ids) -> None:
        """Let it happen, then delete."""
        if self._happens:
            self._happens.pop()()
        self._store.delete(ids)

    def __getattr__(self, name: str):
        return getattr(self._store, name)


def test_the_service_writes_into_the_collection_while_it_is_filled(world, target) -> None:
    """After the switch: the embedder is on the new collection, and the old one still has what it lacks."""
    other = NamedEncoder(OTHER, DIMENSION)
    stage = EmbeddingStage(other, target, world.stores.documents, world.settings.passages)
    changes = iter([
        lambda: world.crawl("page3", page(1003)),
        lambda: world.crawl_raw(None, "page4"),
        lambda: world.crawl("page5", page(5)),  # unchanged
        lambda: world.crawl("page99", page(99)),
    ])  # fmt: skip

    def meanwhile(texts) -> None:
        for change in changes:
            change()
        records = world.poll()
        if records:
            batch = stage.prepare(records)
            stage.encode(batch)
            stage.store(batch)
            stage.publish(batch, world.producer, world.consumer)

    filling = copying(world, target, NamedEncoder(OTHER, DIMENSION, meanwhile))
    filling.fill()
    filling.fill()
    filling.prune()
    assert held(target) == listed(world)
    outcomes = world.outcome_of()
    assert {name: outcomes[name].outcome for name in ("page3", "page4", "page5", "page99")} == {
        "page3": "embedded",
        "page4": "deleted",
        "page5": "unchanged",
        "page99": "embedded",
    }
    for point in target.get(sorted(held(target)), vectors=True):
        np.testing.assert_allclose(point.vector, other.vector(point.payload["text"]), atol=1e-6)


def test_a_changed_page_whose_unchanged_passages_are_not_copied_yet_is_encoded_whole(world, target) -> None:
    long = sentences(500, 60)
    world.crawl("long", long)
    world.run()
    world.passages()
    other = NamedEncoder(OTHER, DIMENSION)
    stage = EmbeddingStage(other, target, world.stores.documents, world.settings.passages)
    world.crawl("long", f"{long} {sentences(501, 3)}")
    batch = stage.prepare(world.poll())
    stage.encode(batch)
    stage.store(batch)
    stage.publish(batch, world.producer, world.consumer)
    (item,) = batch.items
    assert len(item.passages) == item.count > 1
    assert {each.passage_id for each in world.passages()} == held(target)


class TestRun:
    """`reembed` and `drop` on a directory that no service has open."""

    @pytest.fixture
    def place(self, world: World) -> DirectoryPlace:
        world.stores.close()
        return DirectoryPlace(world.settings.data_dir / "store")

    def test_it_tells_what_it_did(self, place: DirectoryPlace) -> None:
        told: list[str] = []
        encoder = NamedEncoder(OTHER, DIMENSION)
        summary = reembed(place, "passages", "passages-2", encoder, tell=told.append)
        assert (summary.passages, summary.copied, summary.there_already) == (40, 40, 0)
        assert (summary.left_out, summary.pruned, summary.model) == (0, 0, OTHER)
        assert "40 passages of counting/fp32" in told[0]
        again = reembed(place, "passages", "passages-2", encoder)
        assert (again.passages, again.copied, again.there_already) == (40, 0, 40)
        assert place.names() == ["documents", "passages", "passages-2"]

    def test_a_collection_of_another_encoder_is_not_filled(self, place: DirectoryPlace) -> None:
        reembed(place, "passages", "passages-2", NamedEncoder(OTHER, DIMENSION))
        with pytest.raises(ModelMismatch, match="equal-stream reembed"):
            reembed(place, "passages", "passages-2", NamedEncoder("third/fp32", DIMENSION))

    def test_what_is_not_there_is_named_with_what_is(self, place: DirectoryPlace) -> None:
        encoder = NamedEncoder(OTHER, DIMENSION)
        with pytest.raises(ConfigurationError, match=r"no collection pasages; .* there: passages"):
            reembed(place, "pasages", "passages-2", encoder)
        with pytest.raises(ConfigurationError, match="holds no vectors"):
            reembed(place, "documents", "passages-2", encoder)
        with pytest.raises(ConfigurationError, match="from itself"):
            reembed(place, "passages", "passages", encoder)

    def test_the_collection_in_service_and_one_that_is_still_needed_are_not_dropped(
        self, place: DirectoryPlace
    ) -> None:
        with pytest.raises(ConfigurationError, match="in service"):
            drop(place, "passages", "passages")
        store = place.open(passages(OTHER, DIMENSION, "passages-2"))
        store.close()
        with pytest.raises(ConfigurationError, match=r"40 passages of passages are not in passages-2 yet"):
            drop(place, "passages", "passages-2")
        reembed(place, "passages", "passages-2", NamedEncoder(OTHER, DIMENSION))
        assert drop(place, "passages", "passages-2") == 40
        assert place.names() == ["documents", "passages-2"]

    def test_it_can_be_dropped_by_force(self, place: DirectoryPlace) -> None:
        assert drop(place, "passages", "passages-2", force=True) == 40
        assert place.names() == ["documents"]


def test_a_store_that_goes_away_ends_the_filling_and_another_one_goes_on(world, target) -> None:
    class Away:
        """Fails at its third writing."""

        left = 1

        def insert_new(self, points: list[Point]) -> list[str]:
            """Write, or fail."""
            if not Away.left:
                raise StoreUnavailable("gone")
            Away.left -= 1
            return target.insert_new(points)

        def __getattr__(self, name: str):
            return getattr(target, name)

    for number in range(40, 140):
        world.crawl(f"page{number}", page(number))
    world.run()
    with pytest.raises(StoreUnavailable):
        copying(world, Away(), NamedEncoder(OTHER, DIMENSION)).fill()
    assert 0 < len(held(target)) < len(listed(world))
    copying(world, target, NamedEncoder(OTHER, DIMENSION)).fill()
    assert held(target) == listed(world)
