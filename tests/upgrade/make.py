"""Writes what this release saves and sends, for later releases to read: `python -m tests.upgrade.make`.

To be run once for each version of the allocator's state, with the code that writes it; what is there is kept.
"""

import gzip
import json
from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np
from hypothesis import Phase, given, seed, settings

from equal_stream.allocation import state as saved
from equal_stream.allocation.core import AllocatorCore
from equal_stream.clustering.registry import make_clusterer
from equal_stream.topics import TOPICS
from tests.allocation import world
from tests.clustering.topics import mixture
from tests.schema.test_schemas import messages

SAVED = Path(__file__).parent / "saved"
DIMENSION = 16


def fresh_core() -> AllocatorCore:
    """The core whose state is saved, with nothing in it."""
    return world.make_core(dimension=DIMENSION, exploration=0.03, coverage_halflife_days=30.0)


def shown(core: AllocatorCore, now) -> dict:
    """What must be there again after a restart."""
    status = core.status(now)
    return {
        "at": now.isoformat(),
        "open_tickets": sorted(ticket.ticket_id for ticket in core.open_tickets()),
        "waiting": status.waiting,
        "pairs": status.pairs,
        "budget": msgspec.to_builtins(status.budget),
        "clusters": len(status.clusters),
        "coverage": {target.name: target.coverage for target in status.targets},
        "counts": dict(status.counts),
        "posteriors": msgspec.to_builtins(status.clusters),
    }


def fields_sent(file: Path) -> dict[str, set[str]]:
    """Return the fields of each topic's messages in a file."""
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return {line["topic"]: set(line["value"]) for line in lines}


def fields_known() -> dict[str, set[str]]:
    """Return the fields of each topic's messages in this release."""
    return {
        topic.name: {field.encode_name for field in msgspec.structs.fields(topic.message)} for topic in TOPICS
    }


def message_files() -> list[Path]:
    """Return the files of messages, the oldest first."""
    return sorted(SAVED.glob("messages-*.jsonl"), key=lambda file: int(file.stem.split("-")[1]))


def write_messages(file: Path) -> None:
    """Write three messages of each topic, made from the types of their fields."""
    lines = [
        json.dumps({"topic": topic.name, "value": msgspec.to_builtins(message)})
        for topic in TOPICS
        for message in some_messages(topic.message)
    ]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def some_messages(kind: type[msgspec.Struct]) -> list[msgspec.Struct]:
    """Return three messages of a kind, a longer one last."""
    made: list[msgspec.Struct] = []

    @seed(7)
    @settings(max_examples=25, database=None, phases=[Phase.generate], deadline=None)
    @given(messages(kind))
    def collect(message: msgspec.Struct) -> None:
        made.append(message)

    collect()
    return sorted(made, key=lambda message: len(msgspec.json.encode(message)))[::8][-3:]


def main() -> None:
    """Write what is missing."""
    SAVED.mkdir(exist_ok=True)
    sent = message_files()
    if not sent or fields_sent(sent[-1]) != fields_known():
        write_messages(SAVED / f"messages-{len(sent) + 1}.jsonl")
    file = SAVED / f"allocator-{saved.VERSION}.msgpack.gz"
    if not file.exists():
        world.DIMENSION = DIMENSION
        crawl = world.World(seed=1, topics=4, passages=12, decoys=1)
        core, now = crawl.fill(fresh_core()), world.START
        for _ in range(8):
            now += timedelta(minutes=1)
            for reservation in core.choose(4, now)[:3]:
                pairs = crawl.pairs_of(reservation.ticket)
                core.settle(reservation.ticket, world.answered(reservation.ticket, pairs), now)
        file.write_bytes(gzip.compress(core.to_state(), 9, mtime=0))
        told = json.dumps(shown(core, now), indent=1)
        (SAVED / f"allocator-{saved.VERSION}.json").write_text(told + "\n", encoding="utf-8")
    clusters = SAVED / "clusterer-1.msgpack.gz"
    if not clusters.exists():
        model = make_clusterer("evolving", seed=1)
        vectors, _ = mixture(topics=4, documents=400, dimension=DIMENSION)
        model.learn_many(vectors)
        clusters.write_bytes(gzip.compress(model.to_state(), 9, mtime=0))
        probes = np.round(vectors[:20], 4)
        told = {"probes": probes.tolist(), "clusters": model.predict_many(probes).tolist()}
        (SAVED / "clusterer-1.json").write_text(json.dumps(told) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
