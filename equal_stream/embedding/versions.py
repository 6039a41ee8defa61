"""Which version of a URL counts: first among those of one batch, then against the one that is stored.

A version is newer when its time is later, or the same and it comes later in the log. A deletion ends all
that comes before it in the log, whatever its time; what comes after it begins anew. Where a page was
crawled under several spellings, its records may lie in different partitions and be read in any order: then
the times of the records tell which came before the deletion.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from equal_stream.embedding.decisions import Decision
from equal_stream.embedding.documents import StoredDocument
from equal_stream.embedding.intake import Arrival, Deletion, Version, recorded_at


@dataclass(frozen=True, slots=True)
class Survivor:
    """The one record of a URL in a batch that goes on to the store.

    `anew` says that a deletion came before it in the batch, so that its time need not be later;
    `overtook` are the other records of its URL in the batch.
    """

    arrival: Arrival
    anew: bool = False
    overtook: tuple[Arrival, ...] = ()

    def replays(self, stored: StoredDocument | None) -> bool:
        """Tell whether it or a record it overtook, read again after a crash, wrote what is stored."""
        return stored is not None and any(map(stored.uncommitted, (self.arrival, *self.overtook)))


def newest_of_batch(arrivals: Iterable[Arrival]) -> tuple[list[Survivor], list[Decision]]:
    """Return the survivor for each URL, and decisions for the records it overtakes.

    Parameters
    ----------
    arrivals
        In the order of the log.
    """
    survivors: list[Survivor] = []
    overtaken: list[Decision] = []
    of_url: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        of_url.setdefault(arrival.doc_id, []).append(arrival)
    for group in of_url.values():
        deletions = [place for place, each in enumerate(group) if isinstance(each, Deletion)]
        begin = deletions[-1] if deletions else 0
        overtaken += [_overtaken(each, "deleted-in-batch") for each in group[:begin]]
        current = [each for each in group[begin:] if isinstance(each, Version)]
        if not current:
            survivors.append(Survivor(group[begin], overtook=tuple(group[:begin])))
            continue
        if deletions:
            overtaken.append(_overtaken(group[begin], "written-again-in-batch"))
        newest = max(reversed(current), key=lambda version: version.at)
        others = tuple(each for each in group if each is not newest)
        survivors.append(Survivor(newest, anew=bool(deletions), overtook=others))
        overtaken += [_overtaken(each, "newer-in-batch") for each in current if each is not newest]
    return survivors, overtaken


def _overtaken(arrival: Arrival, reason: str) -> Decision:
    return Decision(arrival, "deleted" if isinstance(arrival, Deletion) else "superseded", reason)


def against_stored(survivor: Survivor, stored: StoredDocument | None) -> Decision | None:
    """Return the fate of a record as far as the stored version settles it, or None."""
    arrival = survivor.arrival
    replay = survivor.replays(stored)
    if stored is not None and _overtaken_by(stored, survivor):
        return Decision(arrival, "superseded", "newer-stored")
    if isinstance(arrival, Deletion):
        return Decision(arrival, "deleted", "" if stored else "unknown-url", stored=stored, replay=replay)
    if stored is None or stored.state != "embedded":
        return None
    if stored.content_hash != arrival.fingerprint.content_hash:
        return None
    if replay:
        return Decision(arrival, "embedded", arrival.remark, stored=stored, replay=True)
    return Decision(arrival, "unchanged", arrival.remark, stored=stored)


def _overtaken_by(stored: StoredDocument, survivor: Survivor) -> bool:
    if stored.lies_behind(survivor.arrival):
        return True
    arrival = survivor.arrival
    if survivor.anew or isinstance(arrival, Deletion):
        return False
    if stored.state == "deleted":
        return not stored.same_partition(arrival) and recorded_at(arrival.record) < stored.fetched_at
    return arrival.at < stored.fetched_at
