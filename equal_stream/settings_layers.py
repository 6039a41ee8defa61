"""The three places settings come from, each read into a layer: keys, values, and where each was written."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from equal_stream.errors import ConfigurationError
from equal_stream.settings_keys import (
    NESTING,
    PREFIX,
    Key,
    dotted,
    environment_name,
    group_at,
    nearest,
    parse_key,
    parse_value,
    setting_of,
)

CONFIG_VARIABLE = PREFIX + "CONFIG"
# Kubernetes and Docker describe every service in the environment of a container. A service called
# equal-stream-… yields such names; they are addresses of neighbours, not settings of ours.
_SERVICE_LINK = re.compile(r"_SERVICE_(HOST|PORT(_\w+)?)$|_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$")
_LINK_ADDRESS = re.compile(r"^(tcp|udp|sctp)://")


@dataclass
class Layer:
    """What one source says: values by key, and the words that say where each was written."""

    values: dict[Key, Any] = field(default_factory=dict)
    places: dict[Key, str] = field(default_factory=dict)

    def put(self, key: Key, value: Any, place: str) -> None:
        """Add a value."""
        self.values[key] = value
        self.places[key] = place

    def tree(self) -> dict[str, Any]:
        """Return the values as nested mappings."""
        root: dict[str, Any] = {}
        for key, value in self.values.items():
            here = root
            for name in key[:-1]:
                here = here.setdefault(name, {})
            here[key[-1]] = value
        return root


def read_flags(flags: Mapping[str, Any]) -> Layer:
    """Read dotted keys from the command line; None means that a flag was not given."""
    layer = Layer()
    for text, value in flags.items():
        if value is None:
            continue
        key = parse_key(text)
        _require_known(key, text, dotted, "on the command line")
        parsed = parse_value(key, value) if isinstance(value, str) else value
        layer.put(key, parsed, f"{text} on the command line")
    return layer


def read_environment(environment: Mapping[str, str] = os.environ) -> Layer:
    """Read the variables that begin with EQUAL_STREAM_, in any case."""
    layer = Layer()
    for name, text in environment.items():
        upper = name.upper()
        if not upper.startswith(PREFIX) or upper == CONFIG_VARIABLE:
            continue
        key = parse_key(upper.removeprefix(PREFIX), NESTING)
        if setting_of(key) is None and (_SERVICE_LINK.search(upper) or _LINK_ADDRESS.match(text)):
            continue
        _require_known(key, name, environment_name, "in the environment")
        layer.put(key, parse_value(key, text), f"{name} in the environment")
    return layer


def read_file(path: Path) -> Layer:
    """Read a YAML file; every value remembers its line."""
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        root = loader.get_single_node()
    except OSError as error:
        raise ConfigurationError(
            f"the configuration file {path} cannot be read ({error.strerror}); name another with --config"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"the configuration file {path} is not UTF-8 text") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it does not parse"
        raise ConfigurationError(f"{path}{line} is not valid YAML: {problem}") from error
    layer = Layer()
    if root is None:
        return layer
    if not isinstance(root, yaml.MappingNode):
        raise ConfigurationError(f"{path} must hold settings by name, such as 'transport: kafka'")
    for key, node in _leaves(loader, root, (), path):
        place = f"in {path} line {node.start_mark.line + 1}"
        _require_known(key, dotted(key), dotted, place)
        layer.put(key, loader.construct_object(node, deep=True), f"{dotted(key)} {place}")
    return layer


def _leaves(
    loader: yaml.SafeLoader, branch: yaml.MappingNode, at: Key, path: Path
) -> Iterator[tuple[Key, yaml.Node]]:
    loader.flatten_mapping(branch)
    seen: set[str] = set()
    for name_node, node in branch.value:
        name = str(loader.construct_object(name_node))
        line = name_node.start_mark.line + 1
        if name in seen:
            raise ConfigurationError(
                f"{dotted((*at, name))} is set twice, the second time in {path} line {line}"
            )
        seen.add(name)
        key = (*at, name)
        if group_at(key) is None:
            yield key, node
        elif isinstance(node, yaml.MappingNode):
            yield from _leaves(loader, node, key, path)
        elif loader.construct_object(node) is not None:
            raise ConfigurationError(
                f"{dotted(key)} in {path} line {line} must hold settings by name, not a value"
            )


def _require_known(key: Key, text: str, spell: Callable[[Key], str], place: str) -> None:
    if setting_of(key) is not None:
        return
    branch = group_at(key)
    if branch is None:
        raise ConfigurationError(f"unknown setting {text} {place}; did you mean {spell(nearest(key))}?")
    example = spell((*key, next(iter(branch.model_fields))))
    raise ConfigurationError(f"{text} {place} is a group of settings; set one of them, such as {example}")
