"""Which encoder's vectors a collection holds: written when it is made, compared whenever it is opened."""

import os
from pathlib import Path

import msgspec

from equal_stream.store.base import CollectionSpec, ModelMismatch


class Identity(msgspec.Struct, frozen=True):
    """The encoder (with precision) and the dimension of a collection's vectors."""

    model: str
    dimension: int | None

    def require(self, spec: CollectionSpec, where: str) -> None:
        """Raise `ModelMismatch` unless `spec` asks for just this; `where` is the place of the collection."""
        if (self.model, self.dimension) == (spec.model, spec.dimension):
            return
        raise ModelMismatch(
            f"Collection {spec.name} at {where} holds {_described(self.model, self.dimension)}, not "
            f"{_described(spec.model, spec.dimension)}: set EQUAL_STREAM_EMBEDDING__MODEL and "
            "EQUAL_STREAM_EMBEDDING__PRECISION back, or fill a collection for the new encoder with "
            "`equal-stream reembed` and name it in EQUAL_STREAM_STORE__PASSAGES."
        )


def _described(model: str, dimension: int | None) -> str:
    if dimension is None:
        return "payloads without vectors"
    return f"vectors of {model or 'an unnamed model'} ({dimension} numbers)"


def read_identity(file: Path) -> Identity | None:
    """Return the identity in `file`; None when there is no such file."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Identity)
    except FileNotFoundError:
        return None


def keep_identity(file: Path, spec: CollectionSpec) -> None:
    """Compare `spec` with the identity in `file`, or write it there durably when there is none yet."""
    held = read_identity(file)
    if held is not None:
        held.require(spec, str(file.parent))
        return
    aside = file.with_suffix(".partial")
    with aside.open("wb") as out:
        out.write(msgspec.json.encode(Identity(spec.model, spec.dimension)))
        out.flush()
        os.fsync(out.fileno())
    aside.replace(file)
