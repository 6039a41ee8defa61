"""What the comments of values.yaml say about each value, so that its schema says it too."""

import re
from collections.abc import Mapping

Path = tuple[str, ...]
Descriptions = Mapping[Path, str]
_KEY = re.compile(r"^(?P<indent> *)(?P<name>[\w.-]+):(\s|$)")
_COMMENT = re.compile(r"^ *# ?(-- )?(?P<text>.*)$")


def descriptions(text: str) -> Descriptions:
    """Return the comment directly above each key, by path, of block-style YAML indented by two."""
    found: dict[Path, str] = {}
    above: list[str] = []
    at: list[str] = []
    for line in text.splitlines():
        if key := _KEY.match(line):
            at = [*at[: len(key["indent"]) // 2], key["name"]]
            if above:
                found[tuple(at)] = " ".join(above)
            above = []
        elif comment := _COMMENT.match(line):
            if not comment["text"].startswith("@"):
                above.append(comment["text"])
        else:
            above = []
    return found
