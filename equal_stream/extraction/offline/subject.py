"""What a page is about, by name."""

import re

from equal_stream.extraction.base import PassageText

_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_HEADING = re.compile(r"\A#{1,2}[ \t]+([^\n#]+?)[ \t#]*$", re.MULTILINE)
_SIGNATURE = re.compile(r"\A([A-Za-z_][\w.]*)\(")
_SAYS_NOTHING = frozenset({"readme", "readme.md", "index", "untitled", "home", "documentation", "docs", ""})


def subject(passage: PassageText) -> str:
    """Return the name of what the passage is about, as it stands in a question; empty when unknown.

    A dotted title is a Python name: parts that begin with an underscore are private and left out, as
    users do who import `scipy.stats.shapiro` and not `scipy.stats._morestats.shapiro`.
    """
    title = passage.title.strip()
    if _DOTTED.fullmatch(title) and title.casefold() not in _SAYS_NOTHING:
        parts = title.split(".")
        return ".".join([*(part for part in parts[:-1] if not part.startswith("_")), parts[-1]])
    if signature := _SIGNATURE.match(passage.text):
        return signature.group(1)
    if title.casefold() not in _SAYS_NOTHING:
        return title
    heading = _HEADING.match(passage.text)
    return heading.group(1).strip() if heading else ""


def is_code_name(name: str) -> bool:
    """Return whether a subject names something in a program."""
    return bool(_DOTTED.fullmatch(name)) and ("." in name or "_" in name)


def is_class_name(name: str) -> bool:
    """Return whether the last part of a dotted name is written as classes are."""
    last = name.rsplit(".", 1)[-1].lstrip("_")
    return last[:1].isupper() and not last.isupper()
