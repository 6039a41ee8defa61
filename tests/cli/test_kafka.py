"""The same commands against a real broker."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.kafka.local_broker import LocalBroker
from equal_stream.topics import CONSUMED, TOPICS
from tests.cli.shell import Shell

pytestmark = pytest.mark.kafka


def test_topics_references_and_status_on_a_broker(
    shell: Shell, kafka_broker: LocalBroker, tmp_path: Path
) -> None:
    prefix = f"cli-{uuid4().hex[:8]}."
    kafka = [
        "--set", "transport=kafka",
        "--set", f"kafka.bootstrap_servers={kafka_broker.bootstrap}",
        "--set", f"topics.prefix={prefix}",
    ]  # fmt: skip
    file = tmp_path / "r.jsonl"
    file.write_text(json.dumps({"question": "q?", "answer": "a"}))

    early = shell("reference", "add", "t", str(file), *kafka)
    assert early.code == 2
    assert "equal-stream topics create" in early.err

    created = shell("topics", "create", "--json", *kafka).json()["created"]
    assert len(created) == len(TOPICS) + len(CONSUMED)
    assert shell("topics", "create", *kafka).out == "every topic exists\n"
    assert shell("doctor", "--only", "transport", *kafka).code == 0

    assert shell("reference", "add", "t", str(file), *kafka).code == 0
    assert shell("reference", "list", "--json", *kafka).json()[0]["references"] == 1
    seen = shell("status", "--json", *kafka).json()
    assert seen["targets"] == {"t": 1}
    assert {role["role"]: role["lag"] for role in seen["roles"]}["allocator"]["references"] == 1
    assert shell("dlq", "list", *kafka).out == "there are no dead letters\n"
    assert not (shell.data_dir / "log.sqlite3").exists()
