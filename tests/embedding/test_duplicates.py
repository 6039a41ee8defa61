"""Copies of other documents: exact and near, in a batch, across batches, embedders and restarts."""

import time

import pytest

from equal_stream.embedding import claims
from tests.embedding.world import URL, World, sentences


def outcomes(world: World) -> dict[str, str]:
    return {name: each.outcome for name, each in world.outcome_of().items()}


def test_a_copy_under_another_url_names_its_original_and_is_not_encoded(world: World) -> None:
    world.crawl("a", sentences(1))
    world.run()
    encoded = len(world.encoder.encoded)
    world.stage = world.new_stage()
    world.crawl("b", sentences(1).replace(". ", ".\n"))
    world.run()
    found = world.outcome_of()
    assert (found["b"].outcome, found["b"].of) == ("duplicate", found["a"].doc_id)
    assert len(world.encoder.encoded) == encoded


def test_copies_within_one_batch_are_found(world: World) -> None:
    for name in "abc":
        world.crawl(name, sentences(1))
    world.run()
    assert sorted(outcomes(world).values()) == ["duplicate", "duplicate", "embedded"]


def test_near_copies_are_found_in_a_batch_and_in_the_store(world: World) -> None:
    text = sentences(1, 40)
    world.crawl("a", text)
    world.crawl("b", text + " And one more short sentence.")
    world.run()
    world.stage = world.new_stage()
    world.crawl("c", "Updated today. " + text)
    world.run()
    assert sorted(outcomes(world).values()) == ["duplicate", "duplicate", "embedded"]


def test_pages_of_one_template_with_other_contents_are_not_copies(world: World) -> None:
    frame = sentences(1, 6)
    for number in range(10):
        world.crawl(str(number), f"{frame} {sentences(100 + number, 10)} {sentences(2, 3)}")
    world.run()
    assert set(outcomes(world).values()) == {"embedded"}


def test_a_changed_page_is_no_copy_of_its_own_older_version(world: World) -> None:
    text = sentences(1, 40)
    for version in (text, text + " One sentence more."):
        world.crawl("a", version)
        world.run()
    assert [each.outcome for each in world.outcomes()] == ["embedded", "embedded"]


def test_a_page_that_becomes_a_copy_loses_its_own_passages(world: World) -> None:
    world.crawl("a", sentences(1))
    world.crawl("b", sentences(2))
    world.run()
    world.crawl("b", sentences(1))
    world.run()
    last = world.outcomes()[-1]
    assert last.outcome == "duplicate"
    assert last.removed
    assert world.stores.passages.count({"url": [URL + "b"]}) == 0


def test_a_copy_is_embedded_at_its_next_crawl_once_the_original_is_gone(world: World) -> None:
    world.crawl("a", sentences(1))
    world.crawl("b", sentences(1))
    world.run()
    original = next(name for name, outcome in outcomes(world).items() if outcome == "embedded")
    copy = "ab".replace(original, "")
    world.crawl_raw(None, original)
    world.run()
    world.crawl(copy, sentences(1))
    world.run()
    assert outcomes(world)[copy] == "embedded"


def test_a_copy_is_embedded_at_its_next_crawl_once_the_original_says_something_else(world: World) -> None:
    world.crawl("a", sentences(1))
    world.run()
    world.crawl("b", sentences(1))
    world.run()
    world.crawl("a", sentences(2))
    world.run()
    world.crawl("b", sentences(1))
    world.run()
    assert [each.outcome for each in world.outcomes() if each.url == URL + "b"] == ["duplicate", "embedded"]


@pytest.mark.parametrize("instead", [sentences(2), "Moved.", None])
@pytest.mark.parametrize("text", [sentences(1, 40), "Updated today. " + sentences(1, 40)])
def test_a_text_that_moves_to_another_url_within_one_batch_is_not_lost(
    world: World, text: str, instead: str | None
) -> None:
    world.crawl("old", sentences(1, 40))
    world.run()
    if instead is None:
        world.crawl_raw(None, "old")
    else:
        world.crawl("old", instead)
    world.crawl("new", text)
    world.run()
    assert [each.outcome for each in world.outcomes() if each.url == URL + "new"] == ["embedded"]
    world.crawl("copy", text)
    world.run()
    assert outcomes(world) == {"copy": "duplicate"}


def test_a_page_deleted_and_written_again_in_one_batch_still_has_its_copies(world: World) -> None:
    world.crawl("a", sentences(1))
    world.run()
    world.outcomes()
    world.crawl_raw(None, "a")
    world.crawl("a", sentences(1))
    world.crawl("b", sentences(1))
    world.run()
    assert outcomes(world) == {"a": "unchanged", "b": "duplicate"}


def test_of_two_embedders_with_the_same_content_at_the_same_time_one_embeds_it(world: World) -> None:
    world.crawl("a", sentences(1))
    world.crawl("b", sentences(1))
    first, second = world.poll()
    one, other = world.new_stage(), world.new_stage()
    batches = [one.prepare([first]), other.prepare([second])]
    assert [batch.items[0].decision.outcome for batch in batches] == ["embedded", "duplicate"]


def test_the_claim_of_a_crashed_embedder_does_not_hinder_its_record_when_it_is_read_again(
    world: World,
) -> None:
    world.crawl("a", sentences(1))
    records = world.poll()
    world.new_stage().prepare(records)
    world.run(records)
    assert outcomes(world) == {"a": "embedded"}


def test_a_claim_without_a_trace_of_its_owner_ends_after_a_while(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.crawl("lost", sentences(1))
    world.new_stage().prepare(world.poll())
    world.crawl("b", sentences(1))
    (record,) = world.poll()
    assert world.new_stage().prepare([record]).items[0].decision.outcome == "duplicate"
    monkeypatch.setattr(claims, "_HOLDS_SECONDS", -time.time())
    assert world.new_stage().prepare([record]).items[0].decision.outcome == "embedded"


def test_a_claim_is_void_once_its_owner_went_another_way(world: World) -> None:
    world.crawl("a", sentences(1))
    world.new_stage().prepare(world.poll())
    world.crawl("a", sentences(2))
    world.run()
    world.crawl("b", sentences(1))
    world.run()
    assert outcomes(world)["b"] == "embedded"


def test_claims_of_contents_that_went_away_do_not_pile_up(world: World) -> None:
    for seed in range(5):
        world.crawl("a", sentences(seed))
        world.run()
    kinds = [point.payload["kind"] for point in world.stores.documents.scroll()]
    assert sorted(kinds) == ["claim", "document"]
