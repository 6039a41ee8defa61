"""One AsyncAPI 3.0 document: every topic as a channel, every role's reading and writing as an operation.

https://www.asyncapi.com/docs/reference/specification/v3.0.0, with the Kafka bindings 0.5.0.
"""

from typing import Any

import yaml

from equal_stream import __version__
from equal_stream.roles import ROLES, Role
from equal_stream.schema.json_schema import file_name
from equal_stream.topics import CONSUMED, TOPICS, Topic, dead_letter
from equal_stream.transport.headers import event_type

FILE_NAME = "asyncapi.yaml"
BINDING = "0.5.0"
_SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
_TEXT = {"type": "string"}
_DEAD_LETTER_HEADERS = {
    "dlq_topic": "Topic the record was read from.",
    "dlq_partition": "Its partition.",
    "dlq_offset": "Its offset.",
    "dlq_timestamp": "Its timestamp, Unix milliseconds.",
    "dlq_stage": "Role that gave it up.",
    "dlq_error_class": "Type of the error.",
    "dlq_reason": "Short word that counters use.",
    "dlq_field": "Field at fault; empty when it is the whole record.",
    "dlq_message": "One sentence naming field and cause.",
    "dlq_attempt": "How many times it has been tried.",
    "dlq_version": "Version of these headers.",
    "dlq_at": "When it was given up, RFC 3339.",
}

Node = dict[str, Any]


def asyncapi() -> str:
    """Return the text of the document."""
    return yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=100)


def document() -> Node:
    """Return the document as nested mappings."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "equal-stream",
            "version": __version__,
            "description": "Spends a capped LLM budget on the passages of a live crawl that add most pairs "
            "for target tasks. A prefix may stand before every topic name.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "variables": {
                    "bootstrap": {"default": "localhost:9092", "description": "host:port of a broker."}
                },
            }
        },
        "channels": {
            **{_identifier(topic.name): _channel(topic) for topic in TOPICS},
            **{_identifier(dead_letter(topic.name)): _dead_letter_channel(topic) for topic in CONSUMED},
        },
        "operations": dict(operation for role in ROLES for operation in _operations(role)),
        "components": {
            "messages": {
                **{topic.message.__name__: _message(topic) for topic in TOPICS},
                **{
                    f"{topic.message.__name__}Tombstone": _tombstone(topic)
                    for topic in TOPICS
                    if topic.tombstones
                },
                "DeadLetter": _dead_letter_message(),
            },
            "messageTraits": {"event": {"headers": _event_headers(), "contentType": "application/json"}},
        },
    }


def _identifier(name: str) -> str:
    """Return a topic's name as AsyncAPI identifiers are written: ``crawl.documents`` → ``crawlDocuments``."""
    first, *rest = name.split(".")
    return first + "".join(word.capitalize() for word in rest)


def _channel(topic: Topic) -> Node:
    names = [topic.message.__name__, *([f"{topic.message.__name__}Tombstone"] if topic.tombstones else [])]
    return {
        "address": topic.name,
        "summary": " ".join((topic.message.__doc__ or "").split("\n\n")[0].split()),
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": _kafka_channel(
            topic.name, topic.partitions, topic.cleanup, topic.retention_ms, topic.max_message_bytes
        ),
    }


def _dead_letter_channel(topic: Topic) -> Node:
    name = dead_letter(topic.name)
    return {
        "address": name,
        "summary": f"Records of {topic.name} that could not be used: key, value and headers as they came.",
        "messages": {"DeadLetter": {"$ref": "#/components/messages/DeadLetter"}},
        "bindings": _kafka_channel(name, 1, "delete", -1, topic.max_message_bytes),
    }


def _kafka_channel(name: str, partitions: int, cleanup: str, retention_ms: int, max_bytes: int) -> Node:
    return {
        "kafka": {
            "topic": name,
            "partitions": partitions,
            "topicConfiguration": {
                "cleanup.policy": cleanup.split(","),
                "retention.ms": retention_ms,
                "max.message.bytes": max_bytes,
            },
            "bindingVersion": BINDING,
        }
    }


def _operations(role: Role) -> list[tuple[str, Node]]:
    """Return a role's operations by identifier, seen from the role: it receives what it reads."""
    found = []
    for action, topics in (("receive", role.reads), ("send", role.writes)):
        for topic in topics:
            found.append(_operation(role, action, topic.name))
            if action == "receive" and topic in CONSUMED:
                found.append(_operation(role, "send", dead_letter(topic.name)))
    return found


def _operation(role: Role, action: str, topic: str) -> tuple[str, Node]:
    channel = _identifier(topic)
    node: Node = {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": role.does,
        "tags": [{"name": role.name}],
    }
    if action == "receive" and role.group:
        group = {"groupId": {"type": "string", "enum": [role.group]}, "bindingVersion": BINDING}
        node["bindings"] = {"kafka": group}
    return f"{role.name}{action.capitalize()}{channel[0].upper()}{channel[1:]}", node


def _message(topic: Topic) -> Node:
    return {
        "name": event_type(topic.message.__name__),
        "title": topic.message.__name__,
        "traits": [{"$ref": "#/components/messageTraits/event"}],
        "payload": {"schemaFormat": _SCHEMA_FORMAT, "schema": {"$ref": f"./{file_name(topic)}"}},
        "bindings": _kafka_key(topic.key),
    }


def _tombstone(topic: Topic) -> Node:
    return {
        "name": event_type("Tombstone"),
        "title": f"Null value: {topic.tombstones}",
        "traits": [{"$ref": "#/components/messageTraits/event"}],
        "payload": {"type": "null"},
        "bindings": _kafka_key(topic.key),
    }


def _dead_letter_message() -> Node:
    properties = {name: {**_TEXT, "description": meaning} for name, meaning in _DEAD_LETTER_HEADERS.items()}
    return {
        "name": "dead-letter",
        "title": "A record that could not be used, byte for byte",
        "contentType": "application/octet-stream",
        "headers": {"type": "object", "required": list(properties), "properties": properties},
        "payload": {},
        "bindings": _kafka_key("as the record had it"),
    }


def _kafka_key(meaning: str) -> Node:
    return {"kafka": {"key": {**_TEXT, "description": meaning}, "bindingVersion": BINDING}}


def _event_headers() -> Node:
    properties = {
        "ce_specversion": {**_TEXT, "const": "1.0"},
        "ce_id": {**_TEXT, "description": "Unique for each record."},
        "ce_type": {
            **_TEXT,
            "description": "The message's type and version, such as equal-stream.qa-pair.v1.",
        },
        "ce_source": {**_TEXT, "description": "The role that sent it, such as /equal-stream/embedder."},
        "ce_time": {**_TEXT, "format": "date-time"},
        "content-type": {**_TEXT, "const": "application/json"},
        "traceparent": {**_TEXT, "description": "W3C trace context; follows a document from crawl to pair."},
    }
    # Written by this service on every record, and not asked of those who write to it.
    return {"type": "object", "properties": properties}
