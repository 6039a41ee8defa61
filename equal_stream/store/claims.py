"""Whose insert was it? A mark in the payload that settles it between callers, and after a lost answer.

An insert-only write tells nobody which points were new. So the inserter signs them with a claim of its
own, and whoever finds its claim in the store was the one. Stores hide the field from readers.
"""

import uuid
from collections.abc import Sequence
from dataclasses import replace

from equal_stream.store.base import Payload, Point

CLAIM = "_claim"


def new_claim() -> str:
    """Return a claim that nobody else has."""
    return uuid.uuid4().hex


def signed(points: Sequence[Point], claim: str) -> list[Point]:
    """Return the points with the claim in their payloads."""
    return [replace(point, payload={**point.payload, CLAIM: claim}) for point in points]


def unsigned(payload: Payload | None) -> Payload:
    """Return the payload without a claim, which is taken out in place."""
    payload = payload or {}
    payload.pop(CLAIM, None)
    return payload
