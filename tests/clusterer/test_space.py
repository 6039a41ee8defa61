"""A clusterer goes over to another encoder with its clusters, and learns from one encoder's vectors only."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from equal_stream import topics
from equal_stream.clusterer import space
from equal_stream.clusterer.members import newest_model
from equal_stream.clusterer.space import NothingKept, Stopped
from equal_stream.messages import EmbeddedPassage, pack_vector, unpack_vector
from equal_stream.snapshots import SnapshotStore
from equal_stream.transport.codec import encode
from tests.embedding.world import URL
from tests.reembedding.switching import BEFORE, NEW, OLD, OTHER_LENGTH, SAME_LENGTH, THEMES, Switching, page

ENCODERS = pytest.mark.parametrize("after", [SAME_LENGTH, OTHER_LENGTH], ids=["same length", "other length"])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Switching]:
    """A service that has clustered sixty pages of each of four themes."""
    made = Switching(tmp_path)
    made.crawl_themes(range(60))
    made.embed(BEFORE, OLD)
    made.cluster(OLD)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "FIRST_PAUSE", 0.02)


def clusters_of_themes(world: Switching, model: str) -> dict[str, int]:
    """The cluster in which most passages of each theme were last put under a model."""
    found: dict[str, list[int]] = {theme: [] for theme in THEMES}
    for each in world.assigned():
        if each.model == model:
            found[each.url.removeprefix(URL).rstrip("0123456789")].append(each.cluster_id)
    return {theme: max(set(ids), key=ids.count) for theme, ids in found.items() if ids}


@ENCODERS
def test_clusters_keep_ids_sizes_and_documents_in_the_other_space(world: Switching, after) -> None:
    before = clusters_of_themes(world, BEFORE.identity)
    sizes = world.cluster(OLD).clusterer.sizes()
    assert len(set(before.values())) == len(THEMES)
    world.reembed(after)
    world.crawl_themes(range(60, 70))
    world.embed(after, NEW)
    stage = world.cluster(NEW)
    assert clusters_of_themes(world, after.identity) == before
    assert set(stage.clusterer.sizes()) >= set(before.values())
    assert sum(stage.clusterer.sizes().values()) == pytest.approx(sum(sizes.values()) + 40, rel=0.02)
    assert stage.space.model == after.identity
    assert stage.clusterer.centroids()[1].shape[1] == after.dimension
    again = world.cluster(NEW)
    assert again.space.model == after.identity
    np.testing.assert_array_equal(again.clusterer.centroids()[1], stage.clusterer.centroids()[1])


@ENCODERS
def test_passages_embedded_before_the_switch_and_read_after_it_take_their_new_vectors(
    world: Switching, after
) -> None:
    world.crawl_themes(range(60, 65))
    world.embed(BEFORE, OLD)  # not read by the clusterer yet
    world.reembed(after)
    world.crawl_themes(range(65, 70))
    world.embed(after, NEW)
    world.cluster(NEW, at_once=7)
    assigned = {each.url.removeprefix(URL): each for each in world.assigned()}
    late = [assigned[f"{theme}{number}"] for theme in THEMES for number in range(60, 70)]
    before = clusters_of_themes(world, BEFORE.identity)
    for each in late:
        name = each.url.removeprefix(URL)
        theme, number = name.rstrip("0123456789"), int(name.lstrip("abcdefghijklmnopqrstuvwxyz"))
        encoder = BEFORE if each.model == BEFORE.identity else after
        np.testing.assert_allclose(unpack_vector(each.vector), encoder.vector(page(theme, number)), atol=1e-5)
        assert each.cluster_id == before[theme]
    assert {each.model for each in late[5:10]} == {after.identity}
    assert len(world.assigned()) == len({each.passage_id for each in world.assigned()}) == 280


def test_nothing_of_the_old_space_is_learned_once_it_has_changed(world: Switching) -> None:
    world.reembed(SAME_LENGTH)
    world.crawl_themes(range(60, 62))
    world.embed(SAME_LENGTH, NEW)
    world.crawl_themes(range(62, 70))
    world.embed(BEFORE, OLD)  # an old embedder that has not been stopped yet
    world.reembed(SAME_LENGTH)
    world.cluster(NEW, at_once=9)
    after = world.assigned()[240:]
    assert {each.model for each in after} == {SAME_LENGTH.identity}
    assert len(after) == 40


def test_it_waits_for_a_passage_that_is_not_embedded_again_yet(
    world: Switching, caplog: pytest.LogCaptureFixture
) -> None:
    world.reembed(SAME_LENGTH)
    world.crawl("river77", page("river", 77))
    world.embed(BEFORE, OLD)
    world.crawl("river78", page("river", 78))
    world.embed(SAME_LENGTH, NEW)
    stop = threading.Event()
    thread = threading.Thread(target=world.cluster, args=(NEW, stop))
    thread.start()
    while "run `equal-stream reembed --from OLD --into passages-2`" not in caplog.text:
        time.sleep(0.01)
    world.reembed(SAME_LENGTH)
    thread.join(timeout=30)
    assert not thread.is_alive()
    assigned = {each.url: each.model for each in world.assigned()}
    assert assigned[f"{URL}river77"] == assigned[f"{URL}river78"] == SAME_LENGTH.identity


def test_a_stop_while_it_waits_commits_nothing_and_the_next_one_goes_on(world: Switching) -> None:
    world.crawl("river78", page("river", 78))
    world.embed(SAME_LENGTH, NEW)  # before anything was embedded again
    stop = threading.Event()
    stop.set()
    before = len(world.assigned())
    with pytest.raises(Stopped):
        world.cluster(NEW, stop)
    assert len(world.assigned()) == before
    world.reembed(SAME_LENGTH)
    world.cluster(NEW)
    assert len(world.assigned()) == before + 1


def test_a_role_that_was_not_started_anew_waits_and_says_so(
    world: Switching, caplog: pytest.LogCaptureFixture
) -> None:
    world.reembed(SAME_LENGTH)
    world.crawl("river78", page("river", 78))
    world.embed(SAME_LENGTH, NEW)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        world.cluster(OLD, stop)
    assert "start this role with its embedding.model and store.passages" in caplog.text


def test_a_passage_that_left_the_crawl_meanwhile_is_passed_over(world: Switching) -> None:
    world.crawl("river77", page("river", 77))
    world.crawl("river76", page("river", 76))
    world.embed(BEFORE, OLD)
    world.reembed(SAME_LENGTH)
    world.crawl("river77", page("river", 177))
    world.crawl("river76", None)
    world.embed(SAME_LENGTH, NEW)
    world.cluster(NEW)
    late = [each.url for each in world.assigned()[240:]]
    assert late == [f"{URL}river77"]
    assert not world.records(topics.dead_letter(topics.EMBEDDED.name))


def test_a_cluster_whose_pages_are_all_gone_ends_with_an_heir(world: Switching) -> None:
    before = clusters_of_themes(world, BEFORE.identity)
    world.reembed(SAME_LENGTH)
    for number in range(60):
        world.crawl(f"violin{number}", None)
    world.crawl_themes(range(60, 70), ["river", "engine", "glacier"])
    world.embed(SAME_LENGTH, NEW)
    stage = world.cluster(NEW)
    (death,) = [event for event in world.events() if event.event == "death"]
    assert death.cluster_id == before["violin"]
    (heir,) = death.children
    assert stage.clusterer.resolve(before["violin"]) == heir
    assert heir in stage.clusterer.sizes()


def test_a_crash_after_the_switch_and_before_its_commit_switches_again(world: Switching) -> None:
    world.reembed(SAME_LENGTH)
    world.crawl_themes(range(60, 62))
    world.embed(SAME_LENGTH, NEW)
    before = clusters_of_themes(world, BEFORE.identity)
    snapshots = SnapshotStore(world.settings.data_dir / "state" / "clusterer")
    committed = snapshots.newest()
    assert committed is not None
    world.cluster(NEW)
    first = {each.passage_id: each.cluster_id for each in world.assigned()[240:]}
    # What a crash leaves: the snapshot of the new space, and positions of the old one.
    ahead = snapshots.newest()
    assert ahead is not None
    assert (committed.model, ahead.model) == (BEFORE.identity, SAME_LENGTH.identity)
    consumer = world.transport.reader([topics.EMBEDDED.name], "clusterer")
    consumer.commit(committed.at())
    consumer.close()
    world.cluster(NEW)
    second = {each.passage_id: each.cluster_id for each in world.assigned()[248:]}
    assert first == second
    assert clusters_of_themes(world, SAME_LENGTH.identity) == before


def test_clusters_of_a_release_that_did_not_note_its_encoder_are_carried_over_too(world: Switching) -> None:
    before = clusters_of_themes(world, BEFORE.identity)
    snapshots = SnapshotStore(world.settings.data_dir / "state" / "clusterer")
    newest = snapshots.newest()
    assert newest is not None
    snapshots.save(newest.state, newest.at())
    assert newest_model(world.transport) == BEFORE.identity
    world.reembed(SAME_LENGTH)
    world.crawl_themes(range(60, 70))
    world.embed(SAME_LENGTH, NEW)
    world.cluster(NEW)
    assert clusters_of_themes(world, SAME_LENGTH.identity) == before


def test_a_first_batch_that_names_two_encoders_is_taken_under_that_of_the_collection(tmp_path: Path) -> None:
    world = Switching(tmp_path)
    world.crawl_themes(range(30))
    world.embed(BEFORE, OLD)
    world.reembed(OTHER_LENGTH)
    world.crawl_themes(range(30, 35))
    world.embed(OTHER_LENGTH, NEW)
    stage = world.cluster(NEW)
    assert stage.space.model == OTHER_LENGTH.identity
    assert len(world.assigned()) == 140
    assert {each.model for each in world.assigned()} == {OTHER_LENGTH.identity}
    world.close()


def test_and_back_again(world: Switching) -> None:
    before = clusters_of_themes(world, BEFORE.identity)
    world.reembed(OTHER_LENGTH)
    world.crawl_themes(range(60, 70))
    world.embed(OTHER_LENGTH, NEW)
    world.cluster(NEW)
    world.reembed(BEFORE, NEW, OLD)
    world.crawl_themes(range(70, 80))
    world.embed(BEFORE, OLD)
    stage = world.cluster(OLD)
    assert clusters_of_themes(world, BEFORE.identity) == before
    assert stage.clusterer.centroids()[1].shape[1] == BEFORE.dimension


def test_a_passage_nobody_knows_that_names_another_encoder_becomes_a_dead_letter(world: Switching) -> None:
    forged = EmbeddedPassage(
        passage_id="7d444840-9dc0-11d1-b245-5ffdce74fad2",
        doc_id="7d444840-9dc0-11d1-b245-5ffdce74fad3",
        url="https://elsewhere.example/",
        title="",
        lang="en",
        start=0,
        end=4,
        text="text",
        tokens=1,
        vector=pack_vector(np.ones(24, np.float32)),
        model="forged/fp32",
    )
    producer = world.transport.producer()
    for message in (forged, msgspec.structs.replace(forged, passage_id="none", doc_id="none")):
        producer.send(encode(message, topic=topics.EMBEDDED.name, key=message.passage_id, source="/test"))
    producer.flush()
    producer.close()
    world.cluster(OLD)
    letters = world.records(topics.dead_letter(topics.EMBEDDED.name))
    assert [dict(each.headers)["dlq_reason"] for each in letters] == [b"other-model"] * 2
    assert len(world.assigned()) == 240


def test_clusters_of_which_nothing_is_left_are_not_carried_over(world: Switching) -> None:
    world.reembed(SAME_LENGTH)
    for theme in THEMES:
        for number in range(60):
            world.crawl(f"{theme}{number}", None)
    world.crawl("river78", page("river", 78))
    world.embed(SAME_LENGTH, NEW)
    with pytest.raises(NothingKept, match="state/clusterer"):
        world.cluster(NEW)
