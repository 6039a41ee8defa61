"""From a decision to what will be stored and published: passages, what goes away, what is remembered."""

import msgspec

from equal_stream import ids
from equal_stream.embedding.batch import Item, NewPassage
from equal_stream.embedding.decisions import Decision
from equal_stream.embedding.documents import State, StoredDocument, source_name
from equal_stream.embedding.intake import Version
from equal_stream.embedding.passages import PassageCutter

_STATES: dict[str, State] = {
    "embedded": "embedded",
    "duplicate": "duplicate",
    "filtered": "filtered",
    "deleted": "deleted",
}


def make_item(decision: Decision, cutter: PassageCutter) -> Item:
    """Return what follows from a decision, with passages that have no vectors yet.

    Whatever comes of a newer version, the passages of the older one that it does not repeat are removed:
    a page that is now a copy of another, or too short, no longer says what it said.
    """
    stored = decision.stored
    match decision.outcome:
        case "superseded":
            return Item(decision)
        case "deleted" if stored is None:
            return Item(decision)
        case "unchanged":
            return _seen_again(decision)
        case "embedded":
            passages = _cut(decision, cutter)
        case _:
            passages = []
    kept = [new.passage_id for new in passages]
    removed = _removed(decision, set(kept))
    return Item(decision, _remembered(decision, kept, removed), passages, len(passages), removed)


def left_content(item: Item) -> StoredDocument | None:
    """Return the stored version whose content a document no longer has, if there is one."""
    before, after = item.decision.stored, item.document
    if before is None or after is None or before.content_hash == after.content_hash:
        return None
    return before if before.state == "embedded" else None


def _cut(decision: Decision, cutter: PassageCutter) -> list[NewPassage]:
    version = _version(decision)
    cut = list(cutter.cut(version.text))
    return [
        NewPassage(
            ids.passage_id(version.doc_id, each.text, each.start, each.end), each, place, len(cut) - 1 - place
        )
        for place, each in enumerate(cut)
    ]


def _seen_again(decision: Decision) -> Item:
    """Remember only that an unchanged document was seen later than before."""
    stored = decision.stored
    assert stored is not None
    if decision.arrival.at <= stored.fetched_at:
        return Item(decision, count=len(stored.passages))
    seen: StoredDocument = msgspec.structs.replace(stored, fetched_at=decision.arrival.at)
    return Item(decision, seen, count=len(stored.passages))


def _removed(decision: Decision, kept: set[str]) -> list[str]:
    """Return the passages that leave the store, and in a replay those that left it the first time."""
    stored = decision.stored
    if stored is None:
        return []
    before = stored.removed if decision.replay else []
    return [passage for passage in dict.fromkeys((*before, *stored.passages)) if passage not in kept]


def _remembered(decision: Decision, passages: list[str], removed: list[str]) -> StoredDocument:
    arrival = decision.arrival
    document = StoredDocument(
        url=arrival.url,
        doc_id=arrival.doc_id,
        state=_STATES[decision.outcome],
        source=source_name(arrival.source),
        fetched_at=arrival.at,
        passages=passages,
        removed=removed,
        of=decision.of,
    )
    if decision.outcome == "deleted":
        return document
    version = _version(decision)
    embedded = decision.outcome == "embedded"
    remembered: StoredDocument = msgspec.structs.replace(
        document,
        content_hash=version.fingerprint.content_hash,
        signature=version.fingerprint.packed_signature() if embedded else "",
        bands=version.fingerprint.bands() if embedded else [],
        lang=version.lang,
        title=version.title,
    )
    return remembered


def _version(decision: Decision) -> Version:
    assert isinstance(decision.arrival, Version)
    return decision.arrival
