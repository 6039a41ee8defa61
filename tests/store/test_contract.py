"""What every store must do, run for each kind of store."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equal_stream.store.base import CollectionSpec, ModelMismatch, Point, Store

pytestmark = [  # of qdrant-client's local mode
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect"),
    pytest.mark.filterwarnings("ignore:Local mode performs exact"),
]

D = 24
VECTORS = CollectionSpec(
    name="passages",
    dimension=D,
    indexes={"doc_id": "keyword", "lang": "keyword", "cluster_id": "integer"},
    model="encoder/fp32",
)
PAYLOADS = CollectionSpec(name="documents", dimension=None, indexes={"bands": "keyword", "url": "keyword"})


def unit(seed: int, n: int = 1, d: int = D) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def new_id() -> str:
    return str(uuid.uuid4())


def with_vectors(n: int, seed: int = 0, **payload: object) -> list[Point]:
    return [
        Point(new_id(), vector, {"n": i, "lang": "en" if i % 2 else "de", "cluster_id": i % 3, **payload})
        for i, vector in enumerate(unit(seed, n))
    ]


def document(**payload: object) -> Point:
    return Point(new_id(), None, dict(payload))


@pytest.fixture
def passages(open_store) -> Store:
    return open_store(VECTORS)


@pytest.fixture
def documents(open_store) -> Store:
    return open_store(PAYLOADS)


def test_what_was_upserted_is_returned_in_the_order_asked_with_none_for_the_unknown(passages):
    points = with_vectors(5)
    passages.upsert(points)
    got = passages.get([points[3].id, new_id(), points[0].id])
    assert [point and point.payload["n"] for point in got] == [3, None, 0]
    assert got[0].vector is None


def test_an_id_asked_for_twice_is_returned_twice(documents):
    point = document(url="a")
    documents.upsert([point])
    assert [p.payload for p in documents.get([point.id, point.id])] == [{"url": "a"}] * 2


def test_upserting_the_same_points_again_changes_nothing(passages):
    points = with_vectors(20)
    passages.upsert(points)
    passages.upsert(points)
    assert passages.count() == 20


def test_upsert_replaces_the_whole_payload_and_the_vector(passages):
    [point] = with_vectors(1)
    passages.upsert([point])
    other = unit(99)[0]
    passages.upsert([Point(point.id, other, {"lang": "fr"})])
    [got] = passages.get([point.id], vectors=True)
    assert got.payload == {"lang": "fr"}
    assert np.allclose(got.vector, other, atol=1e-3)


def test_of_an_id_upserted_twice_in_one_call_the_last_stays(documents):
    id_ = new_id()
    documents.upsert([Point(id_, None, {"url": "first", "extra": 1}), Point(id_, None, {"url": "last"})])
    assert [p.payload for p in documents.get([id_])] == [{"url": "last"}]


def test_unit_vectors_survive_within_a_thousandth_as_float32(passages):
    points = with_vectors(50)
    passages.upsert(points)
    for sent, got in zip(points, passages.get([p.id for p in points], vectors=True), strict=True):
        assert got.vector.dtype == np.float32
        assert np.abs(got.vector - sent.vector).max() < 1e-3


def test_insert_new_leaves_taken_ids_untouched_and_names_them(documents):
    old, new = document(url="old"), document(url="new")
    documents.upsert([old])
    taken = documents.insert_new([Point(old.id, None, {"url": "changed"}), new])
    assert taken == [old.id]
    assert [p.payload for p in documents.get([old.id, new.id])] == [{"url": "old"}, {"url": "new"}]


def test_insert_new_counts_an_id_given_twice_as_taken_the_second_time(documents):
    id_ = new_id()
    taken = documents.insert_new([Point(id_, None, {"url": "first"}), Point(id_, None, {"url": "second"})])
    assert taken == [id_]
    assert documents.get([id_])[0].payload == {"url": "first"}


def test_insert_new_keeps_vectors(passages):
    points = with_vectors(3)
    assert passages.insert_new(points) == []
    got = passages.get([p.id for p in points], vectors=True)
    assert np.allclose([p.vector for p in got], [p.vector for p in points], atol=1e-3)


def test_of_several_threads_inserting_one_id_exactly_one_inserts(documents):
    ids = [new_id() for _ in range(20)]

    def insert(who: int) -> list[str]:
        return [taken for id_ in ids for taken in documents.insert_new([Point(id_, None, {"who": who})])]

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(insert, range(4)))
    for id_, point in zip(ids, documents.get(ids), strict=True):
        assert [who for who in range(4) if id_ not in taken[who]] == [point.payload["who"]]


def test_scroll_visits_every_point_once_in_the_order_of_ids(passages):
    points = with_vectors(57)
    passages.upsert(points)
    seen: list[str] = []
    while page := passages.scroll(limit=10, after=seen[-1] if seen else None):
        assert all(point.vector is None for point in page)
        seen += [point.id for point in page]
    assert seen == sorted(point.id for point in points)


def test_scroll_goes_on_after_an_id_that_was_deleted_meanwhile(documents):
    points = [document(url=str(i)) for i in range(10)]
    documents.upsert(points)
    first = documents.scroll(limit=4)
    documents.delete([p.id for p in first])
    rest = documents.scroll(limit=10, after=first[-1].id)
    assert [p.id for p in rest] == sorted(p.id for p in points)[4:]


def test_scroll_with_a_filter_visits_all_that_match_and_no_other(passages):
    points = with_vectors(30)
    passages.upsert(points)
    seen: list[str] = []
    while page := passages.scroll({"lang": ["en"]}, limit=4, after=seen[-1] if seen else None):
        seen += [point.id for point in page]
    assert seen == sorted(p.id for p in points if p.payload["lang"] == "en")


def test_a_filter_wants_any_of_the_values_of_a_field_and_all_of_the_fields(passages):
    passages.upsert(with_vectors(12))
    assert passages.count({"cluster_id": [0, 2]}) == 8
    assert passages.count({"cluster_id": [0, 2], "lang": ["en"]}) == 4
    assert passages.count({"cluster_id": [0], "lang": ["xx"]}) == 0


def test_a_field_without_values_matches_nothing_and_no_field_matches_all(passages):
    passages.upsert(with_vectors(4))
    assert passages.count({"lang": []}) == 0
    assert passages.scroll({"lang": []}) == []
    assert passages.count({}) == passages.count() == 4


def test_a_list_in_the_payload_matches_when_it_contains_one_of_the_values(documents):
    a, b = document(bands=["0:aa", "1:bb"]), document(bands=["0:aa", "1:cc"])
    documents.upsert([a, b, document(bands=["0:zz"]), document(bands=[]), document(url="none")])
    found = documents.find([{"bands": ["1:bb", "9:no"]}, {"bands": ["0:aa"]}, {"bands": ["9:no"]}])
    assert [{p.id for p in hits} for hits in found] == [{a.id}, {a.id, b.id}, set()]
    assert found[0][0].payload == a.payload


def test_find_returns_no_more_than_its_limit(documents):
    documents.upsert([document(bands=["x"]) for _ in range(9)])
    assert [len(hits) for hits in documents.find([{"bands": ["x"]}, {"bands": ["y"]}], limit=4)] == [4, 0]


def test_a_field_that_is_not_indexed_can_be_matched_too(documents):
    point = document(url="u", source="t/0/1")
    documents.upsert([point, document(url="u", source="t/0/2")])
    assert [p.id for p in documents.scroll({"source": ["t/0/1"]})] == [point.id]


def test_neighbours_come_nearest_first_with_their_cosine_and_payload(passages):
    points = with_vectors(200)
    passages.upsert(points)
    queries = unit(7, 3)
    scores = queries @ np.array([p.vector for p in points]).T
    for row, hits in zip(scores, passages.knn(queries, 5), strict=True):
        best = np.argsort(-row)[:5]
        assert [hit.id for hit in hits] == [points[i].id for i in best]
        assert np.allclose([hit.score for hit in hits], row[best], atol=1e-3)
        assert [hit.payload["n"] for hit in hits] == best.tolist()


def test_neighbours_can_be_filtered(passages):
    points = with_vectors(60)
    passages.upsert(points)
    [hits] = passages.knn(unit(7), 60, {"lang": ["en"], "cluster_id": [1]})
    wanted = {p.id for p in points if p.payload["lang"] == "en" and p.payload["cluster_id"] == 1}
    assert {hit.id for hit in hits} == wanted


def test_there_are_no_more_neighbours_than_points(passages):
    passages.upsert(with_vectors(3))
    assert [len(hits) for hits in passages.knn(unit(1, 2), 10)] == [3, 3]


def test_deleted_points_are_gone_and_unknown_ids_are_ignored(passages):
    points = with_vectors(6)
    passages.upsert(points)
    passages.delete([points[0].id, new_id(), points[1].id])
    assert passages.count() == 4
    assert passages.get([points[0].id]) == [None]
    assert points[0].id not in {hit.id for hit in passages.knn(points[0].vector[None], 10)[0]}


def test_a_deleted_id_can_be_inserted_again(documents):
    point = document(url="a")
    documents.upsert([point])
    documents.delete([point.id])
    assert documents.insert_new([point]) == []
    assert documents.count() == 1


def test_set_payload_changes_the_fields_named_and_ignores_unknown_ids(passages):
    [point] = with_vectors(1)
    passages.upsert([point])
    passages.set_payload([new_id(), point.id], {"cluster_id": 7, "seen": ["x"]})
    assert passages.count() == 1
    assert passages.get([point.id])[0].payload == {**point.payload, "cluster_id": 7, "seen": ["x"]}
    assert passages.count({"cluster_id": [7]}) == 1


def test_nothing_asked_is_nothing_done(passages):
    passages.upsert([])
    passages.set_payload([], {"a": 1})
    passages.delete([])
    assert passages.insert_new([]) == []
    assert passages.get([]) == []
    assert passages.scroll() == []
    assert passages.find([]) == []
    assert passages.knn(np.empty((0, D), np.float32), 5) == []
    assert passages.knn(unit(0, 2), 5) == [[], []]
    assert passages.count() == 0


def test_a_thousand_points_go_in_one_call(passages):
    points = with_vectors(1000)
    passages.upsert(points)
    assert passages.count() == 1000
    assert [p.payload["n"] for p in passages.get([p.id for p in points])] == list(range(1000))


def test_a_thousand_new_points_go_in_one_call(documents):
    points = [document(url=str(i)) for i in range(1000)]
    documents.upsert(points[::2])
    assert sorted(documents.insert_new(points)) == sorted(p.id for p in points[::2])
    assert documents.count() == 1000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abcé漢", min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(max_size=200), value=json_values)
def test_any_text_and_any_json_survive_in_the_payload(documents, text, value):
    point = document(url=text, value=value)
    documents.upsert([point])
    assert documents.get([point.id])[0].payload == {"url": text, "value": value}


def test_a_text_in_any_script_can_be_matched(documents):
    urls = ["https://例え.jp/ページ", "https://مثال.example/א", "a b\n\"c\" 'd' \\ \0", "🦀" * 50]
    documents.upsert([document(url=url) for url in urls])
    assert [[p.payload["url"] for p in hits] for hits in documents.find([{"url": [u]} for u in urls])] == [
        [url] for url in urls
    ]


def test_a_vector_of_another_length_or_none_is_refused(passages):
    with pytest.raises(ValueError, match=f"vector of {D} numbers"):
        passages.upsert([Point(new_id(), unit(0, d=D + 1)[0], {})])
    with pytest.raises(ValueError, match=f"vector of {D} numbers"):
        passages.insert_new([Point(new_id(), None, {})])
    with pytest.raises(ValueError, match="arrays"):
        passages.knn(unit(0, d=D + 1), 3)
    assert passages.count() == 0


def test_a_collection_of_payloads_takes_no_vectors(documents):
    with pytest.raises(ValueError, match="payloads only"):
        documents.upsert([Point(new_id(), unit(0)[0], {})])
    with pytest.raises(ValueError, match="payloads only"):
        documents.knn(unit(0), 3)


def test_what_was_written_is_there_when_the_collection_is_opened_again(open_store):
    points = with_vectors(300)
    first = open_store(VECTORS)
    first.upsert(points)
    first.delete([points[0].id])
    first.set_payload([points[1].id], {"cluster_id": 9})
    again = open_store(VECTORS)
    assert again.count() == 299
    assert again.get([points[1].id])[0].payload["cluster_id"] == 9
    [[hit]] = again.knn(points[2].vector[None], 1)
    assert hit.id == points[2].id


@pytest.mark.parametrize("other", [{"model": "encoder/bf16"}, {"dimension": D + 1}])
def test_vectors_of_another_model_or_dimension_are_refused_in_one_sentence(open_store, other):
    open_store(VECTORS).upsert(with_vectors(2))
    with pytest.raises(ModelMismatch, match="EQUAL_STREAM_EMBEDDING__MODEL") as refused:
        open_store(replace(VECTORS, **other))
    assert "\n" not in str(refused.value)


def test_the_two_collections_do_not_see_each_other(passages, documents):
    passages.upsert(with_vectors(2))
    documents.upsert([document(url="a")])
    assert (passages.count(), documents.count()) == (2, 1)


def test_readers_and_a_writer_work_side_by_side(passages):
    points = with_vectors(600)

    def read() -> None:
        for _ in range(15):
            assert len(passages.knn(unit(3), 5)[0]) <= 5
            assert len(passages.scroll(limit=20)) <= 20
            assert passages.count({"lang": ["en"]}) <= passages.count()

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        for start in range(0, 600, 100):
            passages.upsert(points[start : start + 100])
        for reader in readers:
            reader.result()
    assert passages.count() == 600


def test_a_dropped_collection_is_gone_and_its_name_is_free_for_another_encoder(open_store):
    store, beside = open_store(VECTORS), open_store(PAYLOADS)
    store.upsert(with_vectors(5))
    beside.upsert([document(url="kept")])
    store.drop()
    other = replace(VECTORS, model="another/fp32", dimension=D + 1)
    again = open_store(other)
    assert again.count() == 0
    again.upsert([Point(new_id(), unit(1, d=D + 1)[0], {})])
    assert again.count() == 1
    assert beside.count() == 1
