"""Keeps secrets out of everything that is printed, wherever they turn up."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, SecretStr

MASK = "**********"
_PASSWORD_IN_URL = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+(?=@)")


def secret_values(tree: BaseModel) -> Iterator[str]:
    """Yield the value of every secret in a tree of settings."""
    for name in type(tree).model_fields:
        value = getattr(tree, name)
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, BaseModel):
            yield from secret_values(value)


class Masking:
    """Replaces known secrets, and passwords within URLs, in texts.

    Parameters
    ----------
    secrets
        The values to hide; empty ones are left out.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longest first: one secret may be the beginning of another.
        known = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        self._known = re.compile("|".join(re.escape(secret) for secret in known)) if known else None

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _PASSWORD_IN_URL.sub(rf"\1:{MASK}", text)

    def value(self, value: Any) -> Any:
        """Return a JSON-like value whose texts hold no secrets; other objects become text."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, dict):
            return {self.text(str(name)): self.value(each) for name, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(each) for each in value]
        return self.text(str(value))
