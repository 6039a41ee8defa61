"""`topics acls` prints what each role has to be allowed, and asks no broker."""

import shlex

import pytest

from equal_stream.acls import PARTIES
from tests.cli.shell import Shell

START = (
    "kafka-acls.sh --bootstrap-server nowhere.invalid:9 --command-config admin.properties "
    "--add --allow-principal User:equal-stream-embedder "
)
WRITES = "--topic p.crawl.documents.dlq --topic p.documents.outcomes --topic p.passages.embedded"
EMBEDDER = (
    "--operation Read --group p.equal-stream.embedder",
    "--operation Read --topic p.crawl.documents",
    f"--operation Write {WRITES}",
    "--operation Write --transactional-id p.equal-stream.embedder- --resource-pattern-type prefixed",
)
KAFKA = ("--set", "transport=kafka", "--set", "kafka.bootstrap_servers=nowhere.invalid:9")


def test_the_lines_are_those_of_kafkas_own_tool(shell: Shell) -> None:
    done = shell("topics", "acls", "--role", "embedder", "--set", "topics.prefix=p.", *KAFKA)
    assert done.code == 0
    assert done.out.splitlines() == ["# embedder: run embedder", *(START + each for each in EMBEDDER)]


def test_principals_and_groups_are_the_operators(shell: Shell) -> None:
    given = ("--principal", "subscriber=User:CN=reader,O=x", "--group", "trainer", "--group", "other")
    rows = shell("topics", "acls", "--json", *given).json()
    assert {row["role"] for row in rows} == {party.name for party in PARTIES}
    mine = [row for row in rows if row["role"] == "subscriber"]
    assert {row["principal"] for row in mine} == {"User:CN=reader,O=x"}
    assert {(row["resource"], row["operation"], row["name"]) for row in mine} == {
        ("group", "READ", "trainer"),
        ("group", "READ", "other"),
        ("topic", "READ", "qa.pairs"),
    }
    assert {row["principal"] for row in rows if row["role"] == "crawler"} == {"User:equal-stream-crawler"}


def test_what_is_printed_for_a_shell_holds_no_command_of_its_own(shell: Shell) -> None:
    given = ("--principal", "subscriber=User:x; id", "--group", "$(id)", "--role", "subscriber")
    done = shell("topics", "acls", *given, "--set", "kafka.bootstrap_servers=b:9092;id")
    line = done.out.splitlines()[1]
    words = shlex.split(line)
    assert {"User:x; id", "$(id)", "b:9092;id"} <= set(words)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--role", "nobody"), "nobody is no role; there are crawler, embedder"),
        (("--principal", "nobody=User:x"), "nobody is no role"),
        (("--principal", "embedder"), "embedder is not ROLE=TYPE:NAME"),
        (("--principal", "embedder=me"), "embedder=me is not ROLE=TYPE:NAME"),
    ],
)
def test_what_is_misspelt_is_said_in_one_sentence(
    shell: Shell, arguments: tuple[str, ...], sentence: str
) -> None:
    done = shell("topics", "acls", *arguments)
    assert done.code == 2
    assert sentence in done.err
    assert len(done.err.splitlines()) == 1
