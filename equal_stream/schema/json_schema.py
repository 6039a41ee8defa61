"""One JSON Schema (2020-12) a topic, made from its Struct by msgspec.

msgspec knows types, bounds and docstrings. What it cannot know is added here: that instants are RFC 3339,
and the one rule that spans two fields.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, get_args

import msgspec

from equal_stream.messages import CrawledDocument
from equal_stream.topics import TOPICS, Topic

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEXT_OR_HTML = {
    "anyOf": [{"required": [name], "properties": {name: {"type": "string"}}} for name in ("text", "html")]
}


def file_name(topic: Topic) -> str:
    """Return the name of a topic's schema file."""
    return f"{topic.name}.schema.json"


def schema_of(topic: Topic) -> Schema:
    """Return the JSON Schema of the values of a topic.

    Null values (tombstones) stand outside: they are the absence of a message, and the description says
    what they mean.
    """
    document = msgspec.json.schema(topic.message)
    definitions: dict[str, Schema] = document["$defs"]
    for struct in _structs(topic.message):
        _mark_instants(struct, definitions[struct.__name__]["properties"])
    body = definitions.pop(topic.message.__name__)
    description = " ".join(body.pop("description").split())
    if topic.tombstones:
        description += f" A null value under the same key: {topic.tombstones}."
    return {
        "$schema": DIALECT,
        "$id": f"urn:equal-stream:schema:{topic.name}",
        "title": body.pop("title"),
        "description": description,
        **body,
        **(_TEXT_OR_HTML if topic.message is CrawledDocument else {}),
        **({"$defs": definitions} if definitions else {}),
    }


def json_schemas() -> dict[str, str]:
    """Return the text of every schema file, by file name."""
    return {
        file_name(topic): json.dumps(schema_of(topic), indent=2, ensure_ascii=False) + "\n"
        for topic in TOPICS
    }


def _structs(struct: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    """Yield a Struct and the Structs within it."""
    yield struct
    for field in msgspec.structs.fields(struct):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _structs(field.type)


def _mark_instants(struct: type[msgspec.Struct], properties: dict[str, Schema]) -> None:
    for field in msgspec.structs.fields(struct):
        if datetime in (field.type, *get_args(field.type)):
            schema = properties[field.encode_name]
            for part in schema.get("anyOf", [schema]):
                if part.get("type") == "string":
                    part["format"] = "date-time"
