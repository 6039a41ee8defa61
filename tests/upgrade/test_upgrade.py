"""A new release goes on from what earlier ones saved, and reads what they sent."""

import gzip
import json
from datetime import datetime, timedelta

import msgspec
import numpy as np
import pytest

from equal_stream.allocation import migrations
from equal_stream.allocation import state as saved
from equal_stream.allocation.exceptions import StateMismatch
from equal_stream.clustering.registry import CLUSTERERS
from equal_stream.topics import TOPICS

from .make import SAVED, fields_known, fields_sent, fresh_core, message_files, shown

ALLOCATORS = sorted(SAVED.glob("allocator-*.msgpack.gz"))
MESSAGES = {topic.name: topic.message for topic in TOPICS}


def state_of(file):
    return gzip.decompress(file.read_bytes())


def told(file):
    return json.loads(file.with_name(file.name.replace(".msgpack.gz", ".json")).read_text(encoding="utf-8"))


def number(file):
    return int(file.name.split("-")[1].split(".")[0])


def test_there_is_a_saved_state_of_every_version_that_this_release_reads():
    kept = sorted(number(file) for file in ALLOCATORS)
    assert kept == list(range(kept[0], saved.VERSION + 1)), "run python -m tests.upgrade.make"


@pytest.mark.parametrize("file", ALLOCATORS, ids=lambda file: file.name)
def test_money_tickets_candidates_coverage_pairs_and_what_was_learned_of_clusters_are_carried_over(file):
    core, before = fresh_core(), told(file)
    core.restore(state_of(file))
    after = json.loads(json.dumps(shown(core, datetime.fromisoformat(before["at"]))))
    posteriors = [pytest.approx(cluster, rel=1e-6) for cluster in before["posteriors"]]
    coverage = pytest.approx(before["coverage"], rel=1e-6)
    assert after == {**before, "coverage": coverage, "posteriors": posteriors}


@pytest.mark.parametrize("file", ALLOCATORS, ids=lambda file: file.name)
def test_the_service_goes_on_buying_from_a_state_of_an_earlier_release(file):
    core, before = fresh_core(), told(file)
    core.restore(state_of(file))
    now = datetime.fromisoformat(before["at"]) + timedelta(minutes=1)
    bought = core.choose(4, now)
    assert len(bought) == 4
    assert not {each.ticket.ticket_id for each in bought} & set(before["open_tickets"])
    spent = core.status(now).budget
    assert spent.usd_spent == pytest.approx(before["budget"]["usd_spent"])
    assert spent.usd_reserved > before["budget"]["usd_reserved"]
    again = fresh_core()
    again.restore(core.to_state())
    assert again.choose(4, now) == core.choose(4, now)


def test_candidates_of_an_earlier_release_have_the_sites_of_their_urls():
    oldest, newest = fresh_core(), fresh_core()
    oldest.restore(state_of(ALLOCATORS[0]))
    newest.restore(state_of(ALLOCATORS[-1]))
    for core in (oldest, newest):
        table = core.holdings.pool.candidates
        rows = np.flatnonzero(table.taken[: table.height])
        assert len(set(table.site[rows].tolist())) == 1  # one host
        assert (table.site[rows] > 0).all()


@pytest.mark.parametrize("version", [0, 4, saved.VERSION + 1])
def test_a_state_that_is_too_old_or_too_new_is_refused_with_what_to_do(version):
    data = msgspec.msgpack.encode({"version": version, "state": {}})
    with pytest.raises(StateMismatch, match=rf"version {version}, this release reads 5 to {saved.VERSION}"):
        migrations.load(data)


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"\x80", msgspec.msgpack.encode({"version": "x", "state": {}})]
)
def test_what_is_no_saved_state_is_refused_with_what_to_do(data):
    with pytest.raises(StateMismatch, match="the log is replayed"):
        migrations.load(data)


@pytest.mark.parametrize("file", sorted(SAVED.glob("clusterer-*.msgpack.gz")), ids=lambda file: file.name)
def test_saved_clusters_assign_as_they_did(file):
    model, before = CLUSTERERS["evolving"].from_state(state_of(file)), told(file)
    probes = np.array(before["probes"], np.float32)
    assert model.predict_many(probes).tolist() == before["clusters"]


@pytest.mark.parametrize("file", message_files(), ids=lambda file: file.name)
def test_messages_of_earlier_releases_are_read(file):
    for line in file.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        message = msgspec.json.decode(json.dumps(record["value"]), type=MESSAGES[record["topic"]])
        again = msgspec.to_builtins(message)
        assert {key: again[key] for key in record["value"]} == msgspec.to_builtins(record["value"])


def test_a_field_that_a_later_release_adds_is_passed_over():
    for line in message_files()[-1].read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        later = json.dumps({**record["value"], "added_later": [1, {"x": None}]})
        kind = MESSAGES[record["topic"]]
        assert msgspec.json.decode(later, type=kind) == msgspec.json.decode(
            json.dumps(record["value"]), type=kind
        )


def test_every_field_of_every_message_is_among_those_kept():
    assert fields_sent(message_files()[-1]) == fields_known(), "run python -m tests.upgrade.make"
