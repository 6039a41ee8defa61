"""The key of a record of `references`: ``target/ref_id``. A target's name has no slash, an id may."""

from typing import NamedTuple, Self


class ReferenceKey(NamedTuple):
    """A target and the id of one of its references."""

    target: str
    ref_id: str

    def __str__(self) -> str:
        return f"{self.target}/{self.ref_id}"

    @classmethod
    def read(cls, key: bytes | None) -> Self | None:
        """Return what a record's key says, or None where it is no such key."""
        target, slash, ref_id = (key or b"").decode("utf-8", "replace").partition("/")
        return cls(target, ref_id) if slash and target and ref_id else None
