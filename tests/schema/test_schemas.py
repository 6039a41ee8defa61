"""What the schemas promise to those who speak to the service without its code."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from equal_stream.messages import CrawledDocument, Evidence, Message, QAPair, pack_vector
from equal_stream.roles import ALLOCATOR, PROCESSES, ROLES
from equal_stream.schema.__main__ import drift, write
from equal_stream.schema.asyncapi import document
from equal_stream.schema.json_schema import file_name, json_schemas, schema_of
from equal_stream.topics import CONSUMED, PAIRS, TOPICS, Topic
from equal_stream.transport.base import Record
from equal_stream.transport.codec import dead_letter, encode, tombstone

SCHEMAS = Path(__file__).parents[2] / "schemas"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def messages(kind: type[Message]) -> st.SearchStrategy[Message]:
    """Any message of a kind, made from the types of its fields."""
    made = st.builds(kind, **{field.name: values(field.type) for field in msgspec.structs.fields(kind)})
    return (
        made.filter(lambda each: each.text is not None or each.html is not None)
        if kind is CrawledDocument
        else made
    )


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type."""
    if get_origin(kind) is Annotated:
        base, meta = get_args(kind)
        return (
            values(base)
            .filter(lambda each: meta.ge is None or each >= meta.ge)
            .filter(lambda each: meta.min_length is None or len(each) >= meta.min_length)
        )
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if get_origin(kind) is list:
        return st.lists(values(get_args(kind)[0]), max_size=3)
    if get_origin(kind) is dict:
        return st.dictionaries(values(get_args(kind)[0]), values(get_args(kind)[1]), max_size=3)
    if get_args(kind):
        return st.one_of(*(values(each) for each in get_args(kind)))
    if isinstance(kind, type) and issubclass(kind, Message):
        return messages(kind)
    return {
        str: TEXTS,
        int: st.integers(0, 2**53),
        float: st.floats(0, 1e9),
        bool: st.booleans(),
        bytes: st.binary(max_size=32),
        datetime: st.datetimes(timezones=st.just(UTC)),
        type(None): st.none(),
    }[kind]


def validator(topic: Topic) -> Draft202012Validator:
    return Draft202012Validator(schema_of(topic))


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_each_schema_is_itself_valid_and_says_what_it_is(topic: Topic) -> None:
    schema = schema_of(topic)
    Draft202012Validator.check_schema(schema)
    assert schema["title"] == topic.message.__name__
    assert schema["$id"].endswith(topic.name)
    assert len(schema["description"]) > 20


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_message_that_can_be_sent_keeps_its_schema(topic: Topic, data: st.DataObject) -> None:
    message = data.draw(messages(topic.message))
    record = encode(message, topic=topic.name, key="key", source="test")
    assert record.value is not None
    validator(topic).validate(json.loads(record.value))


def test_a_message_without_a_required_field_is_refused() -> None:
    for topic in TOPICS:
        assert not validator(topic).is_valid({})


def test_a_document_needs_text_or_html_and_not_both() -> None:
    crawl = validator(TOPICS[0])
    assert crawl.is_valid({"url": "https://a", "text": "t"})
    assert crawl.is_valid({"url": "https://a", "html": "<p>", "text": None})
    assert not crawl.is_valid({"url": "https://a"})
    assert not crawl.is_valid({"url": "https://a", "text": None, "html": None})


def test_unknown_fields_are_allowed_because_consumers_ignore_them() -> None:
    assert validator(TOPICS[0]).is_valid({"url": "https://a", "text": "t", "added_later": 1})


def test_vectors_are_declared_as_base64_and_instants_as_rfc_3339() -> None:
    properties = schema_of(next(topic for topic in TOPICS if topic.name == "passages.embedded"))["properties"]
    assert properties["vector"] == {"type": "string", "contentEncoding": "base64"}
    assert {"type": "string", "format": "date-time"} in properties["at"]["anyOf"]
    packed = msgspec.json.decode(msgspec.json.encode(pack_vector(np.ones(4, np.float32))))
    assert isinstance(packed, str)


def test_evidence_is_described_within_the_pair() -> None:
    pair = QAPair(
        qa_id="1", question="q", answer="a", evidence=Evidence(quote="x", start=0, end=1), passage_id="p",
        doc_id="d", url="u", title="", lang="en", cluster_id=1, target="t", gain=0.1, model="m",
        prompt_version="1", tokens_in=1, tokens_out=1, cost_usd=0.0, policy="p", propensity=1.0,
        ticket_id="t", extracted_at=datetime.now(UTC),
    )  # fmt: skip
    body = json.loads(msgspec.json.encode(pair))
    validator(PAIRS).validate(body)
    body["evidence"] = {"quote": "", "start": 0, "end": 1}
    assert not validator(PAIRS).is_valid(body)


def test_the_committed_schemas_are_current() -> None:
    assert drift(SCHEMAS) == []


def test_drift_is_a_sentence_and_exit_code_one(tmp_path: Path) -> None:
    write(tmp_path)
    assert drift(tmp_path) == []
    (tmp_path / "qa.pairs.schema.json").write_text("{}")
    (tmp_path / "forgotten.schema.json").write_text("{}")
    command = [sys.executable, "-m", "equal_stream.schema", "--check", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "qa.pairs.schema.json" in done.stderr
    assert "make schemas" in done.stderr
    write(tmp_path)
    assert drift(tmp_path) == []
    assert not (tmp_path / "forgotten.schema.json").exists()


def references(node: Any) -> list[str]:
    """Every `$ref` within a document."""
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [each for value in node.values() for each in references(value)]
    return [each for value in node for each in references(value)] if isinstance(node, list) else []


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    whole = document()
    for reference in references(whole):
        if reference.startswith("#/"):
            here: Any = whole
            for name in reference[2:].split("/"):
                here = here[name]
        else:
            assert reference.removeprefix("./") in json_schemas()


def test_the_asyncapi_document_has_every_topic_with_its_retention_and_every_dead_letter_topic() -> None:
    channels = {channel["address"]: channel for channel in document()["channels"].values()}
    for topic in TOPICS:
        kafka = channels[topic.name]["bindings"]["kafka"]
        assert kafka["partitions"] == topic.partitions
        assert kafka["topicConfiguration"]["cleanup.policy"] == topic.cleanup.split(",")
        assert kafka["topicConfiguration"]["retention.ms"] == topic.retention_ms
    assert {f"{topic.name}.dlq" for topic in CONSUMED} <= set(channels)


def test_whoever_reads_a_topic_may_write_its_dead_letters() -> None:
    read = {topic for role in PROCESSES for topic in role.reads}
    assert read == set(CONSUMED)
    operations = document()["operations"]
    for topic in ALLOCATOR.reads:
        parts = "".join(word.capitalize() for word in topic.name.split("."))
        assert operations[f"allocatorSend{parts}Dlq"]["action"] == "send"


def test_every_topic_has_a_writer() -> None:
    assert {topic for role in ROLES for topic in role.writes} == set(TOPICS)


def test_the_declared_headers_are_those_that_records_carry() -> None:
    components = document()["components"]
    declared = set(components["messageTraits"]["event"]["headers"]["properties"])
    sent = tombstone(topic="qa.pairs", key="k", source="test")
    assert {name for name, _ in sent.headers} == declared
    record = Record("crawl.documents", 0, 0, b"k", b"{", (), 0)
    dead = dead_letter(record, ValueError("x"), stage="test")
    assert {name for name, _ in dead.headers} == set(
        components["messages"]["DeadLetter"]["headers"]["required"]
    )


def test_the_written_document_reads_back_as_yaml() -> None:
    written = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text(encoding="utf-8"))
    assert written == document()
    assert {file_name(topic) for topic in TOPICS} <= {path.name for path in SCHEMAS.iterdir()}
