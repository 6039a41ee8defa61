"""What the allocator does with records that decode and are impossible all the same."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equal_stream import topics
from equal_stream.messages import pack_vector
from equal_stream.transport.base import OutgoingRecord
from tests.allocator.world import DIMENSION, PromptWorkers, World, run

VECTOR = np.full(DIMENSION, 0.1, np.float32)


def packed(vector: np.ndarray[Any, Any]) -> str:
    return base64.b64encode(pack_vector(vector)).decode()


def assigned(**changed: object) -> tuple[str, dict[str, object]]:
    passage = {
        "passage_id": "8f14e45f-ceea-567a-9b36-000000000001",
        "doc_id": "d",
        "url": "https://example.org/x",
        "cluster_id": 1,
        "similarity": 0.9,
        "tokens": 12,
        "vector": packed(VECTOR),
        "text_bytes": 50,
    }
    return topics.ASSIGNED.name, passage | changed


def event(**changed: object) -> tuple[str, dict[str, object]]:
    step = {"event": "birth", "cluster_id": 1, "parents": [], "children": [], "size": 1.0}
    return topics.CLUSTER_EVENTS.name, step | {"at": "2026-01-01T00:00:00Z"} | changed


def outcome(removed: list[str]) -> tuple[str, dict[str, object]]:
    position = {"topic": topics.CRAWL.name, "partition": 0, "offset": 0}
    said = {"url": "u", "doc_id": "d", "outcome": "deleted", "source": position, "removed": removed}
    return topics.DOCUMENT_OUTCOMES.name, said | {"at": "2026-01-01T00:00:00Z"}


def reference(**changed: object) -> tuple[str, dict[str, object]]:
    pair = {"target": "t", "ref_id": "9", "question": "apples what?", "answer": "apples that"}
    return topics.REFERENCES.name, pair | changed


IMPOSSIBLE = {
    "a vector of another length": assigned(vector=packed(VECTOR[:-1])),
    "a vector cut off within a number": assigned(vector=base64.b64encode(b"12345").decode()),
    "a vector that is not finite": assigned(vector=packed(np.full(DIMENSION, np.nan, np.float32))),
    "a passage id that is no UUID": assigned(passage_id="nonsense"),
    "an empty passage id": assigned(passage_id=""),
    "the removal of an empty passage id": outcome([""]),
    "more tokens than any text has": assigned(tokens=2**40),
    "more bytes than any text has": assigned(text_bytes=2**33),
    "a cluster id beyond 64 bits": assigned(cluster_id=2**63),
    "an event of a cluster beyond 64 bits": event(cluster_id=2**80),
    "an event whose parent is beyond 64 bits": event(event="merge", parents=[2**80], children=[1]),
    "an event whose child is negative": event(children=[-1]),
    "a removal of what is no passage": outcome(["nonsense"]),
    "a weight that makes gains infinite": reference(weight=1.7e308),
    "a target with a slash, which no tombstone could name": reference(target="a/b"),
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_an_impossible_record_is_one_dead_letter_and_the_rest_goes_on(world: World, what: str) -> None:
    topic, value = IMPOSSIBLE[what]
    world.reference("t", "1", "apples")
    before = world.passage("apples", 1)
    world.producer.send(OutgoingRecord(topic, b"key", json.dumps(value).encode()))
    world.producer.flush()
    after = world.passage("apples", 2)
    for _ in range(2):
        service = world.service(PromptWorkers())
        service.recover()
        run(service)
        service.snapshot()
        service.close()
    assert {pair["passage_id"] for pair in world.values(topics.PAIRS.name)} == {before, after}
    assert len(world.records(topics.dead_letter(topic))) == 1
