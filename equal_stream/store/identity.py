"""Which encoder's vectors a collection holds: written when it is made, compared whenever it is opened."""

import os
from pathlib import Path

import msgspec

from equal_stream.store.base import CollectionSpec, ModelMismatch


class Identity(msgspec.Struct, frozen=True):
    """The encoder (with precision) and the dimension of a collection's vectors."""

    model: str
    dimension: int | None

    def require(self, spec: CollectionSpec, where: str, remedy: str) -> None:
        """Raise `ModelMismatch` unless `spec` asks for just this.

        Parameters
        ----------
        spec
            What is asked for.
        where
            The place of the collection, for the message.
        remedy
            How to start a fresh collection instead, for the message.
        """
        if (self.model, self.dimension) == (spec.model, spec.dimension):
            return
        raise ModelMismatch(
            f"Collection {spec.name} at {where} holds {_described(self.model, self.dimension)}, not "
            f"{_described(spec.model, spec.dimension)}: set EQUAL_STREAM_EMBEDDING__MODEL and "
            f"EQUAL_STREAM_EMBEDDING__PRECISION back, or {remedy}."
        )


def _described(model: str, dimension: int | None) -> str:
    if dimension is None:
        return "payloads without vectors"
    return f"vectors of {model or 'an unnamed model'} ({dimension} numbers)"


def keep_identity(file: Path, spec: CollectionSpec, remedy: str) -> None:
    """Compare `spec` with the identity in `file`, or write it there durably when there is none yet."""
    if file.exists():
        msgspec.json.decode(file.read_bytes(), type=Identity).require(spec, str(file.parent), remedy)
        return
    aside = file.with_suffix(".partial")
    with aside.open("wb") as out:
        out.write(msgspec.json.encode(Identity(spec.model, spec.dimension)))
        out.flush()
        os.fsync(out.fileno())
    aside.replace(file)
