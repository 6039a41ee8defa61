"""Who embeds a text that several embedders find at the same time: the first to claim its content.

A claim is a point whose id follows from the content, so that of two embedders only one can insert it. It
names its owner (a document) and the crawl record that made it. A claim never locks anything for good:

- its owner may always go on, so a crashed embedder's record, which is read again, finds its own claim;
- once the owner's stored document shows that it went another way (another version, deleted), the claim is
  void and the next to come takes it over;
- while the owner's record has left no trace at all, the claim holds for a quarter of an hour.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import msgspec

from equal_stream.embedding.documents import StoredDocument, source_name
from equal_stream.embedding.intake import Version
from equal_stream.messages import now
from equal_stream.store.base import Point, Store

_HOLDS_SECONDS = 900.0  # longer than a batch may take, and than a crashed embedder's records wait


def claim_id(content_hash: str) -> str:
    """Return the id of the claim on a content."""
    return str(uuid5(NAMESPACE_OID, f"equal-stream claim {content_hash}"))


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim as stored: document `owner` embeds what has this content, by the record at `source`."""

    owner: str
    source: str
    at: float
    kind: str = "claim"

    def void(self, content_hash: str, owner: StoredDocument | None) -> bool:
        """Tell whether the claim no longer holds, given what is stored of its owner."""
        if owner is not None and owner.content_hash == content_hash and owner.state == "embedded":
            return False
        if (
            owner is not None
            and _same_log(owner.source, self.source)
            and not _before(owner.source, self.source)
        ):
            return True
        return now().timestamp() > self.at + _HOLDS_SECONDS


class Claims:
    """The claims in the `documents` collection."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, hashes: Iterable[str]) -> dict[str, Claim]:
        """Return the claims there are, by content hash."""
        wanted = list(dict.fromkeys(hashes))
        points = self._store.get([claim_id(each) for each in wanted]) if wanted else []
        return {
            content: msgspec.convert(point.payload, Claim, strict=False)
            for content, point in zip(wanted, points, strict=True)
            if point is not None
        }

    def insert(self, versions: Iterable[Version]) -> set[str]:
        """Claim the content of versions; return the hashes that somebody else claimed meanwhile."""
        points = {claim_id(each.fingerprint.content_hash): each for each in versions}
        taken = set(self._store.insert_new([_point(id_, each) for id_, each in points.items()]))
        return {points[id_].fingerprint.content_hash for id_ in taken}

    def take_over(self, versions: Iterable[Version]) -> None:
        """Claim contents whose claims are void."""
        self._store.upsert([_point(claim_id(each.fingerprint.content_hash), each) for each in versions])

    def release(self, owners: Mapping[str, str]) -> None:
        """Delete the claims on contents (keys) as far as these documents (values) own them."""
        claims = self.of(owners)
        self._store.delete(
            [claim_id(content) for content, claim in claims.items() if claim.owner == owners[content]]
        )


def _point(id_: str, version: Version) -> Point:
    claim = Claim(owner=version.doc_id, source=source_name(version.source), at=now().timestamp())
    payload: dict[str, Any] = msgspec.structs.asdict(claim)
    return Point(id_, None, payload)


def _same_log(first: str, second: str) -> bool:
    return first.rpartition("/")[0] == second.rpartition("/")[0]


def _before(first: str, second: str) -> bool:
    return int(first.rpartition("/")[2]) < int(second.rpartition("/")[2])
