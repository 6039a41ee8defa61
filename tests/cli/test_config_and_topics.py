"""`config` shows and checks the settings; `topics` makes and lists the topics."""

import pytest

from equal_stream.settings_keys import dotted, keys
from equal_stream.topics import CONSUMED, TOPICS
from tests.cli.shell import Shell


def test_show_lists_every_setting_and_masks_secrets(shell: Shell) -> None:
    done = shell("config", "show", "--set", "llm.api_key=sk-1", "--set", "store.url=http://u:pw@q:6333")
    assert done.code == 0
    assert [line.partition(" = ")[0] for line in done.out.splitlines()] == [dotted(key) for key in keys()]
    assert "sk-1" not in done.out
    assert "pw@" not in done.out
    assert "llm.api_key = **********    # on the command line" in done.out


def test_show_changed_tells_where_each_value_was_set(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EQUAL_STREAM_TOPICS__PARTITIONS", "{qa.pairs: 3}")
    shown = shell("config", "show", "--changed", "--json").json()
    assert shown["topics.partitions"]["value"] == {"qa.pairs": 3}
    assert "EQUAL_STREAM_TOPICS__PARTITIONS in the environment" in shown["topics.partitions"]["from"]
    assert set(shown) == {"topics.partitions", "data_dir"}


def test_show_works_with_settings_that_no_role_would_take(shell: Shell) -> None:
    assert shell("config", "show", "--set", "transport=kafka").code == 0


def test_validate_says_what_is_wrong_and_exits_with_two(shell: Shell) -> None:
    assert shell("config", "validate").code == 0
    done = shell("config", "validate", "--set", "transport=kafka", "--set", "llm.model=m")
    assert done.code == 2
    assert "kafka.bootstrap_servers" in done.err
    assert "llm.base_url" in done.err
    listed = shell("config", "validate", "--json", "--set", "transport=kafka")
    assert listed.code == 2
    assert listed.json()["valid"] is False


def test_create_makes_every_topic_and_creating_again_changes_nothing(shell: Shell) -> None:
    expected = {topic.name for topic in TOPICS} | {f"{topic.name}.dlq" for topic in CONSUMED}
    assert set(shell("topics", "create", "--dry-run", "--json").json()["created"]) == expected
    assert set(shell("topics", "create", "--json").json()["created"]) == expected
    again = shell("topics", "create")
    assert (again.code, again.out) == (0, "every topic exists\n")


def test_create_takes_partitions_from_the_settings_and_tells_where_they_differ(shell: Shell) -> None:
    shell("topics", "create", "--set", "topics.partitions.crawl.documents=7")
    listed = {row["topic"]: row["partitions"] for row in shell("topics", "list", "--json").json()}
    assert listed["crawl.documents"] == 7
    differing = shell("topics", "create", "--json").json()["differing"]
    assert differing["crawl.documents"]["partitions"] == 7


def test_looking_at_a_log_that_is_not_there_makes_none(shell: Shell) -> None:
    done = shell("topics", "list")
    assert done.code == 2
    assert "there is no log under" in done.err
    assert not shell.data_dir.exists()
