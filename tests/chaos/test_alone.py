"""Feeding and auditing a log that somebody else serves."""

import json
from pathlib import Path

import pytest

from bench.audit import read_all
from equal_stream import topics
from equal_stream.settings import Settings
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport
from tests.chaos.alone import main
from tests.chaos.feeder import read_fed


def test_what_is_fed_alone_is_noted_and_found_unaccounted_where_nobody_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EQUAL_STREAM_DATA_DIR", str(tmp_path))
    transport = open_transport(Settings(data_dir=tmp_path))
    transport.create_topics(topic_specs(Settings(data_dir=tmp_path)))
    fed = tmp_path / "fed.jsonl"
    assert main(["feed", "--documents", "40", "--minutes", "0.05", "--fed", str(fed)]) == 0
    assert len(read_fed(fed)) == len(read_all(transport, topics.CRAWL.name)) == 40
    transport.close()
    capsys.readouterr()
    assert main(["audit", "--fed", str(fed), "--json"]) == 1
    rows = {row["promise"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert any(
        "40 crawl records have no end" in each for each in rows["crawl records unaccounted"]["problems"]
    )
    assert rows["fed records lost or ended otherwise"]["problems"] == []
    assert not rows["tokens billed beyond the ledger"]["looked"]
