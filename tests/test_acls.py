"""The ACLs cover everything that is declared, and nothing else."""

import subprocess
from itertools import pairwise, product

import pytest

from consumers import clusterer, embedder
from equal_stream.acls import PARTIES, Acl, Party, commands
from equal_stream.allocator.intake import INPUTS
from equal_stream.allocator.replay import OWN_OUTPUTS
from equal_stream.cli.books import FOLDED
from equal_stream.roles import ALLOCATOR, CLUSTERER, EMBEDDER, OPERATOR, PROCESSES
from equal_stream.topics import CONSUMED, JOURNAL, TOPICS, dead_letter

NAMED = {party.name: party for party in PARTIES}
SERVICE = ("embedder", "clusterer", "allocator")
NAMES = [*(topic.name for topic in TOPICS), *(dead_letter(topic.name) for topic in CONSUMED)]


def allowed(name: str, operation: str, resource: str = "topic") -> set[str]:
    found = NAMED[name].acls(groups=["g"])
    return {acl.name for acl in found if (acl.resource, acl.operation) == (resource, operation)}


@pytest.mark.parametrize("topic", NAMES)
def test_every_topic_has_somebody_who_writes_it_and_somebody_who_reads_it(topic: str) -> None:
    others = [name for name in NAMED if name != "administrator"]
    assert [name for name in others if topic in allowed(name, "WRITE")]
    assert [name for name in NAMED if topic in allowed(name, "READ")]
    assert topic in allowed("administrator", "CREATE")


def test_each_topic_of_the_money_has_one_writer() -> None:
    for topic in ("allocation.ledger", "extraction.outcomes", "qa.pairs", "llm.responses"):
        assert [name for name in NAMED if topic in allowed(name, "WRITE")] == ["allocator"]


def test_a_crawler_and_a_subscriber_have_one_topic_each() -> None:
    assert NAMED["crawler"].acls() == [Acl("topic", "literal", "WRITE", "crawl.documents")]
    assert NAMED["subscriber"].acls() == [Acl("topic", "literal", "READ", "qa.pairs")]
    assert allowed("subscriber", "READ", "group") == {"g"}


@pytest.mark.parametrize("party", PARTIES, ids=lambda party: party.name)
def test_no_name_is_a_wildcard_and_every_name_has_the_prefix(party: Party) -> None:
    acls = party.acls("mine.", ["g"])
    assert acls == sorted(set(acls))
    for acl in acls:
        assert acl.name.startswith("mine.")
        assert "*" not in acl.name
        assert len(acl.name) > len("mine.")
    prefixed = {acl.name for acl in acls if acl.pattern == "prefixed"}
    assert prefixed == ({"mine.equal-stream.embedder-"} if party.name == "embedder" else set())


@pytest.mark.parametrize(("one", "other"), [pair for pair in product(SERVICE, SERVICE) if pair[0] != pair[1]])
def test_no_role_may_take_over_from_another(one: str, other: str) -> None:
    for resource, operation in (("group", "READ"), ("transactional-id", "WRITE")):
        assert not allowed(one, operation, resource) & allowed(other, operation, resource)
        assert not any(
            name.startswith(prefix)
            for prefix in allowed("embedder", "WRITE", "transactional-id")
            for name in (CLUSTERER.transactional_id, ALLOCATOR.transactional_id)
        )


def test_what_is_declared_is_what_the_code_uses() -> None:
    assert {topic.name for topic in ALLOCATOR.looks_up} == {*OWN_OUTPUTS, JOURNAL.name}
    assert set(ALLOCATOR.reads) == set(INPUTS)
    assert set(OPERATOR.looks_up) == set(FOLDED)
    assert EMBEDDER.transactional_id == embedder.GROUP + "-"
    assert CLUSTERER.transactional_id == clusterer.GROUP
    assert ALLOCATOR.group == ALLOCATOR.transactional_id


def test_an_operator_sees_how_far_each_role_is_behind_and_does_not_move_it() -> None:
    assert allowed("operator", "DESCRIBE", "group") == {role.group for role in PROCESSES}
    assert not allowed("operator", "READ", "group")
    seen = {acl.name for acl in NAMED["operator"].acls() if acl.resource == "topic"}
    assert seen == set(NAMES)


def test_what_implies_description_is_not_followed_by_it() -> None:
    for party in PARTIES:
        described = allowed(party.name, "DESCRIBE")
        assert not described & (allowed(party.name, "READ") | allowed(party.name, "WRITE"))


def test_a_shell_reads_the_lines_as_they_are_meant() -> None:
    lines = commands(NAMED["embedder"].acls("my topics."), "User:CN=e, O=x", "b:1")
    words = [
        subprocess.run(
            ["bash", "-c", f"kafka-acls.sh() {{ printf '%s\\n' \"$@\"; }}; {line}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for line in lines
    ]
    assert all("User:CN=e, O=x" in each for each in words)
    told = {
        (kind.removeprefix("--"), each[each.index("--operation") + 1].upper(), name)
        for each in words
        for kind, name in pairwise(each)
        if kind in {"--topic", "--group", "--transactional-id"}
    }
    acls = NAMED["embedder"].acls("my topics.")
    assert told == {(acl.resource, acl.operation, acl.name) for acl in acls}
    assert [each for each in words if "prefixed" in each] == [
        each for each in words if "--transactional-id" in each
    ]
