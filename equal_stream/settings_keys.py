"""The valid keys of the settings tree: which exist, what a text value for one means, which one is nearest.

A key is a path of names, such as ``("llm", "base_url")``; written down it is dotted (``llm.base_url``) or
an environment name (``EQUAL_STREAM_LLM__BASE_URL``). Below a setting that is itself a mapping, the rest
of the path is one name, because topic names contain dots: ``topics.partitions.crawl.documents``.
"""

import difflib
import types
from collections.abc import Iterable, Iterator
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from equal_stream.settings import Group, Settings

PREFIX = "EQUAL_STREAM_"
NESTING = "__"
Key = tuple[str, ...]


def dotted(key: Key) -> str:
    """Return a key as flags and sentences write it."""
    return ".".join(key)


def environment_name(key: Key) -> str:
    """Return a key as the environment writes it."""
    return PREFIX + NESTING.join(key).upper()


def group_at(key: Key) -> type[Group] | None:
    """Return the branch of the tree at `key`, or None when it is no branch."""
    here: type[Group] = Settings
    for name in key:
        field = here.model_fields.get(name)
        branch = _branch(field.annotation) if field else None
        if branch is None:
            return None
        here = branch
    return here


def field_at(key: Key) -> FieldInfo | None:
    """Return the setting at `key`, or None when there is none."""
    parent = group_at(key[:-1]) if key else None
    field = parent.model_fields.get(key[-1]) if parent else None
    return None if field is None or _branch(field.annotation) else field


def setting_of(key: Key) -> Key | None:
    """Return the key of the setting that `key` names or lies below, or None.

    An entry of a mapping, such as ``topics.partitions.qa.pairs``, lies below ``topics.partitions``.
    """
    for length in range(1, len(key) + 1):
        field = field_at(key[:length])
        if field is not None and (length == len(key) or _origin(field) is dict):
            return key[:length]
    return None


def parse_key(text: str, separator: str = ".") -> Key:
    """Return the key that a text spells, with the name of a mapping's entry in one piece."""
    names = tuple(text.lower().split(separator))
    setting = setting_of(names)
    if setting is None or setting == names:
        return names
    return (*setting, separator.join(names[len(setting) :]))


def keys(branch: type[Group] = Settings, at: Key = ()) -> Iterator[Key]:
    """Yield every setting's key, in the order of declaration."""
    for name, field in branch.model_fields.items():
        below = _branch(field.annotation)
        if below is None:
            yield (*at, name)
        else:
            yield from keys(below, (*at, name))


def nearest(key: Key) -> Key:
    """Return the valid key that `key` most likely meant: one of the same branch, else the closest of all."""
    every = list(keys())
    branch = group_at(key[:-1])
    siblings = [(*key[:-1], name) for name in branch.model_fields] if branch else []
    same_name = [known for known in every if known[-1] == key[-1]]
    return (
        _closest(key, siblings, 0.75)
        or _closest(key, same_name, 0.0)
        or _closest(key, every, 0.0)
        or every[0]
    )


def is_secret(key: Key) -> bool:
    """Return whether the setting holds a secret, so that its value is never shown."""
    setting = setting_of(key)
    field = field_at(setting) if setting else None
    return field is None or SecretStr in (field.annotation, *get_args(field.annotation))


def default_of(field: FieldInfo) -> Any:
    """Return the default of a setting."""
    return field.get_default(call_default_factory=True, validated_data={})


def parse_value(key: Key, text: str) -> Any:
    """Return what a text from the environment or a flag means for the setting at `key`.

    An empty text stands for the default. Lists and mappings are written as YAML or JSON; a list also as
    words with commas. Everything else is left to validation.
    """
    field = field_at(key)
    if field is None:
        return text
    if not text.strip():
        return default_of(field)
    if _origin(field) is list and not text.lstrip().startswith("["):
        return [word.strip() for word in text.split(",")]
    if _origin(field) in {list, dict}:
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError:
            return text
    return text


def _closest(key: Key, candidates: Iterable[Key], cutoff: float) -> Key | None:
    names = {dotted(candidate): candidate for candidate in candidates}
    close = difflib.get_close_matches(dotted(key), names, n=1, cutoff=cutoff)
    return names[close[0]] if close else None


def _branch(annotation: Any) -> type[Group] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, Group) else None


def _origin(field: FieldInfo) -> Any:
    """Return the bare type of a setting: `list` of `list[str]`, `int` of `int | None`."""
    annotation: Any = field.annotation
    if get_origin(annotation) in {Union, types.UnionType}:
        annotation = next(each for each in get_args(annotation) if each is not type(None))
    return get_origin(annotation) or annotation
