"""Which version of a URL counts."""

from hypothesis import given
from hypothesis import strategies as st

from equal_stream.embedding.documents import StoredDocument, source_name
from equal_stream.embedding.fingerprint import fingerprint
from equal_stream.embedding.intake import Arrival, Deletion, Version
from equal_stream.embedding.versions import Survivor, against_stored, newest_of_batch
from equal_stream.transport.base import Record

PRINT = fingerprint("content")


def record(offset: int, partition: int = 0) -> Record:
    return Record("crawl.documents", partition, offset, b"k", b"v", (), 1)


def version(offset: int, at: float, doc_id: str = "d", partition: int = 0) -> Version:
    return Version(record(offset, partition), doc_id, doc_id, at, "content", "", "en", PRINT)


def deletion(offset: int, doc_id: str = "d") -> Deletion:
    return Deletion(record(offset), doc_id, doc_id, 0.0)


def stored(offset: int, at: float, partition: int = 0, **more: object) -> StoredDocument:
    known = {"state": "embedded", "content_hash": PRINT.content_hash} | more
    source = f"crawl.documents/{partition}/{offset}"
    return StoredDocument(url="d", doc_id="d", source=source, fetched_at=at, **known)


arrivals = st.lists(
    st.tuples(st.booleans(), st.integers(0, 3), st.sampled_from("abc")), min_size=1, max_size=12
).map(
    lambda rows: [
        deletion(n, doc) if delete else version(n, at, doc) for n, (delete, at, doc) in enumerate(rows)
    ]
)


@given(arrivals)
def test_every_record_survives_or_is_overtaken_and_one_of_each_url_survives(rows: list[Arrival]) -> None:
    survivors, overtaken = newest_of_batch(rows)
    found = [each.arrival.record.offset for each in survivors]
    assert len({each.arrival.doc_id for each in survivors}) == len(survivors)
    assert sorted([*found, *(d.arrival.record.offset for d in overtaken)]) == list(range(len(rows)))


@given(arrivals)
def test_nothing_from_before_a_deletion_survives(rows: list[Arrival]) -> None:
    last = {each.doc_id: n for n, each in enumerate(rows) if isinstance(each, Deletion)}
    for survivor in newest_of_batch(rows)[0]:
        assert survivor.arrival.record.offset >= last.get(survivor.arrival.doc_id, 0)


def test_at_the_same_time_the_later_in_the_log_counts() -> None:
    survivors, _ = newest_of_batch([version(0, 5.0), version(1, 5.0), version(2, 4.0)])
    assert survivors[0].arrival.record.offset == 1


def outcome(survivor: Survivor, of: StoredDocument | None) -> str | None:
    decision = against_stored(survivor, of)
    return decision and decision.outcome


def test_unknown_documents_and_other_contents_go_on() -> None:
    assert outcome(Survivor(version(1, 5.0)), None) is None
    assert outcome(Survivor(version(1, 5.0)), stored(0, 4.0, content_hash="other")) is None


def test_the_same_content_from_another_record_is_unchanged() -> None:
    assert outcome(Survivor(version(1, 5.0)), stored(0, 5.0)) == "unchanged"


def test_the_record_that_wrote_what_is_stored_is_a_replay() -> None:
    decision = against_stored(Survivor(version(1, 5.0)), stored(1, 5.0))
    assert decision is not None
    assert (decision.outcome, decision.replay) == ("embedded", True)


def test_a_record_that_overtook_the_one_that_wrote_what_is_stored_goes_on_for_it() -> None:
    survivor = Survivor(version(2, 6.0), overtook=(version(1, 5.0),))
    decision = against_stored(survivor, stored(1, 5.0))
    assert decision is not None
    assert (decision.outcome, decision.replay) == ("embedded", True)


def test_in_another_partition_a_version_recorded_before_a_deletion_does_not_undo_it() -> None:
    late = Survivor(version(9, 1.0, partition=1))  # recorded 1 ms after the epoch
    assert outcome(late, stored(3, 2.0, state="deleted")) == "superseded"
    assert outcome(late, stored(3, 0.0005, state="deleted")) is None


def test_what_was_filtered_or_a_copy_is_judged_anew() -> None:
    assert outcome(Survivor(version(1, 5.0)), stored(0, 5.0, state="duplicate")) is None
    assert outcome(Survivor(version(1, 5.0)), stored(0, 5.0, state="filtered")) is None


def test_an_older_version_is_superseded_unless_a_deletion_lies_between() -> None:
    assert outcome(Survivor(version(9, 3.0)), stored(0, 5.0)) == "superseded"
    assert outcome(Survivor(version(9, 3.0), anew=True), stored(0, 5.0, content_hash="other")) is None
    assert outcome(Survivor(version(9, 3.0)), stored(0, 5.0, state="deleted")) is None


def test_a_record_that_the_stored_one_came_after_in_the_log_is_superseded() -> None:
    assert outcome(Survivor(version(1, 5.0)), stored(2, 5.0)) == "superseded"
    assert outcome(Survivor(deletion(1)), stored(2, 5.0)) == "superseded"


def test_a_log_that_was_made_anew_does_not_hold_newer_versions_back() -> None:
    assert outcome(Survivor(version(1, 9.0)), stored(1000, 5.0, content_hash="other")) is None


def test_names_of_sources_tell_topic_partition_and_offset() -> None:
    assert source_name(version(7, 1.0).source) == "crawl.documents/0/7"
