"""A batch through the stage: what is published, what is stored, what is encoded, before and after crashes."""

import json

import numpy as np
import pytest

from equal_stream import ids
from equal_stream.messages import unpack_vector
from equal_stream.transport.base import Record
from tests.embedding.world import URL, World, sentences


def test_a_new_document_is_embedded_stored_published_and_committed(world: World) -> None:
    text = sentences(1, 60)
    world.crawl("a", text, title="A title")
    world.run()
    (outcome,) = world.outcomes()
    passages = world.passages()
    assert outcome.outcome == "embedded"
    assert outcome.doc_id == ids.doc_id(URL + "a")
    assert outcome.passages == len(passages) > 1
    for passage in passages:
        assert text[passage.start : passage.end] == passage.text
        assert passage.passage_id == ids.passage_id(passage.doc_id, passage.text, passage.start, passage.end)
        assert (passage.title, passage.lang, passage.model) == ("A title", "en", "counting/fp32")
        (point,) = world.stores.passages.get([passage.passage_id], vectors=True)
        assert point is not None
        assert point.vector is not None
        np.testing.assert_allclose(point.vector, unpack_vector(passage.vector), atol=1e-6)
        assert point.payload["text"] == passage.text
    assert world.consumer.committed() == {
        at: position for at, position in world.consumer.positions().items() if position
    }


def test_the_trace_of_a_crawl_record_goes_on_in_its_passages_and_outcome(world: World) -> None:
    trace = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"
    value = json.dumps({"url": URL + "t", "text": sentences(1)}).encode()
    world.crawl_raw(value, headers=(("traceparent", trace),))
    world.run()
    for topic in ("passages.embedded", "documents.outcomes"):
        for record in world.transport.reader([topic]).poll(10, 0.0):
            assert dict(record.headers)["traceparent"].split(b"-")[1] == b"a" * 32


def test_an_unchanged_recrawl_encodes_and_publishes_nothing_but_its_outcome(world: World) -> None:
    for number in range(20):
        world.crawl(str(number), sentences(number))
    world.run()
    world.outcomes(), world.passages()
    encoded = len(world.encoder.encoded)
    for number in range(20):
        world.crawl(str(number), sentences(number))
    world.run()
    assert {each.outcome for each in world.outcomes()} == {"unchanged"}
    assert world.passages() == []
    assert len(world.encoder.encoded) == encoded


def test_an_unchanged_recrawl_moves_the_time_that_older_versions_are_held_against(world: World) -> None:
    for at in ("2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z"):
        world.crawl("a", sentences(1), at=at)
        world.run()
    world.crawl("a", sentences(2), at="2026-01-02T00:00:00Z")
    world.run()
    assert [each.outcome for each in world.outcomes()] == ["embedded", "unchanged", "superseded"]


def test_a_changed_page_encodes_only_its_new_passages_and_names_those_that_went(world: World) -> None:
    kept = "\n\n".join(sentences(seed, 14) for seed in range(3))
    world.crawl("a", f"{kept}\n\n{sentences(90, 14)}")
    world.run()
    before = {each.passage_id for each in world.passages()}
    world.encoder.encoded.clear()
    world.crawl("a", f"{kept}\n\n{sentences(91, 14)}")
    world.run()
    outcome = world.outcomes()[-1]
    new = world.passages()
    assert outcome.outcome == "embedded"
    assert len(world.encoder.encoded) == len(new) < outcome.passages == len(before)
    assert set(outcome.removed) < before
    assert len(outcome.removed) == len(new)
    assert world.stores.passages.get(outcome.removed) == [None] * len(outcome.removed)
    assert world.stores.passages.count() == outcome.passages


def test_passages_that_stay_keep_what_others_wrote_on_them(world: World) -> None:
    kept = "\n\n".join(sentences(seed, 14) for seed in range(3))
    world.crawl("a", f"{kept}\n\n{sentences(90, 14)}")
    world.run()
    first = world.passages()[0].passage_id
    world.stores.passages.set_payload([first], {"cluster_id": 7})
    world.crawl("a", f"{kept}\n\n{sentences(91, 14)}")
    world.run()
    (point,) = world.stores.passages.get([first])
    assert point is not None
    assert point.payload["cluster_id"] == 7


def test_an_older_version_that_comes_late_is_superseded(world: World) -> None:
    world.crawl("a", sentences(1), at="2026-02-01T00:00:00Z")
    world.run()
    world.crawl("a", sentences(2), at="2026-01-01T00:00:00Z")
    world.run()
    assert [(e.outcome, e.reason) for e in world.outcomes()] == [
        ("embedded", ""),
        ("superseded", "newer-stored"),
    ]


def test_of_several_versions_in_one_batch_the_newest_counts(world: World) -> None:
    world.crawl("a", sentences(1), at="2026-01-03T00:00:00Z")
    world.crawl("a", sentences(2), at="2026-01-01T00:00:00Z")
    world.crawl("a", sentences(3), at="2026-01-02T00:00:00Z")
    world.run()
    found = world.outcomes()
    assert [each.outcome for each in found] == ["embedded", "superseded", "superseded"]
    assert {each.reason for each in found[1:]} == {"newer-in-batch"}
    assert all(passage.text in sentences(1) for passage in world.passages())


def test_a_null_value_deletes_the_document_everywhere(world: World) -> None:
    world.crawl("a", sentences(1))
    world.run()
    ids_ = [each.passage_id for each in world.passages()]
    world.crawl_raw(None, "a")
    world.run()
    outcome = world.outcomes()[-1]
    assert (outcome.outcome, outcome.removed) == ("deleted", ids_)
    assert world.stores.passages.count() == 0


def test_deleting_an_unknown_url_says_so(world: World) -> None:
    world.crawl_raw(None, "never-seen")
    world.run()
    assert [(e.outcome, e.reason) for e in world.outcomes()] == [("deleted", "unknown-url")]


def test_a_deleted_document_may_come_back_even_with_an_older_time(world: World) -> None:
    world.crawl("a", sentences(1), at="2026-01-02T00:00:00Z")
    world.crawl_raw(None, "a")
    world.run()
    world.crawl("a", sentences(1), at="2026-01-01T00:00:00Z")
    world.run()
    assert [each.outcome for each in world.outcomes()] == ["superseded", "deleted", "embedded"]


def test_a_version_after_a_deletion_in_the_same_batch_counts(world: World) -> None:
    world.crawl("a", sentences(1))
    world.run()
    old = [each.passage_id for each in world.passages()]
    world.crawl_raw(None, "a")
    world.crawl("a", sentences(2))
    world.run()
    found = world.outcomes()[1:]
    assert [(e.outcome, e.removed) for e in found] == [("deleted", []), ("embedded", old)]
    assert world.stores.passages.count() == len(world.passages())


def test_a_page_that_became_too_short_loses_its_passages(world: World) -> None:
    world.crawl("a", sentences(1))
    world.run()
    world.crawl("a", "Gone.")
    world.run()
    outcome = world.outcomes()[-1]
    assert outcome.outcome == "filtered"
    assert outcome.reason.startswith("too-short:")
    assert outcome.removed == [each.passage_id for each in world.passages()]


def test_a_crash_before_publishing_is_made_good_by_the_replay(world: World) -> None:
    kept = "\n\n".join(sentences(seed, 14) for seed in range(3))
    world.crawl("a", f"{kept}\n\n{sentences(90, 14)}")
    world.run()
    before = {each.passage_id for each in world.passages()}
    world.outcomes()
    world.crawl("a", f"{kept}\n\n{sentences(91, 14)}")
    records = world.poll()
    world.stored(records)
    world.stage = world.new_stage()
    world.encoder.encoded.clear()
    world.run(records)
    (outcome,) = world.outcomes()
    published = {each.passage_id for each in world.passages()}
    assert world.encoder.encoded == []
    assert outcome.outcome == "embedded"
    assert outcome.removed
    assert set(outcome.removed) <= before
    assert published >= {each.id for each in world.stores.passages.scroll()} - before


def test_a_crash_before_a_deletion_was_published_is_made_good_by_the_replay(world: World) -> None:
    world.crawl("a", sentences(1))
    world.run()
    world.crawl_raw(None, "a")
    records = world.poll()
    world.stored(records)
    world.stage = world.new_stage()
    world.run(records)
    assert world.outcomes()[-1].removed == [each.passage_id for each in world.passages()]


def test_a_replay_of_an_older_record_does_not_undo_a_later_one(world: World) -> None:
    world.crawl("a", sentences(1))
    world.crawl("a", sentences(2))
    first, second = world.poll()
    world.stored([first, second])
    world.stage = world.new_stage()
    world.run([first])
    world.run([second])
    assert [each.outcome for each in world.outcomes()] == ["superseded", "embedded"]
    assert all(each.text in sentences(2) for each in world.passages())


def crashed(world: World, records: list[Record]) -> None:
    """What an embedder leaves that stores a batch and ends before it publishes."""
    world.stored(records)
    world.stage = world.new_stage()


def test_a_crash_is_made_good_when_the_page_was_crawled_again_meanwhile(world: World) -> None:
    world.crawl("a", sentences(1), at="2026-01-01T00:00:00Z")
    first = world.poll()
    crashed(world, first)
    world.encoder.encoded.clear()
    world.crawl("a", sentences(1), at="2026-01-02T00:00:00Z")
    world.run([*first, *world.poll()])
    assert [each.outcome for each in world.outcomes()] == ["superseded", "embedded"]
    assert {each.passage_id for each in world.passages()} == {e.id for e in world.stores.passages.scroll()}
    assert world.encoder.encoded == []


@pytest.mark.parametrize("later", [sentences(3), sentences(1), "Too short.", None])
def test_what_a_crashed_version_removed_is_told_by_the_one_that_overtakes_it(
    world: World, later: str | None
) -> None:
    world.crawl("a", sentences(1), at="2026-01-01T00:00:00Z")
    world.run()
    before = {each.passage_id for each in world.passages()}
    world.crawl("a", sentences(2), at="2026-01-02T00:00:00Z")
    second = world.poll()
    crashed(world, second)
    if later is None:
        world.crawl_raw(None, "a")
    else:
        world.crawl("a", later, at="2026-01-03T00:00:00Z")
    world.run([*second, *world.poll()])
    gone = {passage for outcome in world.outcomes() for passage in outcome.removed}
    published = {each.passage_id for each in world.passages()}
    left = {each.id for each in world.stores.passages.scroll()}
    assert gone >= before - left
    assert left <= published


def test_a_passage_that_only_a_crashed_version_had_stored_is_published_with_the_next(world: World) -> None:
    kept = "\n\n".join(sentences(seed, 14) for seed in range(3))
    world.crawl("a", f"{kept}\n\n{sentences(90, 14)}", at="2026-01-01T00:00:00Z")
    first = world.poll()
    crashed(world, first)
    world.crawl("a", f"{kept}\n\n{sentences(91, 14)}", at="2026-01-02T00:00:00Z")
    world.run([*first, *world.poll()])
    assert {each.passage_id for each in world.passages()} == {e.id for e in world.stores.passages.scroll()}


@pytest.mark.parametrize("collection", ["documents", "passages"])
def test_a_crash_between_two_writes_to_the_store_leaves_nothing_that_is_never_published(
    world: World, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.crawl("a", sentences(1), at="2026-01-01T00:00:00Z")
    first = world.poll()

    def crash(_points: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(getattr(world.stores, collection), "upsert", crash)
        with pytest.raises(RuntimeError, match="killed"):
            world.stored(first)
    world.stage = world.new_stage()
    world.crawl("a", sentences(2), at="2026-01-02T00:00:00Z")
    world.run([*first, *world.poll()])
    assert {each.passage_id for each in world.passages()} == {e.id for e in world.stores.passages.scroll()}


def test_a_deletion_takes_passages_that_two_embedders_left_for_one_page(world: World) -> None:
    for seed in (1, 2):  # as spellings of one URL in two partitions may be read
        world.crawl("a", sentences(seed))
    one, other = world.new_stage(), world.new_stage()
    first, second = world.poll()
    batches = [one.prepare([first]), other.prepare([second])]
    for stage, batch in zip((one, other), batches, strict=True):
        stage.encode(batch)
        stage.store(batch)
        stage.publish(batch, world.producer, world.consumer)
    published = {each.passage_id for each in world.passages()}
    world.stage = world.new_stage()
    world.crawl_raw(None, "a")
    records = world.poll()
    crashed(world, records)
    world.run(records)
    assert world.stores.passages.count() == 0
    assert set(world.outcomes()[-1].removed) == published


def test_a_batch_knows_what_the_one_before_it_is_about_to_store(world: World) -> None:
    world.crawl("a", sentences(1))
    world.crawl("b", sentences(2))
    first = world.stage.prepare(world.poll())
    world.crawl("a", sentences(1))
    world.crawl("copy", sentences(2))
    second = world.stage.prepare(world.poll())
    assert [item.decision.outcome for item in first.items] == ["embedded", "embedded"]
    assert sorted(item.decision.outcome for item in second.items) == ["duplicate", "unchanged"]


def test_dropped_batches_leave_nothing_behind(world: World) -> None:
    world.crawl("a", sentences(1))
    records = world.poll()
    world.stage.prepare(records)
    world.stage.drop()
    world.run(records)
    assert [each.outcome for each in world.outcomes()] == ["embedded"]
    assert len(world.passages()) == world.stores.passages.count()
