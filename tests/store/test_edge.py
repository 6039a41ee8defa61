"""The embedded store on its own: one owner, and nothing acknowledged is lost when its process is killed."""

import subprocess
import sys
import uuid
from pathlib import Path

import numpy as np
import pytest

from equal_stream.settings import Settings
from equal_stream.store.base import Point, StoreInUse, StoreUnavailable
from equal_stream.store.collections import DOCUMENTS, passages
from equal_stream.store.edge import EdgeStore
from equal_stream.store.factory import open_embedded

WRITER = """
import sys
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5
from equal_stream.store.base import Point
from equal_stream.store.collections import DOCUMENTS
from equal_stream.store.edge import EdgeStore

store = EdgeStore(Path(sys.argv[1]), DOCUMENTS)
for batch in range(10_000):
    store.upsert([
        Point(str(uuid5(NAMESPACE_URL, f"{batch}/{i}")), None, {"url": f"{batch}/{i}", "bands": [f"{batch}"]})
        for i in range(64)
    ])
    print(batch, flush=True)
"""


@pytest.fixture
def writer(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize("batches", [1, 5, 100])  # 100 batches of 64: the log was folded in once
def test_every_acknowledged_point_is_there_after_kill_9(tmp_path, writer, batches):
    for _ in range(batches):
        writer.stdout.readline()
    writer.kill()
    acknowledged = batches + len(writer.stdout.readlines())
    with_points = EdgeStore(tmp_path, DOCUMENTS, wait_seconds=5)
    try:
        assert (
            with_points.count({"bands": [str(batch) for batch in range(acknowledged)]}) == 64 * acknowledged
        )
    finally:
        with_points.close()


def test_a_second_process_gets_one_sentence_and_leaves_the_store_alone(tmp_path, writer):
    writer.stdout.readline()
    with pytest.raises(StoreInUse) as refused:
        EdgeStore(tmp_path, DOCUMENTS)
    message = str(refused.value)
    assert f"process {writer.pid}" in message
    assert "EQUAL_STREAM_DATA_DIR" in message
    assert "\n" not in message
    assert writer.poll() is None


def test_an_owner_that_ends_within_the_waiting_time_makes_room(tmp_path):
    first = EdgeStore(tmp_path, DOCUMENTS)
    with pytest.raises(StoreInUse):
        EdgeStore(tmp_path, DOCUMENTS, wait_seconds=0.2)
    first.close()
    EdgeStore(tmp_path, DOCUMENTS, wait_seconds=5).close()


def test_closing_twice_is_allowed_and_a_closed_store_says_so(tmp_path):
    store = EdgeStore(tmp_path, DOCUMENTS)
    store.close()
    store.close()
    with pytest.raises(StoreUnavailable, match=str(tmp_path)):
        store.count()


def test_a_payload_that_is_not_json_is_refused_and_nothing_is_written(tmp_path):
    store = EdgeStore(tmp_path, DOCUMENTS)
    with pytest.raises(TypeError):
        store.upsert([Point(str(uuid.uuid4()), None, {"url": object()})])
    assert store.count() == 0
    store.close()


def test_both_collections_of_a_data_directory_open_together(tmp_path):
    settings = Settings(data_dir=tmp_path)
    stores = open_embedded(settings, "encoder/fp32", 8)
    stores.passages.upsert([Point(str(uuid.uuid4()), np.eye(8, dtype=np.float32)[0], {"doc_id": "d"})])
    stores.documents.upsert([Point(str(uuid.uuid4()), None, {"url": "u"})])
    stores.close()
    again = open_embedded(settings, "encoder/fp32", 8)
    assert (again.passages.count(), again.documents.count()) == (1, 1)
    again.close()


def test_an_error_in_one_collection_lets_go_of_the_other(tmp_path):
    held = EdgeStore(tmp_path / "store" / "documents", DOCUMENTS)
    with pytest.raises(StoreInUse):
        open_embedded(Settings(data_dir=tmp_path), "encoder/fp32", 8)
    held.close()
    EdgeStore(Path(tmp_path, "store", "passages"), passages("encoder/fp32", 8)).close()
