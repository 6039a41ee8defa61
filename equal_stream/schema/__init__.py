"""Schemas for those who speak to the service without its code, generated from `messages` and `topics`.

`json_schema` makes one JSON Schema a topic, `asyncapi` one document that shows how the topics hang
together, and `python -m equal_stream.schema` writes both, or with `--check` says whether they are current.
"""
