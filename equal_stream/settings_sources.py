"""Loading settings: flags > environment > YAML file > defaults, with one sentence for every mistake.

`load_settings` is what the commands call. The sources themselves are in `settings_layers`, the valid keys
in `settings_keys`, and the rules that span several settings, asked for by each command, in
`settings_rules`. pydantic-settings merges the layers and validates.
"""

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource

from equal_stream.errors import ConfigurationError
from equal_stream.settings import Settings
from equal_stream.settings_keys import Key, dotted, is_secret
from equal_stream.settings_layers import CONFIG_VARIABLE, Layer, read_environment, read_file, read_flags

SHOWN_CHARACTERS = 60  # of a wrong value, so that a sentence stays one
_EXPECTED = {  # by pydantic's error type; where one is missing, pydantic's own words do
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
    "string_pattern_mismatch": "text that matches {pattern}",
    "path_type": "a path",
    "list_type": "a list",
    "dict_type": "a mapping of names to values",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than": "less than {lt:g}",
    "less_than_equal": "{le:g} or less",
}


@dataclass(frozen=True)
class Loaded:
    """Settings, and for each key that was set: the words that say where."""

    settings: Settings
    places: Mapping[Key, str]


def load_settings(config: Path | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings.

    Parameters
    ----------
    config
        YAML file; default: the one `EQUAL_STREAM_CONFIG` names, if any.
    flags
        Values by dotted key, such as ``{"llm.model": "m"}``; None means not given.

    Raises
    ------
    ConfigurationError
        A file cannot be read, a key is unknown, or a value is wrong.
    """
    return load_with_places(config, flags).settings


def load_with_places(config: Path | None = None, flags: Mapping[str, Any] | None = None) -> Loaded:
    """Return the settings with the place where each was set; see `load_settings`."""
    if config is None and os.environ.get(CONFIG_VARIABLE):
        config = Path(os.environ[CONFIG_VARIABLE])
    layers = [read_flags(flags or {}), read_environment()]
    if config is not None:
        layers.append(read_file(config))
    places = {key: place for layer in reversed(layers) for key, place in layer.places.items()}
    settings = _merge(layers, places)
    _require_known_topics(settings, places)
    return Loaded(settings, places)


def _merge(layers: Sequence[Layer], places: Mapping[Key, str]) -> Settings:
    class Merged(BaseSettings):
        """The tree, filled from the layers; earlier ones win."""

        settings: Settings

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_args: Any, **_sources: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return tuple(InitSettingsSource(settings_cls, {"settings": layer.tree()}) for layer in layers)

    try:
        return Merged().settings
    except ValidationError as error:
        raise ConfigurationError(_sentence(error.errors(include_url=False), places)) from None


def _sentence(wrong: Sequence[ErrorDetails], places: Mapping[Key, str]) -> str:
    first = wrong[0]
    key = _key_of(first)
    place = next((words for at, words in places.items() if at == key[: len(at)]), dotted(key))
    others = sorted({dotted(_key_of(each)) for each in wrong[1:]} - {dotted(key)})
    more = f" (also wrong: {', '.join(others)})" if others else ""
    return f"{place} is {_shown(key, first['input'])}; expected {_expected(first)}{more}"


def _key_of(detail: ErrorDetails) -> Key:
    return tuple(str(name) for name in detail["loc"][1:])


def _expected(detail: ErrorDetails) -> str:
    words = _EXPECTED.get(detail["type"])
    if words is not None:
        return words.format(**detail.get("ctx", {}))
    return detail["msg"].removeprefix("Input should be ")


def _shown(key: Key, value: Any) -> str:
    if is_secret(key):
        return "a secret of the wrong form"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def _require_known_topics(settings: Settings, places: Mapping[Key, str]) -> None:
    """Refuse partition counts of topics that do not exist: such a count would silently have no effect."""
    if not settings.topics.partitions:
        return
    from equal_stream.topics import CONSUMED, TOPICS, dead_letter  # noqa: PLC0415 - loads numpy, rarely needed

    known = [topic.name for topic in TOPICS] + [dead_letter(topic.name) for topic in CONSUMED]
    for name in settings.topics.partitions:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
            key = ("topics", "partitions")
            place = places.get((*key, name)) or places.get(key, dotted(key))
            raise ConfigurationError(f"{place} names an unknown topic {name}; did you mean {near}?")
