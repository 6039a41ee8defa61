"""The store that a Ray actor owns: its end, its restart, and answers that never arrive."""

import os
import uuid
from dataclasses import replace

import numpy as np
import pytest
import ray
from ray.exceptions import RayActorError

from equal_stream.settings import Settings, StoreSettings
from equal_stream.store.base import ModelMismatch, Point, StoreUnavailable
from equal_stream.store.collections import DOCUMENTS
from equal_stream.store.edge import EdgeStore
from equal_stream.store.factory import open_stores
from equal_stream.store.owner_calls import owner_of
from equal_stream.store.remote import RemoteStore


def document(**payload: object) -> Point:
    return Point(str(uuid.uuid4()), None, dict(payload))


@pytest.fixture
def store(owned, request) -> RemoteStore:
    return RemoteStore(owned, replace(DOCUMENTS, name=request.node.name))


def test_what_was_written_is_there_after_the_owner_was_killed_and_nobody_notices(owned, store):
    points = [document(url=str(i)) for i in range(100)]
    for start in range(0, 100, 10):
        store.upsert(points[start : start + 10])
        if start == 40:
            ray.kill(owner_of(owned), no_restart=False)
    assert store.count() == 100
    assert store.find([{"url": ["7"]}, {"url": ["93"]}]) == [[points[7]], [points[93]]]


def test_an_owner_that_is_gone_for_good_is_replaced(owned, store):
    store.upsert([document(url="a")])
    ray.kill(owner_of(owned))
    assert store.count() == 1


def test_an_insert_whose_answer_was_lost_is_known_as_ones_own(store, monkeypatch):
    mine, theirs = document(url="mine"), document(url="theirs")
    store.upsert([theirs])
    arrive = ray.get
    lost = []

    def lose_the_first(answer, timeout):
        result = arrive(answer, timeout=timeout)
        if not lost:
            lost.append(result)
            raise RayActorError
        return result

    monkeypatch.setattr(ray, "get", lose_the_first)
    assert store.insert_new([mine, theirs]) == [theirs.id]
    assert store.get([mine.id]) == [mine]


def test_a_store_that_does_not_answer_is_unavailable_in_one_sentence(cluster, tmp_path):
    settings = Settings(data_dir=tmp_path, store=StoreSettings(timeout_seconds=1.5))
    held = EdgeStore(tmp_path / "store" / "documents", DOCUMENTS)
    try:
        with pytest.raises(StoreUnavailable, match="EQUAL_STREAM_STORE__TIMEOUT_SECONDS") as unavailable:
            RemoteStore(settings, DOCUMENTS)
        assert "\n" not in str(unavailable.value)
        assert str(tmp_path) in str(unavailable.value)
    finally:
        held.close()
        ray.kill(owner_of(settings))


def test_without_a_url_both_collections_are_those_of_the_owner(cluster, tmp_path):
    settings = Settings(data_dir=tmp_path)
    stores = open_stores(settings, "encoder/fp32", 3)
    stores.passages.upsert([Point(str(uuid.uuid4()), np.eye(3, dtype=np.float32)[0], {"doc_id": "d"})])
    stores.documents.upsert([document(url="u")])
    stores.close()
    with pytest.raises(ModelMismatch, match="encoder/bf16"):
        open_stores(settings, "encoder/bf16", 3)
    again = open_stores(settings, "encoder/fp32", 3)
    assert (again.passages.count(), again.documents.count()) == (1, 1)
    ray.kill(owner_of(settings))


def test_every_handle_reaches_the_same_owner_in_another_process(owned):
    first = RemoteStore(owned, replace(DOCUMENTS, name="shared"))
    second = RemoteStore(owned, replace(DOCUMENTS, name="shared"))
    point = document(url="a", owner=os.getpid())
    first.upsert([point])
    first.close()
    assert second.get([point.id]) == [point]
    with pytest.raises(ValueError, match="payloads only"):
        second.knn(np.zeros((1, 3), np.float32), 1)
