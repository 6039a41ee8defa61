"""Says why a value is not the message that its topic carries: which field, and what is wrong with it.

The fast path decodes straight into the Struct. Only what fails there comes here, is decoded without a
type, and is held against the Struct field by field.
"""

from datetime import datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from equal_stream.errors import InvalidRecord

_JSON_NAMES: dict[type, str] = {
    NoneType: "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    datetime: "a string",
    bytes: "a string",
    list: "an array",
}


def diagnose(value: bytes, kind: type[msgspec.Struct]) -> InvalidRecord:
    """Return the error that names reason, field and cause of a value that is no `kind`."""
    try:
        value.decode("utf-8")
    except UnicodeDecodeError as error:
        return InvalidRecord(
            "invalid-utf8", "", f"the value is not UTF-8: byte {error.start} is {value[error.start]:#04x}"
        )
    try:
        found = msgspec.json.decode(value)
    except RecursionError:
        return InvalidRecord("too-deep", "", "the value is nested too deeply to be read")
    except msgspec.DecodeError as error:
        return InvalidRecord("invalid-json", "", f"the value is not JSON: {error}")
    return _compare(found, kind, "")


def _compare(found: object, kind: type[msgspec.Struct], path: str) -> InvalidRecord:
    """Return what is wrong with `found`, looking into Structs within Structs."""
    if not isinstance(found, dict):
        where = f"field {path}" if path else "the value"
        return InvalidRecord("wrong-type", path, f"{where} is {_json_name(found)} where an object belongs")
    for field in msgspec.structs.fields(kind):
        name = f"{path}.{field.encode_name}" if path else field.encode_name
        if field.encode_name not in found:
            if field.required:
                return InvalidRecord("missing-field", name, f"field {name} is missing")
            continue
        part = found[field.encode_name]
        try:
            msgspec.convert(part, field.type, str_keys=True)
        except msgspec.ValidationError as error:
            if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
                return _compare(part, field.type, name)
            reason = "invalid-value" if _fits(part, field.type) else "wrong-type"
            return InvalidRecord(reason, name, f"field {name} does not fit: {error}")
    return InvalidRecord("wrong-type", path, f"the value is no {kind.__name__}")


def _fits(part: object, kind: Any) -> bool:
    """Tell whether a plain value has a JSON type that `kind` takes, so that only its content is at fault."""
    return not isinstance(part, list | dict) and _json_name(part) in _json_names(kind)


def _json_names(kind: Any) -> set[str]:
    """Return the JSON types that a field's type takes."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _json_names(parts[0])
    if origin is Literal:
        return {_json_name(each) for each in parts}
    if origin in {Union, UnionType}:
        return set().union(*(_json_names(each) for each in parts))
    return {_JSON_NAMES.get(kind, "")}


def _json_name(found: object) -> str:
    return _JSON_NAMES.get(type(found), "an object")
