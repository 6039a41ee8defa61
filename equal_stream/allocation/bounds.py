"""What a record must keep to before the core takes it in: a message may decode and still be impossible.

Everything here raises `InvalidRecord`, so that such a record becomes a dead letter instead of an error in
the loop that would come back with every restart.
"""

import contextlib
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from equal_stream.errors import InvalidRecord
from equal_stream.messages import unpack_vector

LARGEST_ID = 2**63 - 1  # ids of clusters are kept as int64


def require_within(field: str, value: float, most: float) -> None:
    """Require a number from 0 to `most`."""
    if not 0 <= value <= most:
        raise InvalidRecord("invalid-value", field, f"{field} must lie between 0 and {most:,}")


def require_passage_id(passage_id: str, field: str) -> None:
    """Require a UUID in its usual form: tickets are named after it, and the store takes nothing else.

    In another form (capitals, no hyphens) one passage would have two names.
    """
    usual: str | None = None
    with contextlib.suppress(ValueError):
        usual = str(UUID(passage_id))
    if usual != passage_id:
        raise InvalidRecord("invalid-value", field, f"{field} must be a UUID, in lower case with hyphens")


def vector_in(data: bytes) -> NDArray[np.float32]:
    """Return the float32 vector in little-endian bytes; empty when they are cut off within a number."""
    return unpack_vector(data if len(data) % 4 == 0 else b"")
